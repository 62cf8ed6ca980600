use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderName, Method};
use tracing::Instrument;

use super::audit_writer::AuditWriter;
use super::request_span::{method, record_status, request_span};
use super::routes::{Route, Routes};
use crate::client_auth::ClientAuthenticator;
use crate::endpoint::EndpointRequest;
use crate::endpoints::Interaction;
use crate::engine::Engine;
use crate::env::{Clock, Entropy};
use crate::events::{RequestContext, Stopwatch};
use crate::grant::Registry;
use crate::guard::{AccessFuture, Guard, Rejection, ScopeDescription};
use crate::http::{
    AllowedOrigins, Request, RequestHead, Response, Unread, error_response, not_found, preflight,
};
use crate::identity::StoredUsers;
use crate::keys::StoredKeys;
use crate::protocol::{Issuer, OAuthError};
use crate::store::{Store, deadline};

/// An authorization server and the guard for its tokens. A cheap handle: clones share one server.
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

/// What the handle points to.
pub(super) struct Server {
    pub(super) engine: Arc<Engine>,
    pub(super) grants: Arc<Registry>,
    /// The scopes that the application declared.
    pub(super) scopes: Vec<ScopeDescription>,
    pub(super) guard: Guard,
    pub(super) authenticator: ClientAuthenticator,
    pub(super) routes: Routes,
    pub(super) interaction: Arc<Interaction>,
    /// Whether a proxy strips the issuer's path from requests.
    pub(super) strips_issuer_path: bool,
    /// The signing keys in the store, if the server has its keys there.
    pub(super) stored_keys: Option<Arc<StoredKeys>>,
    /// Used once to log that requests come without their peer's address.
    pub(super) told_of_unknown_peer: Once,
    pub(super) allowed_origins: AllowedOrigins,
    /// Whether it is a tool's: [`Builder::tool`](crate::Builder::tool).
    pub(super) is_tool: bool,
    /// Writes events, if the server keeps them.
    pub(super) audit: Option<AuditWriter>,
}

/// The header in which a proxy names a request, so that its log and ours name it alike.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl GridAuth {
    /// The longest body that an endpoint accepts, in bytes. An adapter reads no more. If a body is longer, it responds with
    /// [`refuse_unread`](Self::refuse_unread).
    pub const MAX_BODY: usize = 64 * 1024;

    /// The time limit for the body of a request, once its head has been read. When it is exceeded, an adapter answers
    /// [`refuse_unread`](Self::refuse_unread). The framework sets the limit for the head.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

    /// The paths of the endpoints. An adapter routes each of them, for every method, to [`handle`](Self::handle).
    pub fn paths(&self) -> Vec<String> {
        self.0.routes.paths().map(str::to_owned).collect()
    }

    /// Responds to a request to one of [`paths`](Self::paths). Any other path gets status 404.
    pub async fn handle(&self, request: Request) -> Response {
        if request.connection().peer.is_none() {
            self.0.told_of_unknown_peer.call_once(|| {
                tracing::warn!(
                    "requests come without the address of their peer, so failures from all sources count together; on axum, \
                     serve with `into_make_service_with_connect_info::<SocketAddr>()`"
                );
            });
        }
        let route = self.0.routes.find(request.uri().path());
        let path = route.map_or("", |route| &route.path);
        let context = self.context(&request);
        let span = request_span(&request, path, &context);
        let (method, stopwatch) = (method(&request), Stopwatch::start());
        let answer = self.respond(route, request).instrument(span.clone());
        let (answer, written) = self.recorded(context, answer).await;
        let response = match written {
            Ok(()) => answer,
            Err(error) => self.refuse(&error.into()),
        };
        stopwatch.stop_request(method, path, response.status().as_u16());
        record_status(&span, response.status());
        response
    }

    /// What events of this request say of it.
    pub(super) fn context(&self, head: &impl RequestHead) -> RequestContext {
        let engine = &self.0.engine;
        let given = head.header_values(&REQUEST_ID).next();
        engine.events.request(engine.source(head).address(), given)
    }

    async fn respond(&self, route: Option<&Route>, request: Request) -> Response {
        let mut response = match route {
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
            // RFC 9110 section 8.6: the length is that of the response to GET.
            let length = response.body().len().into();
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response
    }

    async fn answer(&self, route: &Route, request: &Request) -> Response {
        if request.body().len() > Self::MAX_BODY {
            return self.refuse(&Unread::TooLong.into());
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
    /// request (on GridDB, `retry_for`), like those of [`handle`](Self::handle). Without it, a handler that makes several calls to
    /// the store may wait that long for each.
    ///
    /// If it wraps a guard and its handler, it covers the guard's read too. Tasks that `work` spawns have their own deadlines.
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

    /// The error response of RFC 6749 section 5.2, for the application's own routes that respond like the token endpoint. The
    /// cause of the error is logged.
    pub fn refuse(&self, error: &OAuthError) -> Response {
        error_response(error, self.0.guard.realm())
    }

    /// The response to a request that could not be read beyond its head, with the CORS headers of any other response at that path.
    pub fn refuse_unread(&self, head: &impl RequestHead, why: Unread) -> Response {
        let mut response = self.refuse(&why.into());
        if self.0.routes.find(head.path()).is_some_and(|route| route.endpoint.serves_scripts()) {
            self.0.allowed_origins.open(head, &mut response);
        }
        response
    }

    /// The guard for the server's tokens.
    pub fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// Checks the access token of a request (RFC 6750 section 2.1): [`Guard::authenticate`].
    ///
    /// # Errors
    /// The future returns a [`Rejection`]; [`reject`](Self::reject) makes the response.
    #[inline]
    pub fn authenticate(&self, head: &impl RequestHead) -> AccessFuture {
        self.0.guard.authenticate(head)
    }

    /// The response to a request that the guard rejected: [`Guard::reject`].
    pub fn reject(&self, rejection: Rejection) -> Response {
        self.0.guard.reject(rejection)
    }

    /// Checks an issuer identifier before a server is built with it.
    ///
    /// # Errors
    /// What to change.
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

    /// The server's clock. Use it for timestamps of the application's own data, so that tests control them too.
    pub fn clock(&self) -> &dyn Clock {
        self.0.engine.clock()
    }

    /// The server's source of randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        self.0.engine.entropy()
    }

    /// The users in the server's store.
    pub fn users(&self) -> &StoredUsers {
        &self.0.engine.stored_users
    }
}

impl fmt::Debug for GridAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GridAuth").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}
