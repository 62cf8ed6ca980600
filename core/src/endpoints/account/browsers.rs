//! The browsers in which the user is signed in.

use super::applications::each;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::{Authentication, Session};
use crate::store::{Kind, StoreError};

/// The most browsers on the page.
const MOST: usize = 50;

/// The browsers of a user: this one first, then the last sign-in first.
pub(super) struct Browsers {
    pub(super) shown: Vec<SignedIn>,
    pub(super) are_more: bool,
}

pub(super) struct SignedIn {
    /// The id of the session.
    pub(super) session: String,
    pub(super) since: Timestamp,
    /// Whether it is the browser that asks.
    pub(super) is_this: bool,
}

/// Reads the live sessions of a user.
pub(super) async fn read(engine: &Engine, signed_in: &Authentication) -> Result<Browsers, StoreError> {
    let now = engine.clock.now();
    let own = signed_in.session().map(|session| session.as_str());
    let mut shown = Vec::new();
    let are_all = each(engine, Kind::Session, signed_in.user().subject(), |entry| {
        let Ok(session) = entry.row.decoded::<Session>() else { return };
        if now < session.expires && !session.ended {
            let is_this = own == Some(&entry.id);
            shown.push(SignedIn { session: entry.id.clone(), since: session.signed_in, is_this });
        }
    });
    let are_all = are_all.await?;
    shown.sort_by(|one: &SignedIn, other: &SignedIn| {
        (other.is_this, other.since, &other.session).cmp(&(one.is_this, one.since, &one.session))
    });
    let are_more = shown.len() > MOST || !are_all;
    shown.truncate(MOST);
    Ok(Browsers { shown, are_more })
}
