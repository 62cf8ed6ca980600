//! Tokens that the application issues itself, without a token request.

use super::GridAuth;
use crate::grant::{GrantedScope, NewGrant, TokenResponse, issue_minted};
use crate::model::Client;
use crate::protocol::{OAuthError, Scope};

/// Describes a token that the application issues itself, without a token request: for tests and for its own tools.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use gridauth::http::BearerToken;
/// use gridauth::{GridAuth, MintRequest, Store};
///
/// let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
/// let token = auth.mint(MintRequest::for_user("israel").client("web").scope("notes.read")).await?;
/// let access = auth.authenticate(&BearerToken::new(token.access_token.expose())).await?;
/// assert_eq!(access.user(), Some("israel"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MintRequest {
    subject: Option<String>,
    client_id: String,
    scope: String,
}

impl MintRequest {
    /// A token for the user with this subject.
    pub fn for_user(subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), client_id: "minted".to_owned(), scope: String::new() }
    }

    /// A token for a client that acts for itself.
    pub fn for_client(client_id: impl Into<String>) -> Self {
        Self { subject: None, client_id: client_id.into(), scope: String::new() }
    }

    /// Sets the client, which need not be registered.
    #[must_use]
    pub fn client(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets the scope, as a space-separated list. By default it is empty.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }
}

impl GridAuth {
    /// Issues a token without a token request. The caller is responsible for it: no client is authenticated, and no scope policy
    /// applies.
    ///
    /// # Errors
    /// `invalid_scope` if the scope is malformed; a server error if the token cannot be stored.
    pub async fn mint(&self, request: MintRequest) -> Result<TokenResponse, OAuthError> {
        let scope: Scope =
            request.scope.parse().map_err(|_| OAuthError::invalid_scope("the scope is malformed"))?;
        let client = Client::public(request.client_id)
            .scope(scope.as_str())
            .build()
            .map_err(|error| OAuthError::invalid_request(error.to_string()))?;
        let scope = GrantedScope::narrow(&scope, None)?;
        let grant = match request.subject {
            Some(subject) => NewGrant::for_user(subject, scope).without_refresh_token(),
            None => NewGrant::for_client(scope),
        };
        let issued = issue_minted(&self.0.engine, &client, grant).await?;
        Ok(issued.into_response())
    }
}
