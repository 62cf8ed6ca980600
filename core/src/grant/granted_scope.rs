use crate::model::Client;
use crate::protocol::{OAuthError, Scope};

/// A scope that the server has granted. Only the server can make one, so a grant cannot exceed the scope that the client is
/// registered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedScope(Scope);

impl GrantedScope {
    /// RFC 6749 section 3.3: the requested scope, if the client may have it; the client's default if none is requested.
    pub(crate) fn grant(client: &Client, requested: Option<&str>) -> Result<Self, OAuthError> {
        let Some(requested) = requested else {
            if let Some(default) = client.default_scope() {
                return Ok(Self(default.clone()));
            }
            // OpenID Connect and offline access must be requested explicitly.
            return Ok(Self(client.scope().filter(|token| !matches!(token, "openid" | "offline_access"))));
        };
        let requested = parse(requested)?;
        if client.scope().covers(&requested) {
            Ok(Self(requested))
        } else {
            Err(OAuthError::invalid_scope("the scope is more than the client may ask for"))
        }
    }

    /// RFC 6749 section 6: the requested part of what was granted before, or all of it if none is requested.
    pub(crate) fn narrow(granted: &Scope, requested: Option<&str>) -> Result<Self, OAuthError> {
        let Some(requested) = requested else { return Ok(Self(granted.clone())) };
        let requested = parse(requested)?;
        if granted.covers(&requested) {
            Ok(Self(requested))
        } else {
            Err(OAuthError::invalid_scope("the scope is more than was granted"))
        }
    }

    /// The part of the scope that `keep` accepts.
    #[must_use]
    pub fn only(&self, keep: impl FnMut(&str) -> bool) -> Self {
        Self(self.0.filter(keep))
    }

    /// The scope.
    pub fn as_scope(&self) -> &Scope {
        &self.0
    }
}

/// RFC 6749 section 3.3: a requested scope has at least one token.
fn parse(requested: &str) -> Result<Scope, OAuthError> {
    let requested = requested.parse().ok().filter(|scope: &Scope| !scope.is_empty());
    requested.ok_or_else(|| OAuthError::invalid_scope("the scope is malformed"))
}
