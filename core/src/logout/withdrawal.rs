//! Withdraws a user's consent to a client, with all that came of it.

use crate::engine::Engine;
use crate::events::{Event, RevocationCause};
use crate::store::{By, Entry, Kind, Query, StoreError};

/// How often the grants are listed. A pass finds none unless somebody makes new ones all the time.
const MOST_PASSES: usize = 8;

/// Removes the consent first, so that it leads to no new grant, then each grant with its tokens, until none is left: an approval that
/// had read the consent before may still make one. Another call continues where this one stopped.
pub(crate) async fn withdraw(engine: &Engine, subject: &str, client_id: &str) -> Result<(), StoreError> {
    let is_of_client = |entry: &Entry| entry.row.client() == Some(client_id);
    let consent = engine.remove_entries(Kind::Consent, By::User(subject), is_of_client).await;
    let mut grants = Ok(());
    for _ in 0..MOST_PASSES {
        let why = RevocationCause::ConsentWithdrawn;
        grants = engine.revoke_grants(By::User(subject), why, is_of_client).await;
        if grants.is_err() || !has_grant(engine, subject, client_id).await? {
            break;
        }
    }
    consent.and(grants)?;
    engine.events.emit(Event::ConsentWithdrawn.of_client(client_id).of_subject(subject));
    Ok(())
}

async fn has_grant(engine: &Engine, subject: &str, client_id: &str) -> Result<bool, StoreError> {
    let mut query = Query::new(Kind::Grant, By::User(subject));
    loop {
        let page = engine.store.list(query.clone()).await?;
        if page.entries.iter().any(|entry| entry.row.client() == Some(client_id)) {
            return Ok(true);
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(false),
        }
    }
}
