use serde_json::{Map, Value};

use crate::env::Timestamp;
use crate::protocol::Scope;
use crate::token::Binding;

/// The claims of a token that is checked without a store. A [`TokenVerifier`](super::TokenVerifier) returns them.
///
/// ```
/// use gridauth::env::Timestamp;
/// use gridauth::guard::AccessClaims;
///
/// let claims = AccessClaims::for_user("248289761001", "web", Timestamp::from_millis(1_900_000_000_000))
///     .with_scope("notes.read".parse()?)
///     .with_claim("tenant", "acme".into());
/// # Ok::<(), gridauth::protocol::ScopeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AccessClaims {
    pub(super) user: Option<String>,
    pub(super) client_id: String,
    pub(super) scope: Scope,
    pub(super) expires: Timestamp,
    pub(super) audience: Box<[String]>,
    pub(super) binding: Option<Binding>,
    pub(super) others: Map<String, Value>,
}

impl AccessClaims {
    /// Claims of a token for the user with this subject.
    pub fn for_user(subject: impl Into<String>, client_id: impl Into<String>, expires: Timestamp) -> Self {
        Self { user: Some(subject.into()), ..Self::for_client(client_id, expires) }
    }

    /// Claims of a token for a client that acts for itself.
    pub fn for_client(client_id: impl Into<String>, expires: Timestamp) -> Self {
        Self {
            user: None,
            client_id: client_id.into(),
            scope: Scope::default(),
            expires,
            audience: Box::default(),
            binding: None,
            others: Map::new(),
        }
    }

    /// Sets the scope. By default it is empty.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the resources that the token is for (`aud`, RFC 9068 section 2.2).
    #[must_use]
    pub fn with_audience(mut self, audience: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the key that the sender of the token must prove possession of (`cnf`, RFC 7800).
    #[must_use]
    pub fn with_binding(mut self, binding: Binding) -> Self {
        self.binding = Some(binding);
        self
    }

    /// Adds another claim.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: Value) -> Self {
        self.others.insert(name.into(), value);
        self
    }
}
