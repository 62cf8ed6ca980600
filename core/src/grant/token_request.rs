use super::GrantedScope;
use crate::client_auth::AuthenticatedClient;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::identity::Source;
use crate::model::Authentication;
use crate::protocol::{OAuthError, Parameters, Scope};
use crate::store::Store;
use crate::token::Secret;

/// A token request of a client that has authenticated and may use the grant type (RFC 6749 section 3.2).
pub struct TokenRequest<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) client: &'a AuthenticatedClient,
    pub(crate) grant_type: &'a str,
    pub(crate) parameters: &'a Parameters,
    pub(crate) source: Source,
    pub(crate) now: Timestamp,
}

impl<'a> TokenRequest<'a> {
    /// The client, which has proved who it is.
    pub fn client(&self) -> &'a AuthenticatedClient {
        self.client
    }

    /// The grant type that is asked for.
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

    /// The scope that is asked for, as the server's policy grants it to this client.
    ///
    /// # Errors
    /// `invalid_scope` where it is malformed or more than the client may have.
    pub fn scope(&self) -> Result<GrantedScope, OAuthError> {
        GrantedScope::grant(self.client, self.parameter("scope"))
    }

    /// For a grant with two sides: the part of what was allowed at the authorization request that this request asks for and that
    /// the client may still have.
    ///
    /// # Errors
    /// `invalid_scope` where the scope that is asked for is malformed or more than that.
    pub fn scope_within(&self, allowed: &Scope) -> Result<GrantedScope, OAuthError> {
        // The client's registration may have been narrowed since.
        let allowed = allowed.filter(|token| self.client.scope().contains(token));
        GrantedScope::narrow(&allowed, self.parameter("scope"))
    }

    /// Checks a resource owner's password against the users of the server; attempts are throttled.
    ///
    /// # Errors
    /// `invalid_grant` where it is wrong or there is no such user; 429 after too many failures; 503 where it cannot be checked
    /// now.
    pub async fn check_password(&self, username: &str, password: &str) -> Result<Authentication, OAuthError> {
        let password = Secret::from(password);
        self.engine
            .check_password(username, &password, self.source)
            .await?
            .ok_or_else(|| OAuthError::invalid_grant("the username or the password is wrong"))
    }

    /// What the server has: issuer, users, clients.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The store, for what a custom grant has to look up.
    pub fn store(&self) -> &'a Store {
        &self.engine.store
    }

    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
