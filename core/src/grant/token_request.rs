use super::GrantedScope;
use crate::client_auth::AuthenticatedClient;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::identity::Source;
use crate::model::Authentication;
use crate::protocol::{OAuthError, Parameters, Scope};
use crate::store::Store;
use crate::token::{Binding, Secret};

/// A token request of a client that has authenticated and may use the grant type (RFC 6749 section 3.2).
pub struct TokenRequest<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) client: &'a AuthenticatedClient,
    pub(crate) grant_type: &'a str,
    pub(crate) parameters: &'a Parameters,
    pub(crate) binding: Option<Binding>,
    pub(crate) source: Source,
    pub(crate) now: Timestamp,
}

impl<'a> TokenRequest<'a> {
    /// The authenticated client.
    pub fn client(&self) -> &'a AuthenticatedClient {
        self.client
    }

    /// The requested grant type.
    pub fn grant_type(&self) -> &'a str {
        self.grant_type
    }

    /// A parameter of the request; `None` if it is missing or empty.
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
    /// `invalid_request` if it is missing or empty.
    pub fn required(&self, name: &str) -> Result<&'a str, OAuthError> {
        self.parameter(name).ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
    }

    /// The requested scope, granted to this client; the client's default scope if it requests none.
    ///
    /// # Errors
    /// `invalid_scope` if it is malformed or exceeds the client's scope.
    pub fn scope(&self) -> Result<GrantedScope, OAuthError> {
        GrantedScope::grant(self.client, self.parameter("scope"))
    }

    /// The requested part of `allowed`, a scope that was granted earlier; all of it if the request names none. Tokens that the
    /// client may no longer have are left out.
    ///
    /// # Errors
    /// `invalid_scope` if the requested scope is malformed or exceeds that.
    pub fn scope_within(&self, allowed: &Scope) -> Result<GrantedScope, OAuthError> {
        // The client's registered scope may have shrunk since.
        let allowed = allowed.filter(|token| self.client.scope().contains(token));
        GrantedScope::narrow(&allowed, self.parameter("scope"))
    }

    /// The key that the client has proved possession of with this request. The tokens that are issued for it are bound to that.
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// Verifies a resource owner's password. Attempts are throttled.
    ///
    /// # Errors
    /// `invalid_grant` if it is wrong or there is no such user; status 429 after too many failures; status 503 if it cannot be
    /// verified at the moment.
    pub async fn check_password(&self, username: &str, password: &str) -> Result<Authentication, OAuthError> {
        let password = Secret::from(password);
        self.engine
            .check_password(username, &password, self.source)
            .await?
            .ok_or_else(|| OAuthError::invalid_grant("the username or the password is wrong"))
    }

    /// The engine: issuer, store, users, clients.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The store, for the data of a custom grant.
    pub fn store(&self) -> &'a Store {
        &self.engine.store
    }

    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
