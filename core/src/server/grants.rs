//! Grants, for operators and for the user's own page.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{GridAuth, ListOptions, Listing, RevokeError};
use crate::env::Timestamp;
use crate::events::{Event, RevocationCause};
use crate::model::{Consent, GrantId, GrantRecord, GrantSummary};
use crate::protocol::Scope;
use crate::store::{By, Change, Key, Kind, Row, StoreError, StoreErrorKind, Updated};

/// What a client can do for a user: its grants and the consents that the user gave it, together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientAccess {
    /// The client. [`GridAuth::withdraw_consent`] ends its access.
    pub client_id: String,
    /// The name that the client shows to users, if it is registered and has one.
    pub client_name: Option<String>,
    /// All that its grants allow, and all that the user has consented to.
    pub scope: Scope,
    /// When the oldest of its grants and consents was made.
    pub since: Timestamp,
    /// When its newest valid access token was issued.
    pub newest_token: Option<Timestamp>,
    /// How many grants it has.
    pub grants: usize,
}

impl ClientAccess {
    /// As the admin API writes it. Times are seconds since 1970.
    pub fn to_json(&self) -> Map<String, Value> {
        let members = json!({
            "client_id": self.client_id,
            "client_name": self.client_name,
            "scope": self.scope.as_str(),
            "since": self.since.as_secs(),
            "newest_token_at": self.newest_token.map(Timestamp::as_secs),
            "grants": self.grants,
        });
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}

impl GridAuth {
    /// The grants of a user, by subject: those with a valid code or token. A page may be empty even if more follow.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn grants(
        &self,
        subject: &str,
        options: ListOptions,
    ) -> Result<Listing<GrantSummary>, StoreError> {
        self.grants_by(By::User(subject), options).await
    }

    /// The grants of a client, as [`grants`](Self::grants).
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn grants_of_client(
        &self,
        client_id: &str,
        options: ListOptions,
    ) -> Result<Listing<GrantSummary>, StoreError> {
        self.grants_by(By::Client(client_id), options).await
    }

    async fn grants_by(&self, by: By<'_>, options: ListOptions) -> Result<Listing<GrantSummary>, StoreError> {
        let now = self.clock().now();
        self.listing(by, options, |grant: &GrantRecord| GrantSummary::of(grant, now)).await
    }

    /// The grant with this id; `None` if there is none, or nothing of it is valid any more.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails or the row cannot be decoded.
    pub async fn grant(&self, id: GrantId) -> Result<Option<GrantSummary>, StoreError> {
        let grant = self.store().read::<GrantRecord>(id.row_id(&mut [0; 36])).await?;
        Ok(grant.and_then(|grant| GrantSummary::of(&grant, self.clock().now())))
    }

    /// Revokes one grant, with its code and tokens. The user's consent stays, so the client may get another one without asking.
    /// Returns `false` if there is no such grant.
    ///
    /// # Errors
    /// [`RevokeError`] if the store fails.
    pub async fn revoke_grant(&self, id: GrantId) -> Result<bool, RevokeError> {
        let (mut client, mut subject) = (None, None);
        let mut remove = |row: &Row| {
            client = row.client().map(str::to_owned);
            subject = row.user().map(str::to_owned);
            Change::Remove
        };
        let key = &mut [0; 36];
        let updated = self.store().update(Key::new(Kind::Grant, id.row_id(key)), &mut remove).await?;
        let is_revoked = updated == Updated::Removed;
        if is_revoked {
            let revoked = Event::GrantRevoked { why: RevocationCause::Operator };
            let revoked = revoked.of_grant(id.uuid()).of_client(client.as_deref());
            self.0.engine.events.emit(revoked.of_subject(subject.as_deref()));
        }
        Ok(is_revoked)
    }

    /// The clients that have access to a user's data, by subject: what the user's own page shows. A client is listed if it has a
    /// grant with a valid code or token, or a consent. The newest access comes first.
    ///
    /// All grants of the user are read.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails or a consent cannot be decoded. A grant that cannot be decoded gives no access, and is skipped.
    pub async fn access_of(&self, subject: &str) -> Result<Vec<ClientAccess>, StoreError> {
        let mut found: BTreeMap<String, ClientAccess> = BTreeMap::new();
        for Consent { client_id, scope, given, .. } in self.consents(subject).await? {
            add(&mut found, &client_id, &scope, given);
        }
        let mut options = ListOptions::new().limit(500);
        loop {
            let page = self.grants(subject, options.clone()).await?;
            for grant in page.items {
                let access = add(&mut found, &grant.client_id, &grant.scope, grant.issued);
                access.grants += 1;
                access.newest_token = access.newest_token.max(grant.newest_token);
            }
            match page.next {
                Some(next) => options = options.after(next),
                None => break,
            }
        }
        let mut all: Vec<ClientAccess> = found.into_values().collect();
        for access in &mut all {
            let client = match self.client(&access.client_id).await {
                // Whoever decides whether to withdraw the access has to see it.
                Err(error) if error.kind() == StoreErrorKind::Corrupt => None,
                client => client?,
            };
            access.client_name = client.and_then(|client| client.name().map(str::to_owned));
        }
        all.sort_by_key(|access| std::cmp::Reverse(access.newest_token.unwrap_or(access.since)));
        Ok(all)
    }
}

/// Adds a scope to a client's access.
fn add<'f>(
    found: &'f mut BTreeMap<String, ClientAccess>,
    client_id: &str,
    scope: &Scope,
    since: Timestamp,
) -> &'f mut ClientAccess {
    let access = found.entry(client_id.to_owned()).or_insert_with(|| ClientAccess {
        client_id: client_id.to_owned(),
        client_name: None,
        scope: Scope::default(),
        since,
        newest_token: None,
        grants: 0,
    });
    access.scope = access.scope.union(scope);
    access.since = access.since.min(since);
    access
}
