use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{
    Guard, GuardId, Inner, Rejection, RejectionBody, ScopeDescription, ShapeRejection, TokenVerifier, Tokens,
};
use crate::env::{Clock, SystemClock};
use crate::protocol::Issuer;
use crate::store::Store;

/// Puts a [`Guard`] together; [`build`](Self::build) makes it.
pub struct GuardBuilder {
    issuer: String,
    realm: Option<String>,
    clock: Arc<dyn Clock>,
    tokens: Option<Tokens>,
    shape_rejection: Option<ShapeRejection>,
    scopes: Vec<ScopeDescription>,
}

/// Why a guard cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The issuer is not an issuer identifier.
    #[error("the issuer: {0}")]
    Issuer(&'static str),
    /// The realm has a character that cannot be quoted.
    #[error("the realm must be printable ASCII without quote and backslash")]
    Realm,
    /// The guard has no way to check a token.
    #[error("there is nothing to check tokens with: call .store(..) or .verifier(..)")]
    NoTokens,
}

impl Guard {
    /// Begins a guard of the tokens that this issuer issues (RFC 8414 section 2).
    pub fn builder(issuer: impl Into<String>) -> GuardBuilder {
        GuardBuilder {
            issuer: issuer.into(),
            realm: None,
            clock: Arc::new(SystemClock),
            tokens: None,
            shape_rejection: None,
            scopes: Vec::new(),
        }
    }
}

impl GuardBuilder {
    /// The store that the issuer keeps its grants in.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.tokens = Some(Tokens::Rows(store));
        self
    }

    /// Something that knows what a token is worth, instead of a store.
    #[must_use]
    pub fn verifier(mut self, verifier: impl TokenVerifier) -> Self {
        self.tokens = Some(Tokens::Verifier(Arc::new(verifier)));
        self
    }

    /// The realm that challenges name (RFC 9110 section 11.5). By default it is the issuer.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The body of a rejection, in the application's own shape; `None` keeps the usual one. The status and the challenge do not
    /// depend on it.
    #[must_use]
    pub fn rejection_body(
        self,
        shape: impl Fn(&Rejection) -> Option<RejectionBody> + Send + Sync + 'static,
    ) -> Self {
        self.shared_rejection_body(Some(Arc::new(shape)))
    }

    pub(crate) fn shared_rejection_body(mut self, shape: Option<ShapeRejection>) -> Self {
        self.shape_rejection = shape;
        self
    }

    /// The scopes of the application, as [`scopes!`](crate::scopes!) lists them: routes are guarded with no other.
    #[must_use]
    pub fn scopes(mut self, scopes: &[ScopeDescription]) -> Self {
        self.scopes.extend_from_slice(scopes);
        self
    }

    /// The clock by which tokens expire. By default it is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the guard.
    ///
    /// # Errors
    /// [`GuardError`] says what to change.
    pub fn build(self) -> Result<Guard, GuardError> {
        let issuer = Issuer::parse(&self.issuer).map_err(GuardError::Issuer)?;
        let realm = self.realm.unwrap_or(issuer.url);
        if !is_realm(&realm) {
            return Err(GuardError::Realm);
        }
        Ok(Guard(Arc::new(Inner {
            id: GuardId::next(),
            realm,
            clock: self.clock,
            tokens: self.tokens.ok_or(GuardError::NoTokens)?,
            shape_rejection: self.shape_rejection,
            scopes: self.scopes,
            has_warned: AtomicBool::new(false),
        })))
    }
}

fn is_realm(realm: &str) -> bool {
    realm.bytes().all(|b| (0x20..=0x7e).contains(&b) && !matches!(b, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_that_cannot_work_is_not_built() {
        let guard = || Guard::builder("https://id.example.com");
        assert_eq!(guard().build().err(), Some(GuardError::NoTokens));
        assert_eq!(guard().store(Store::memory()).realm("a\"b").build().err(), Some(GuardError::Realm));
        let bad = Guard::builder("id.example.com").store(Store::memory()).build();
        assert!(matches!(bad, Err(GuardError::Issuer(_))));
    }
}
