use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{AccessClaims, GuardId, Rejection};
use crate::env::Timestamp;
use crate::model::{AccessState, AuthenticationState, GrantRecord};
use crate::protocol::Scope;
use crate::token::{Digest, GrantId};

/// What a valid access token gives: whom it speaks for, the client that it was issued to, and its scope.
///
/// A guarded handler receives one. It is cheap to clone, and only a guard can make one.
///
/// It is not what a handler takes as an argument: that is the type of the same name in the adapter (`gridauth_tower::Access`,
/// `gridauth_actix::Access`, `gridauth_rocket::Access`), which dereferences to this one.
#[derive(Clone)]
pub struct Access {
    facts: Facts,
    /// The guard that gave it.
    guard: GuardId,
}

/// What is known of the token.
#[derive(Clone)]
enum Facts {
    /// The grant's row, and which of its access tokens it is.
    Row { record: Arc<GrantRecord>, at: usize },
    /// What the token says.
    Claims(Arc<AccessClaims>),
}

/// Whom an access token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner<'a> {
    /// The user with this subject.
    User(&'a str),
    /// A client that acts for itself.
    Client(&'a str),
}

impl Access {
    /// The access that a grant's row gives for the token with this digest.
    pub(super) fn of_row(
        record: Arc<GrantRecord>,
        digest: &Digest,
        now: Timestamp,
        guard: GuardId,
    ) -> Option<Self> {
        let at = record.access.iter().position(|access| access.digest.matches(digest))?;
        let token = &record.access[at];
        // A bound token is worth nothing without a proof of possession, and no proof has been checked.
        let is_valid = now < token.expires && token.binding.is_none();
        is_valid.then_some(Self { facts: Facts::Row { record, at }, guard })
    }

    /// The access that a token gives by what it says of itself.
    pub(super) fn of_claims(claims: AccessClaims, now: Timestamp, guard: GuardId) -> Option<Self> {
        let is_valid = now < claims.expires && claims.binding.is_none();
        is_valid.then(|| Self { facts: Facts::Claims(Arc::new(claims)), guard })
    }

    /// Whether this guard gave it. What one guard says of a token means nothing to another.
    ///
    /// ```
    /// use gridauth::http::BearerToken;
    /// use gridauth::{GridAuth, MintRequest, Store};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let build = || GridAuth::builder("https://id.example.com").store(Store::memory()).build();
    /// let (one, other) = (build().await?, build().await?);
    /// let token = one.mint(MintRequest::for_user("israel")).await?;
    /// let access = one.authenticate(&BearerToken::new(token.access_token.expose())).await?;
    /// assert!(access.is_from(one.guard().id()) && !access.is_from(other.guard().id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn is_from(&self, guard: GuardId) -> bool {
        self.guard == guard
    }

    /// The subject of the user that the token speaks for; `None` where the client acts for itself.
    pub fn user(&self) -> Option<&str> {
        match &self.facts {
            Facts::Row { record, .. } => record.subject.as_deref(),
            Facts::Claims(claims) => claims.user.as_deref(),
        }
    }

    /// The client that the token was issued to.
    pub fn client(&self) -> &str {
        match &self.facts {
            Facts::Row { record, .. } => &record.client_id,
            Facts::Claims(claims) => &claims.client_id,
        }
    }

    /// Whom the token speaks for, users and clients told apart.
    pub fn owner(&self) -> Owner<'_> {
        self.user().map_or(Owner::Client(self.client()), Owner::User)
    }

    /// The user, or the client where no user stands behind the token: the value of `sub` (RFC 7662 section 2.2). A user's
    /// subject may be the id of a client (RFC 9700 section 4.15): ask [`owner`](Self::owner) where that matters.
    pub fn subject(&self) -> &str {
        self.user().unwrap_or_else(|| self.client())
    }

    /// The scope of the token.
    pub fn scope(&self) -> &Scope {
        match &self.facts {
            Facts::Row { record, at } => {
                record.access.get(*at).and_then(|access| access.scope.as_ref()).unwrap_or(&record.scope)
            }
            Facts::Claims(claims) => &claims.scope,
        }
    }

    /// Until when the token is valid.
    pub fn expires(&self) -> Timestamp {
        match &self.facts {
            Facts::Row { record, at } => {
                record.access.get(*at).map_or(record.issued, |access| access.expires)
            }
            Facts::Claims(claims) => claims.expires,
        }
    }

    /// The resources that the token is for (RFC 8707); empty means the issuer itself.
    pub fn audience(&self) -> &[String] {
        match &self.facts {
            Facts::Row { .. } => self.token().map(|access| &*access.audience).unwrap_or_default(),
            Facts::Claims(claims) => &claims.audience,
        }
    }

    /// The grant that the token belongs to; `None` where the guard sees only the token.
    pub fn grant_id(&self) -> Option<GrantId> {
        self.record().map(|record| record.id)
    }

    /// The grant type by which the token was obtained; `None` where the guard sees only the token.
    pub fn grant_type(&self) -> Option<&str> {
        self.record().map(|record| &*record.grant_type)
    }

    /// When and how the user signed in, where the grant's row says it.
    pub fn authentication(&self) -> Option<&AuthenticationState> {
        self.record()?.authentication.as_deref()
    }

    /// What an extension keeps with the grant under this name, or the claim of the token with this name.
    pub fn data(&self, name: &str) -> Option<&Value> {
        match &self.facts {
            Facts::Row { record, .. } => record.data.get(name),
            Facts::Claims(claims) => claims.others.get(name),
        }
    }

    /// Whether the token has every scope of the space-separated list `needed`.
    ///
    /// # Errors
    /// `insufficient_scope` (RFC 6750 section 3.1) where it lacks one.
    pub fn require(&self, needed: &str) -> Result<(), Rejection> {
        if self.scope().covers_list(needed) { Ok(()) } else { Err(Rejection::insufficient_scope(needed)) }
    }

    fn record(&self) -> Option<&GrantRecord> {
        match &self.facts {
            Facts::Row { record, .. } => Some(record),
            Facts::Claims(_) => None,
        }
    }

    fn token(&self) -> Option<&AccessState> {
        match &self.facts {
            Facts::Row { record, at } => record.access.get(*at),
            Facts::Claims(_) => None,
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("user", &self.user())
            .field("client", &self.client())
            .field("scope", self.scope())
            .finish_non_exhaustive()
    }
}
