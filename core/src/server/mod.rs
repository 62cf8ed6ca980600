//! The server: what is registered, tied together.

mod admin;
mod builder;
mod issuer;
mod sweeper;

pub use admin::{MintRequest, RevokeError};
pub use builder::{BuildError, Builder};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, Method};

use crate::client_auth::SecretVerifier;
use crate::endpoint::Endpoint;
use crate::env::{Clock, Entropy};
use crate::grant::{AuthorizationRequest, Registry};
use crate::guard::{self, Access, Rejection, RejectionBody, ScopeDescription};
use crate::http::{
    Request, RequestContext, Response, Unread, authorization_values, error_response, not_found,
};
use crate::identity::{
    OwnSession, PasswordHasher, RetryAfter, Sessions, StoredUsers, Throttle, Throttled, Users,
};
use crate::model::{Client, Consent, User};
use crate::pages::{Pages, ScopeInfo};
use crate::protocol::{OAuthError, Parameters};
use crate::store::{Change, Key, Kind, Record, Store, StoreError, deadline};
use crate::token::{PresentedToken, Secret};
use issuer::Issuer;

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
pub struct GridAuth(Arc<Inner>);

/// Lifetimes of what the server issues.
pub(crate) struct ServerLifetimes {
    pub(crate) code: Duration,
    pub(crate) access_token: Duration,
    pub(crate) refresh_token_idle: Duration,
    pub(crate) refresh_token: Duration,
}

type ShapeRejection = Arc<dyn Fn(&Rejection) -> Option<RejectionBody> + Send + Sync>;

pub(crate) struct Inner {
    /// Tells the servers of a process apart.
    pub(crate) number: u64,
    /// What each path leads to: the endpoints that are on.
    pub(crate) routes: Vec<(String, Endpoint)>,
    /// The answer of the metadata endpoint.
    pub(crate) metadata: Bytes,
    pub(crate) issuer: Issuer,
    pub(crate) mount: String,
    pub(crate) realm: String,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) grants: Registry,
    pub(crate) lifetimes: ServerLifetimes,
    pub(crate) scopes: Vec<ScopeDescription>,
    pub(crate) stored_users: StoredUsers,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) own_session: Option<Arc<dyn OwnSession>>,
    pub(crate) sessions: Sessions,
    pub(crate) hasher: PasswordHasher,
    pub(crate) secrets: SecretVerifier,
    pub(crate) throttle: Throttle,
    pub(crate) pages: Arc<dyn Pages>,
    pub(crate) shape_rejection: Option<ShapeRejection>,
}

impl GridAuth {
    /// The longest body that an endpoint reads, in bytes. An adapter reads no more, and answers
    /// [`refuse_unread`](Self::refuse_unread) where there is more.
    pub const MAX_BODY: usize = 64 * 1024;

    /// Begins a server with this issuer identifier (RFC 8414 section 2): an absolute `https` URL without query and
    /// fragment.
    pub fn builder(issuer: impl Into<String>) -> Builder {
        Builder::new(issuer.into())
    }

    /// The paths that lead to an endpoint. An adapter mounts each for every method and hands the requests to
    /// [`handle`](Self::handle).
    pub fn paths(&self) -> Vec<String> {
        self.0.routes.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Answers a request to one of [`paths`](Self::paths); 404 for any other.
    pub async fn handle(&self, request: Request) -> Response {
        let found = self.0.routes.iter().find(|(path, _)| path == request.uri().path());
        let mut response = match found {
            Some(_) if request.body().len() > Self::MAX_BODY => self.refuse_unread(Unread::TooLong),
            Some((_, endpoint)) => deadline::shared(endpoint.answer(&self.0, &request)).await,
            None => not_found(),
        };
        if request.method() == Method::HEAD {
            // RFC 9110 section 8.6: the length is the one that GET would tell.
            let length = response.body().len().into();
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// Does `work` as one request: all calls to the store that it makes share the time that the store gives to one, as those of
    /// a request to [`handle`](Self::handle) do (on GridDB, `retry_for`). Without it a handler of the application's own that
    /// asks the store several things may wait so long for each.
    ///
    /// Around a guard and its handler, where a framework lets both be wrapped, it counts the guard's read too. What `work`
    /// spawns as tasks of their own has its own time.
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

    /// The direct answer that an error makes (RFC 6749 section 5.2), for routes of the application's own that answer as
    /// the token endpoint does. The error's cause goes to the log.
    pub fn refuse(&self, error: &OAuthError) -> Response {
        error_response(error, &self.0.realm)
    }

    /// The answer to a request that could not be read whole.
    pub fn refuse_unread(&self, why: Unread) -> Response {
        self.refuse(&OAuthError::invalid_request(why.to_string()).with_status(why.status()))
    }

    /// The access that the headers of a request give (RFC 6750 section 2.1).
    ///
    /// # Errors
    /// A [`Rejection`]: [`reject`](Self::reject) makes the answer of it.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Access, Rejection> {
        let token = guard::presented(authorization_values(headers))?;
        guard::access(&self.0, &token).await
    }

    /// The same, for an adapter whose framework has header types of its own: `values` gives the values of all headers of a
    /// name.
    ///
    /// # Errors
    /// A [`Rejection`] as [`authenticate`](Self::authenticate).
    pub async fn authenticate_by<'h, V>(
        &self,
        values: impl FnOnce(&HeaderName) -> V,
    ) -> Result<Access, Rejection>
    where
        V: IntoIterator<Item = &'h [u8]>,
    {
        let token = guard::presented(values(&http::header::AUTHORIZATION))?;
        guard::access(&self.0, &token).await
    }

    /// As [`authenticate`](Self::authenticate), where that need not wait: the store has the row at hand. `None` where it has
    /// to be asked; nothing has been done then. A guard that looks here first spares most requests a future.
    pub fn authenticate_now(&self, headers: &HeaderMap) -> Option<Result<Access, Rejection>> {
        self.access_now(guard::presented(authorization_values(headers)))
    }

    /// As [`authenticate_by`](Self::authenticate_by), where that need not wait; see
    /// [`authenticate_now`](Self::authenticate_now).
    pub fn authenticate_now_by<'h, V>(
        &self,
        values: impl FnOnce(&HeaderName) -> V,
    ) -> Option<Result<Access, Rejection>>
    where
        V: IntoIterator<Item = &'h [u8]>,
    {
        self.access_now(guard::presented(values(&http::header::AUTHORIZATION)))
    }

    #[inline]
    fn access_now(&self, token: Result<PresentedToken, Rejection>) -> Option<Result<Access, Rejection>> {
        match token {
            Ok(token) => guard::access_now(&self.0, &token),
            Err(rejection) => Some(Err(rejection)),
        }
    }

    /// The access that an access token gives, for tokens that do not come in a header.
    ///
    /// # Errors
    /// A [`Rejection`] as [`authenticate`](Self::authenticate).
    pub async fn authenticate_token(&self, token: &str) -> Result<Access, Rejection> {
        guard::access(&self.0, &guard::of_text(token)?).await
    }

    /// The answer to a request that the guard did not let pass: RFC 6750 section 3, the body as the application shapes it.
    pub fn reject(&self, rejection: Rejection) -> Response {
        let shaped = self.0.shape_rejection.as_ref().and_then(|shape| shape(&rejection));
        rejection.into_response(&self.0.realm, shaped)
    }

    /// Whether this is a handle of the same server as `other`.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        self.number() == other.number()
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// Whether this text can be an issuer identifier, before a server is built with it.
    ///
    /// # Errors
    /// What has to change about it.
    pub fn check_issuer(issuer: &str) -> Result<(), &'static str> {
        Issuer::parse(issuer).map(|_| ())
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.0.issuer.url
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The clock that the server goes by: what an application keeps beside the engine's rows is best dated by the same.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The source of randomness that the server was built with.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.0.entropy
    }

    /// The users that the engine keeps.
    pub fn users(&self) -> &StoredUsers {
        &self.0.stored_users
    }
}

impl fmt::Debug for GridAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GridAuth").field("issuer", &self.0.issuer.url).finish_non_exhaustive()
    }
}

impl Inner {
    /// The URL of an endpoint, if it is on.
    pub(crate) fn endpoint_url(&self, endpoint: Endpoint) -> Option<String> {
        let path = endpoint.path().filter(|_| endpoint.is_on(&self.grants))?;
        Some(format!("{}{}{path}", self.issuer.url, self.mount))
    }

    /// The path of the authorization endpoint on the server's own origin.
    pub(crate) fn authorize_url_path(&self) -> String {
        format!("{}{}/authorize", self.issuer.path, self.mount)
    }

    /// The same, with an authorization request.
    pub(crate) fn authorize_path(&self, parameters: &Parameters) -> String {
        format!("{}?{}", self.authorize_url_path(), parameters.encode_without(&[]))
    }

    pub(crate) async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        // What cannot be a client's id is not looked up.
        let possible =
            (1..=255).contains(&client_id.len()) && client_id.bytes().all(|b| (0x20..=0x7e).contains(&b));
        if possible { self.store.read(client_id).await } else { Ok(None) }
    }

    /// Whether too many tries failed for this account or client, or from this source.
    pub(crate) fn check_throttle(
        &self,
        who: Throttled<'_>,
        context: &RequestContext,
    ) -> Result<(), OAuthError> {
        self.each_throttled(who, context, |throttled| self.throttle.check(throttled))
    }

    /// Counts a failed try; an error where the limit was reached meanwhile.
    pub(crate) fn count_failure(
        &self,
        who: Throttled<'_>,
        context: &RequestContext,
    ) -> Result<(), OAuthError> {
        self.each_throttled(who, context, |throttled| self.throttle.failed(throttled))
    }

    /// Forgets the failures before a success; an error where the limit was reached meanwhile.
    pub(crate) fn count_success(
        &self,
        who: Throttled<'_>,
        context: &RequestContext,
    ) -> Result<(), OAuthError> {
        self.each_throttled(who, context, |throttled| self.throttle.succeeded(throttled))
    }

    fn each_throttled(
        &self,
        who: Throttled<'_>,
        context: &RequestContext,
        ask: impl Fn(Throttled<'_>) -> Result<(), RetryAfter>,
    ) -> Result<(), OAuthError> {
        let source = context.source.map(Throttled::Source);
        [Some(who), source].into_iter().flatten().try_for_each(|throttled| {
            ask(throttled).map_err(|wait| OAuthError::too_many_failures(wait.seconds))
        })
    }

    /// Checks a password, slowed down after too many failures.
    pub(crate) async fn check_password(
        &self,
        username: &str,
        password: &Secret,
        context: &RequestContext,
    ) -> Result<Option<User>, OAuthError> {
        let account = self.users.account(username);
        let account = Throttled::Account(&account);
        self.check_throttle(account, context)?;
        let user = self.users.check_password(username, password).await?;
        match user {
            Some(_) => self.count_success(account, context)?,
            None => self.count_failure(account, context)?,
        }
        Ok(user)
    }

    pub(crate) fn scope_info<'a>(&'a self, token: &'a str) -> ScopeInfo<'a> {
        let own = self.scopes.iter().find(|scope| scope.token == token && !scope.words.is_empty());
        own.map_or(ScopeInfo::standard(token), |scope| ScopeInfo { token, description: Some(scope.words) })
    }

    pub(crate) async fn needs_consent(
        &self,
        request: &AuthorizationRequest,
        user: &User,
    ) -> Result<bool, OAuthError> {
        if request.client.is_first_party() {
            return Ok(false);
        }
        let id = Consent::row_id(user.subject(), request.client.id());
        let given = self.store.read::<Consent>(&id).await?;
        Ok(given.is_none_or(|consent| !consent.scope.covers(request.scope.as_scope())))
    }

    /// Remembers what a user allowed, added to what they allowed before.
    pub(crate) async fn remember_consent(
        &self,
        request: &AuthorizationRequest,
        user: &User,
    ) -> Result<(), OAuthError> {
        let consent = Consent {
            subject: user.subject().to_owned(),
            client_id: request.client.id().to_owned(),
            scope: request.scope.as_scope().clone(),
            given: self.clock.now(),
        };
        let id = Consent::row_id(&consent.subject, &consent.client_id);
        // A consent may come or go between the two: each then says so, and the other is tried.
        for _ in 0..8 {
            if self.store.insert(Key::new(Kind::Consent, &id), consent.to_row()).await? {
                return Ok(());
            }
            let widen = |before: &Consent| {
                let widened = Consent { scope: before.scope.union(&consent.scope), ..consent.clone() };
                (Change::Replace(widened.to_row()), ())
            };
            if self.store.change::<Consent, ()>(&id, widen).await?.is_some() {
                return Ok(());
            }
        }
        Err(OAuthError::unavailable(1))
    }
}
