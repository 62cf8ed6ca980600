use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_LENGTH;

use super::routes::{Route, Routes};
use crate::client_auth::ClientAuthenticator;
use crate::endpoint::EndpointRequest;
use crate::engine::Engine;
use crate::env::{Clock, Entropy};
use crate::grant::Registry;
use crate::guard::{AccessFuture, Guard, Rejection, ScopeDescription};
use crate::http::{
    AllowedOrigins, Request, RequestHead, Response, Unread, error_response, not_found, preflight,
};
use crate::identity::StoredUsers;
use crate::protocol::{Issuer, OAuthError};
use crate::store::{Store, deadline};

/// An authorization server and the guard of its tokens. A cheap handle: clones share one server.
///
/// ```
/// use gridauth::grant::{ClientCredentials, RefreshToken};
/// use gridauth::{GridAuth, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth = GridAuth::builder("https://id.example.com")
///     .store(Store::open("memory:").await?)
///     .grant(ClientCredentials::new())
///     .build()
///     .await?;
/// assert!(auth.paths().contains(&"/oauth/token".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct GridAuth(pub(super) Arc<Server>);

/// What was built.
pub(super) struct Server {
    pub(super) engine: Arc<Engine>,
    pub(super) grants: Arc<Registry>,
    /// The scopes that the application declared.
    pub(super) scopes: Vec<ScopeDescription>,
    pub(super) guard: Guard,
    pub(super) authenticator: ClientAuthenticator,
    pub(super) routes: Routes,
    pub(super) allowed_origins: AllowedOrigins,
}

impl GridAuth {
    /// The longest body that an endpoint reads, in bytes. An adapter reads no more, and answers
    /// [`refuse_unread`](Self::refuse_unread) where there is more.
    pub const MAX_BODY: usize = 64 * 1024;

    /// The paths that lead to an endpoint. An adapter mounts each for every method and hands the requests to
    /// [`handle`](Self::handle).
    pub fn paths(&self) -> Vec<String> {
        self.0.routes.paths().map(str::to_owned).collect()
    }

    /// Answers a request to one of [`paths`](Self::paths); 404 for any other path.
    pub async fn handle(&self, request: Request) -> Response {
        let mut response = match self.0.routes.find(request.uri().path()) {
            Some(route) if route.endpoint.serves_scripts() => {
                let mut response = match preflight(&request, &route.methods()) {
                    Some(answer) => answer,
                    None => self.answer(route, &request).await,
                };
                self.0.allowed_origins.open(&request, &mut response);
                response
            }
            Some(route) => self.answer(route, &request).await,
            None => not_found(),
        };
        if request.method() == Method::HEAD {
            // RFC 9110 section 8.6: the length is the one that GET would have.
            let length = response.body().len().into();
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response
    }

    async fn answer(&self, route: &Route, request: &Request) -> Response {
        if request.body().len() > Self::MAX_BODY {
            return self.refuse_unread(Unread::TooLong);
        }
        if let Some(refusal) = route.refuse_method(request.method()) {
            return refusal;
        }
        let (engine, authenticator) = (&*self.0.engine, &self.0.authenticator);
        let request = EndpointRequest { engine, authenticator, http: request };
        let answered = deadline::shared(route.endpoint.answer(&request)).await;
        answered.unwrap_or_else(|error| self.refuse(&error))
    }

    /// Runs `work` under one shared store deadline: all its calls to the store share the time that the store allows for one
    /// request, as those of [`handle`](Self::handle) do (on GridDB, `retry_for`). Without it, a handler that asks the store
    /// several things may wait that long for each.
    ///
    /// Around a guard and its handler, where a framework lets both be wrapped, it covers the guard's read too. Tasks that `work`
    /// spawns have their own time.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use gridauth::{GridAuth, Store};
    /// # let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
    /// use gridauth::store::StoreError;
    ///
    /// let allowed = async {
    ///     let mut names = Vec::new();
    ///     for consent in auth.consents("israel").await? {
    ///         let client = auth.client(&consent.client_id).await?;
    ///         names.extend(client.and_then(|client| client.name().map(str::to_owned)));
    ///     }
    ///     Ok::<_, StoreError>(names)
    /// };
    /// let names = auth.as_one_request(allowed).await?;
    /// # assert!(names.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn as_one_request<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        deadline::shared(work)
    }

    /// The direct answer to an error (RFC 6749 section 5.2), for routes of the application's own that answer as the token endpoint
    /// does. The error's cause goes to the log.
    pub fn refuse(&self, error: &OAuthError) -> Response {
        error_response(error, self.0.guard.realm())
    }

    /// The answer to a request that could not be read whole.
    pub fn refuse_unread(&self, why: Unread) -> Response {
        self.refuse(&OAuthError::invalid_request(why.to_string()).with_status(why.status()))
    }

    /// The guard of the server's tokens.
    pub fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// The access that a request's token gives (RFC 6750 section 2.1): [`Guard::authenticate`].
    ///
    /// # Errors
    /// The future gives a [`Rejection`]; [`reject`](Self::reject) makes the response.
    #[inline]
    pub fn authenticate(&self, head: &impl RequestHead) -> AccessFuture {
        self.0.guard.authenticate(head)
    }

    /// The response to a request that the guard rejected: [`Guard::reject`].
    pub fn reject(&self, rejection: Rejection) -> Response {
        self.0.guard.reject(rejection)
    }

    /// Checks whether a text can be an issuer identifier, before a server is built with it.
    ///
    /// # Errors
    /// What has to change about it.
    pub fn check_issuer(issuer: &str) -> Result<(), &'static str> {
        Issuer::parse(issuer).map(|_| ())
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        self.0.engine.issuer()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        self.0.engine.store()
    }

    /// The clock of the server. What an application keeps beside the server's rows is best dated by it.
    pub fn clock(&self) -> &dyn Clock {
        self.0.engine.clock()
    }

    /// The source of randomness that the server was built with.
    pub fn entropy(&self) -> &dyn Entropy {
        self.0.engine.entropy()
    }

    /// The users that the server keeps in its store.
    pub fn users(&self) -> &StoredUsers {
        &self.0.engine.stored_users
    }
}

impl fmt::Debug for GridAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GridAuth").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}
