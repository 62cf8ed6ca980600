use std::fmt;
use std::sync::Arc;

use crate::env::Timestamp;
use crate::guard::Rejection;
use crate::model::GrantRecord;
use crate::protocol::Scope;
use crate::token::Digest;

/// What a good access token gives: whom it speaks for, to which client it was issued, and for what.
///
/// A guarded handler receives one. It is cheap to clone, and nobody but the guard can make one.
#[derive(Clone)]
pub struct Access {
    record: Arc<GrantRecord>,
    at: usize,
}

impl Access {
    pub(crate) fn of(record: Arc<GrantRecord>, digest: &Digest, now: Timestamp) -> Option<Self> {
        let at = record.access.iter().position(|access| access.digest.matches(digest))?;
        (now < record.access[at].expires).then_some(Self { record, at })
    }

    /// The subject of the user that the token speaks for; `None` where the client acts for itself.
    pub fn user(&self) -> Option<&str> {
        self.record.subject.as_deref()
    }

    /// The client that the token was issued to.
    pub fn client(&self) -> &str {
        &self.record.client_id
    }

    /// The user, or the client where no user stands behind the token: what `sub` says (RFC 7662 section 2.2).
    pub fn subject(&self) -> &str {
        self.user().unwrap_or_else(|| self.client())
    }

    /// The scope of the token.
    pub fn scope(&self) -> &Scope {
        self.record.access.get(self.at).and_then(|access| access.scope.as_ref()).unwrap_or(&self.record.scope)
    }

    /// Until when the token is good.
    pub fn expires(&self) -> Timestamp {
        self.record.access.get(self.at).map_or(self.record.issued, |access| access.expires)
    }

    /// The grant type by which it was obtained.
    pub fn grant_type(&self) -> &str {
        &self.record.grant_type
    }

    /// Whether the token has every scope of the space-separated list `needed`.
    ///
    /// # Errors
    /// `insufficient_scope` (RFC 6750 section 3.1) where it lacks one.
    pub fn require(&self, needed: &str) -> Result<(), Rejection> {
        if self.scope().covers_list(needed) { Ok(()) } else { Err(Rejection::insufficient_scope(needed)) }
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
