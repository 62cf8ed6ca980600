//! The applications that have access to the account.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::{Client, Consent, GrantRecord};
use crate::protocol::Scope;
use crate::store::{By, Entry, Kind, Query, StoreError};

/// The most applications on the page.
const MOST: usize = 100;
/// How many rows of a kind are read for it at most.
const MOST_ROWS: usize = 5_000;

/// The applications of a user, the last one first.
pub(super) struct Applications {
    pub(super) shown: Vec<Application>,
    pub(super) are_more: bool,
}

/// An application that has access, or may ask for it without asking the user again.
pub(super) struct Application {
    pub(super) client_id: String,
    /// `None` if it is not registered any more.
    pub(super) client: Option<Arc<Client>>,
    pub(super) scope: Scope,
    pub(super) since: Timestamp,
    pub(super) newest_token: Option<Timestamp>,
}

/// Reads the applications of a user from consents and grants.
pub(super) async fn read(engine: &Engine, subject: &str) -> Result<Applications, StoreError> {
    let now = engine.clock.now();
    let mut found: HashMap<String, Application> = HashMap::new();
    let consents = each(engine, Kind::Consent, subject, |entry| {
        if let Ok(consent) = entry.row.decoded::<Consent>() {
            add(&mut found, &consent.client_id, &consent.scope, consent.given, None);
        }
    });
    let all_consents = consents.await?;
    let grants = each(engine, Kind::Grant, subject, |entry| {
        let is_live = entry.row.expires().is_none_or(|expires| now < expires);
        if let Some(grant) = entry.row.decoded::<GrantRecord>().ok().filter(|_| is_live) {
            let newest = grant.access.iter().map(|access| access.issued).max();
            add(&mut found, &grant.client_id, &grant.scope, grant.issued, newest.or(Some(grant.issued)));
        }
    });
    let all_grants = grants.await?;
    let mut shown: Vec<Application> = found.into_values().collect();
    shown.sort_by(|one, other| {
        (other.newest_token, other.since, &other.client_id).cmp(&(
            one.newest_token,
            one.since,
            &one.client_id,
        ))
    });
    let are_more = shown.len() > MOST || !all_consents || !all_grants;
    shown.truncate(MOST);
    for application in &mut shown {
        application.client = engine.client(&application.client_id).await?;
    }
    Ok(Applications { shown, are_more })
}

fn add(
    found: &mut HashMap<String, Application>,
    client_id: &str,
    scope: &Scope,
    since: Timestamp,
    newest_token: Option<Timestamp>,
) {
    match found.get_mut(client_id) {
        Some(known) => {
            known.scope = known.scope.union(scope);
            known.since = known.since.min(since);
            known.newest_token = known.newest_token.max(newest_token);
        }
        None => {
            let (client_id, scope) = (client_id.to_owned(), scope.clone());
            let new = Application { client_id: client_id.clone(), client: None, scope, since, newest_token };
            found.insert(client_id, new);
        }
    }
}

/// Visits the rows of a user. Returns `false` if there are too many.
pub(super) async fn each(
    engine: &Engine,
    kind: Kind,
    subject: &str,
    mut visit: impl FnMut(&Entry),
) -> Result<bool, StoreError> {
    let mut query = Query::new(kind, By::User(subject)).limit(500);
    let mut seen = 0;
    loop {
        let page = engine.store.list(query.clone()).await?;
        page.entries.iter().for_each(&mut visit);
        seen += page.entries.len();
        match page.next {
            Some(_) if seen >= MOST_ROWS => return Ok(false),
            Some(next) => query = query.after(next),
            None => return Ok(true),
        }
    }
}
