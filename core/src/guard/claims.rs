use serde_json::{Map, Value};

use crate::env::Timestamp;
use crate::protocol::Scope;
use crate::token::Binding;

/// What a token says of itself, where no row stands behind it: a [`TokenVerifier`](super::TokenVerifier) gives it.
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
    /// A token that speaks for the user with this subject.
    pub fn for_user(subject: impl Into<String>, client_id: impl Into<String>, expires: Timestamp) -> Self {
        Self { user: Some(subject.into()), ..Self::for_client(client_id, expires) }
    }

    /// A token of a client that acts for itself.
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

    /// The scope of the token. Without it the token has none.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The resources that the token is for (`aud`, RFC 9068 section 2.2).
    #[must_use]
    pub fn with_audience(mut self, audience: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// What the sender of the token has to prove possession of (`cnf`, RFC 7800).
    #[must_use]
    pub fn with_binding(mut self, binding: Binding) -> Self {
        self.binding = Some(binding);
        self
    }

    /// Any other claim.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: Value) -> Self {
        self.others.insert(name.into(), value);
        self
    }
}
