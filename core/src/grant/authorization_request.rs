use std::sync::Arc;

use super::{GrantedScope, Issued, NewGrant, issue};
use crate::env::Timestamp;
use crate::model::{Client, GrantData, User};
use crate::protocol::{OAuthError, Parameters, ResponseMode};
use crate::server::Inner;
use crate::store::Store;
use crate::token::{Digest, Secret};

/// A redirect URI that the client has registered: the only place to which a browser is sent. Only the server makes one,
/// in one function, which every path uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedRedirect(String);

impl ValidatedRedirect {
    /// RFC 6749 section 3.1.2.3: the one that is asked for if it is registered; the only one that is, if none is asked.
    pub(crate) fn of(client: &Client, requested: Option<&str>) -> Option<Self> {
        match requested {
            Some(requested) => client
                .redirect_uris()
                .iter()
                .any(|registered| registered.matches(requested))
                .then(|| Self(requested.to_owned())),
            None => match client.redirect_uris() {
                [only] => Some(Self(only.as_str().to_owned())),
                _ => None,
            },
        }
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An authorization request that was checked (RFC 6749 section 4.1.1): client, redirect URI, response type and mode, and
/// scope are good.
#[derive(Debug)]
pub struct AuthorizationRequest {
    pub(crate) client: Arc<Client>,
    pub(crate) redirect: ValidatedRedirect,
    pub(crate) response_mode: ResponseMode,
    pub(crate) scope: GrantedScope,
    pub(crate) parameters: Parameters,
}

impl AuthorizationRequest {
    /// The client that asks.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where the answer goes.
    pub fn redirect(&self) -> &ValidatedRedirect {
        &self.redirect
    }

    /// How it travels.
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }

    /// The scope that may be granted.
    pub fn scope(&self) -> &GrantedScope {
        &self.scope
    }

    /// A parameter of the request; `None` where it is missing or empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)
    }

    /// All values of a parameter that may be sent more than once, such as `resource` (RFC 8707).
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters.values(name)
    }
}

/// An authorization request that its resource owner has allowed. Only the server makes one.
pub struct ApprovedAuthorization<'a> {
    pub(crate) server: &'a Inner,
    pub(crate) request: &'a AuthorizationRequest,
    pub(crate) grant_type: &'a str,
    pub(crate) user: &'a User,
    pub(crate) data: GrantData,
    pub(crate) now: Timestamp,
}

impl<'a> ApprovedAuthorization<'a> {
    /// The request.
    pub fn request(&self) -> &'a AuthorizationRequest {
        self.request
    }

    /// The resource owner who allowed it.
    pub fn user(&self) -> &'a User {
        self.user
    }

    /// The scope that was allowed.
    pub fn scope(&self) -> &'a GrantedScope {
        &self.request.scope
    }

    /// What extensions want kept with the grant.
    pub fn data(&self) -> &GrantData {
        &self.data
    }

    /// The store, for what a grant of the application's own keeps between its two sides, as rows of
    /// [`Kind::Custom`](crate::store::Kind::Custom).
    pub fn store(&self) -> &'a Store {
        &self.server.store
    }

    /// A new secret of 256 random bits to hand out, and the digest of it to keep
    /// ([`Digest::of_secret`](crate::token::Digest::of_secret) finds it again).
    ///
    /// # Errors
    /// 503 where there is no randomness.
    pub fn new_secret(&self) -> Result<(Secret, Digest), OAuthError> {
        Ok(Digest::new_secret(&*self.server.entropy)?)
    }

    /// The time of the approval.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Stores a new grant with an access token that is handed out in the answer.
    ///
    /// # Errors
    /// A server error where it could not be stored.
    pub async fn issue(&self, mut grant: NewGrant) -> Result<Issued, OAuthError> {
        // What an extension decided here must bind the tokens that come of it.
        for (name, value) in &self.data {
            grant.data.insert(name.clone(), value.clone());
        }
        issue::issue(self.server, &self.request.client, self.grant_type, grant, self.now).await
    }
}

/// The parameters of a successful answer (RFC 6749 sections 4.1.2 and 4.2.2). `state` and `iss` are added to them.
#[derive(Debug, Default)]
pub struct AuthorizationResponse(Vec<(String, Secret)>);

impl AuthorizationResponse {
    /// An answer without parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with one more parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), Secret::from(value.into())));
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
