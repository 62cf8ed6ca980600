use std::sync::Arc;

use super::{Extension, Issued, NewGrant, issue};
use crate::client_auth::AuthenticatedClient;
use crate::env::Timestamp;
use crate::http::RequestContext;
use crate::model::{Client, GrantData, User};
use crate::protocol::{OAuthError, Parameters, Scope};
use crate::server::Inner;
use crate::store::Store;
use crate::token::Secret;

/// A scope that the server's policy has granted. Only the server makes one, so a grant cannot give more than the
/// client is registered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedScope(Scope);

impl GrantedScope {
    /// RFC 6749 section 3.3: what was asked if the client may have it; its default if nothing was asked.
    pub(crate) fn grant(client: &Client, requested: Option<&str>) -> Result<Self, OAuthError> {
        let Some(requested) = requested else {
            if let Some(default) = client.default_scope() {
                return Ok(Self(default.clone()));
            }
            // OpenID Connect and offline access are things that a client has to ask for.
            return Ok(Self(client.scope().filter(|token| !matches!(token, "openid" | "offline_access"))));
        };
        let requested = parse(requested)?;
        if client.scope().covers(&requested) {
            Ok(Self(requested))
        } else {
            Err(OAuthError::invalid_scope("the scope is more than the client may ask for"))
        }
    }

    /// RFC 6749 section 6: the whole of what was granted before, or the part of it that is asked.
    pub(crate) fn narrow(granted: &Scope, requested: Option<&str>) -> Result<Self, OAuthError> {
        let Some(requested) = requested else { return Ok(Self(granted.clone())) };
        let requested = parse(requested)?;
        if granted.covers(&requested) {
            Ok(Self(requested))
        } else {
            Err(OAuthError::invalid_scope("the scope is more than was granted"))
        }
    }

    /// The part of it that `keep` wants.
    #[must_use]
    pub fn only(&self, keep: impl FnMut(&str) -> bool) -> Self {
        Self(self.0.filter(keep))
    }

    /// The scope.
    pub fn as_scope(&self) -> &Scope {
        &self.0
    }

    pub(crate) fn into_scope(self) -> Scope {
        self.0
    }
}

/// RFC 6749 section 3.3: a scope that is asked for has at least one token.
fn parse(requested: &str) -> Result<Scope, OAuthError> {
    let requested = requested.parse().ok().filter(|scope: &Scope| !scope.is_empty());
    requested.ok_or_else(|| OAuthError::invalid_scope("the scope is malformed"))
}

/// A token request of a client that has authenticated and may use the grant type (RFC 6749 section 3.2).
pub struct TokenRequest<'a> {
    pub(crate) server: &'a Inner,
    pub(crate) client: &'a AuthenticatedClient,
    pub(crate) grant_type: &'a str,
    pub(crate) parameters: &'a Parameters,
    pub(crate) extensions: &'a [Arc<dyn Extension>],
    pub(crate) context: &'a RequestContext,
    pub(crate) now: Timestamp,
}

impl<'a> TokenRequest<'a> {
    /// The client, which has proved who it is.
    pub fn client(&self) -> &'a AuthenticatedClient {
        self.client
    }

    /// The grant type asked for.
    pub fn grant_type(&self) -> &'a str {
        self.grant_type
    }

    /// A parameter of the request; `None` where it is missing or empty.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.get(name)
    }

    /// All values of a parameter that may be sent more than once, such as `resource` (RFC 8707).
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.parameters.values(name)
    }

    /// A parameter that the request must have.
    ///
    /// # Errors
    /// `invalid_request` where it is missing or empty.
    pub fn required(&self, name: &str) -> Result<&'a str, OAuthError> {
        self.parameter(name).ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
    }

    /// The scope asked for, as the server's policy grants it to this client.
    ///
    /// # Errors
    /// `invalid_scope` where it is malformed or more than the client may have.
    pub fn scope(&self) -> Result<GrantedScope, OAuthError> {
        GrantedScope::grant(self.client, self.parameter("scope"))
    }

    /// What was allowed at an authorization request before, or the part of it that this request asks for, as far as the
    /// client may still have it: the scope of a grant with two sides.
    ///
    /// # Errors
    /// `invalid_scope` where what is asked for is malformed or more than that.
    pub fn scope_within(&self, allowed: &Scope) -> Result<GrantedScope, OAuthError> {
        // A client's registration may have been narrowed since.
        let allowed = allowed.filter(|token| self.client.scope().contains(token));
        GrantedScope::narrow(&allowed, self.parameter("scope"))
    }

    /// Checks a resource owner's password against the users of the server, slowed down after too many failures.
    ///
    /// # Errors
    /// `invalid_grant` where it is wrong or there is no such user; 429 after too many failures; 503 where it cannot be
    /// checked now.
    pub async fn check_password(&self, username: &str, password: &str) -> Result<User, OAuthError> {
        let password = Secret::from(password);
        self.server
            .check_password(username, &password, self.context)
            .await?
            .ok_or_else(|| OAuthError::invalid_grant("the username or the password is wrong"))
    }

    /// Stores a new grant and its tokens.
    ///
    /// # Errors
    /// What an extension objects, or a server error where it could not be stored: then no token is handed out.
    pub async fn issue(&self, grant: NewGrant) -> Result<Issued, OAuthError> {
        self.check_extensions(&grant.data)?;
        issue::issue(self.server, self.client, self.grant_type, grant, self.now).await
    }

    /// The store, for what a grant of the application's own has to look up.
    pub fn store(&self) -> &'a Store {
        &self.server.store
    }

    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn check_extensions(&self, kept: &GrantData) -> Result<(), OAuthError> {
        self.extensions.iter().try_for_each(|extension| extension.check_token_request(self, kept))
    }
}
