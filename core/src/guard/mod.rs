//! Guards: a request's head goes in, an [`Access`] comes out (RFC 6750).
//!
//! A [`Guard`] checks access tokens. A server has one ([`GridAuth::guard`](crate::GridAuth::guard)). Another process builds
//! its own, on the same store or with a [`TokenVerifier`]. The adapters accept both.

mod about;
mod access;
mod builder;
mod claims;
mod credentials;
mod future;
mod id;
mod live;
mod outcome;
mod possession;
mod rejection;
#[cfg(feature = "remote")]
mod remote;
mod requirement;
mod resource;
mod scopes;
mod verifier;

pub use access::{Access, Owner};
pub(crate) use builder::is_realm;
pub use builder::{GuardBuilder, GuardError};
pub use claims::AccessClaims;
pub use future::AccessFuture;
pub use id::GuardId;
pub use live::{AccessEnded, WhileValid};
pub use outcome::GuardOutcome;
pub use rejection::{Rejection, RejectionBody};
#[cfg(feature = "remote")]
pub use remote::{Remote, RemoteBuilder, RemoteError};
pub use requirement::Requirement;
pub use resource::Resource;
use resource::ResourceDocument;
pub(crate) use resource::is_below;
pub(crate) use scopes::STANDARD_SCOPES;
pub use scopes::{AnyScope, RequiredScope, RequiredScopeError, ScopeDescription, is_scope_list};
pub use verifier::{TokenVerifier, VerifierError};

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use self::about::About;
use self::possession::{Evidence, Possession};
use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use http::{HeaderValue, StatusCode};

use crate::env::Clock;
use crate::events::{Events, TokenRefusal};
use crate::http::{ForwardedFor, RequestHead, Response, not_found, response};
use crate::model::GrantRecord;
use crate::protocol::TokenType;
use crate::store::{Key, Kind, Row, Store, StoreError};
use crate::token::PresentedToken;

/// Checks the access tokens of requests. A cheap handle: clones share one guard.
///
/// A guard in a process without the server, for tokens that another process issues on the same store:
///
/// ```
/// use gridauth::Store;
/// use gridauth::guard::Guard;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let store = Store::open("memory:").await?;
/// let guard = Guard::builder("https://id.example.com").store(store).build()?;
///
/// let request = http::Request::get("/orders").body(())?;
/// let rejection = guard.authenticate(&request).await.unwrap_err();
/// assert_eq!(guard.reject(rejection).status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

pub(crate) type ShapeRejection = Arc<dyn Fn(&Rejection) -> Option<RejectionBody> + Send + Sync>;

struct Inner {
    id: GuardId,
    realm: String,
    issuer: String,
    /// The resources that it stands for.
    audience: Box<[String]>,
    /// The metadata of the first of them, where it is published.
    document: Option<ResourceDocument>,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    events: Events,
    /// How the sender of a bound token proves that it has what the token is bound to.
    possession: Arc<Possession>,
    shape_rejection: Option<ShapeRejection>,
    /// The declared scopes; empty where none are.
    scopes: Vec<ScopeDescription>,
    /// The undeclared scopes that the log was told of: at most `MAX_TOLD_SCOPES`.
    told_scopes: Mutex<HashSet<String>>,
}

/// A program requires few scopes. The limit is for one that makes them from what a request says.
const MAX_TOLD_SCOPES: usize = 64;

/// How the guard checks tokens.
#[derive(Clone)]
enum Tokens {
    /// By the row of the token's grant.
    Rows(Store),
    /// By a verifier, from the token's text.
    Verifier(Arc<dyn TokenVerifier>),
}

impl Guard {
    /// Checks the access token of a request. If the store answers without waiting, the result is available immediately:
    /// [`AccessFuture::now`].
    ///
    /// # Errors
    /// The future returns a [`Rejection`]; [`reject`](Self::reject) makes the response.
    #[inline]
    pub fn authenticate(&self, head: &impl RequestHead) -> AccessFuture {
        match &self.0.tokens {
            Tokens::Rows(store) => match credentials::own_token(head) {
                Ok((scheme, token)) => self.look_up(store, scheme, token, head),
                Err(rejection) => AccessFuture::ready(Err(rejection.sent_by(self.source(head)))),
            },
            Tokens::Verifier(verifier) => match credentials::any_token(head) {
                Ok((scheme, token)) => self.verify(Arc::clone(verifier), scheme, token.into(), head),
                Err(rejection) => AccessFuture::ready(Err(rejection.sent_by(self.source(head)))),
            },
        }
    }

    /// Checks the access token of a request, unless this guard has already done so. For adapters, which keep the first
    /// [`GuardOutcome`] of a request, so that its token is looked up once however many guards it meets.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    #[inline]
    pub fn authenticate_once(&self, known: Option<&GuardOutcome>, head: &impl RequestHead) -> AccessFuture {
        match known.and_then(|outcome| outcome.of(self)) {
            Some(found) => AccessFuture::ready(found.clone()),
            None => self.authenticate(head),
        }
    }

    #[inline]
    fn look_up(
        &self,
        store: &Store,
        scheme: TokenType,
        token: PresentedToken,
        head: &impl RequestHead,
    ) -> AccessFuture {
        let mut buffer = [0; 36];
        let found = store.get(Key::new(Kind::Grant, token.grant_id().row_id(&mut buffer))).now();
        match found {
            Some(found) => {
                let evidence = || self.0.possession.evidence(scheme, head);
                let judged = self.judge(&token, scheme, evidence, found);
                AccessFuture::ready(judged.map_err(|rejection| rejection.sent_by(self.source(head))))
            }
            None => {
                let (guard, store, source) = (self.clone(), store.clone(), self.source(head));
                let evidence = self.0.possession.evidence(scheme, head);
                AccessFuture::new(async move {
                    let mut buffer = [0; 36];
                    let key = Key::new(Kind::Grant, token.grant_id().row_id(&mut buffer));
                    let judged = guard.judge(&token, scheme, || evidence, store.get(key).await);
                    judged.map_err(|rejection| rejection.sent_by(source))
                })
            }
        }
    }

    fn verify(
        &self,
        verifier: Arc<dyn TokenVerifier>,
        scheme: TokenType,
        token: Box<str>,
        head: &impl RequestHead,
    ) -> AccessFuture {
        let guard = self.clone();
        let (evidence, source) = (self.0.possession.evidence(scheme, head), self.source(head));
        AccessFuture::new(async move {
            let judged = match verifier.verify(&token).await {
                Ok(Some(claims)) => {
                    let access = Access::of_claims(claims, guard.0.clock.now(), &guard);
                    guard.accept(access, scheme, || evidence)
                }
                Ok(None) => Err(Rejection::invalid_token(TokenRefusal::NotVerified).under(scheme)),
                Err(error) => Err(Rejection::verifier(&error)),
            };
            judged.map_err(|rejection| rejection.sent_by(source))
        })
    }

    /// The response to a rejected request (RFC 6750 section 3). The application can set its body
    /// ([`GuardBuilder::rejection_body`]).
    pub fn reject(&self, rejection: Rejection) -> Response {
        // What an extractor requires is not known before.
        if let Some(scope) = rejection.needed_scope()
            && let Err(mistake) = self.check_scope(scope)
            && self.0.is_news(scope)
        {
            tracing::warn!("{mistake}");
        }
        self.0.events.emit(rejection.event());
        let shaped = self.0.shape_rejection.as_ref().and_then(|shape| shape(&rejection));
        let metadata = self.0.document.as_ref().map(|document| &*document.url);
        let algorithms = self.0.possession.algorithms();
        rejection.into_response(&self.0.realm, metadata, algorithms.as_deref(), shaped)
    }

    /// Checks that an access fulfils what a route requires. For adapters.
    ///
    /// # Errors
    /// `insufficient_scope` (RFC 6750 section 3.1), or `insufficient_user_authentication` (RFC 9470 section 3).
    #[inline]
    pub fn permit(&self, access: &Access, requirement: &Requirement) -> Result<(), Rejection> {
        requirement.check(access, self.0.clock.now())
    }

    /// Whether routes can be guarded with this space-separated list of scopes. Where scopes are declared
    /// ([`GuardBuilder::scopes`]), each has to be one of them, or one of OpenID Connect. The empty list is any valid token.
    ///
    /// # Errors
    /// [`RequiredScopeError`] says what to change.
    pub fn check_scope(&self, scope: &str) -> Result<(), RequiredScopeError> {
        if scope.is_empty() {
            return Ok(());
        }
        if !is_scope_list(scope) {
            return Err(RequiredScopeError::Malformed(scope.to_owned()));
        }
        let declared = &self.0.scopes;
        let is_known = |token: &str| {
            STANDARD_SCOPES.contains(&token)
                || declared.iter().any(|own| own.token.split(' ').any(|own| own == token))
        };
        match scope.split(' ').find(|token| !declared.is_empty() && !is_known(token)) {
            Some(unknown) => Err(RequiredScopeError::Undeclared(unknown.to_owned())),
            None => Ok(()),
        }
    }

    /// For adapters: refuses routes whose guard could never let anybody pass, when they are mounted.
    ///
    /// # Panics
    /// Where [`check_scope`](Self::check_scope) finds a mistake.
    #[track_caller]
    #[expect(clippy::panic, reason = "a mistake of the program, found before it serves")]
    pub fn expect_scope(&self, scope: &str) {
        if let Err(mistake) = self.check_scope(scope) {
            panic!("{mistake}");
        }
    }

    /// The realm that challenges name (RFC 9110 section 11.5).
    pub(crate) fn realm(&self) -> &str {
        &self.0.realm
    }

    /// For adapters: the guard that an extractor of this guard asks. It is the one `around` the handler, if that was derived from this
    /// one ([`for_resource`](Self::for_resource)); otherwise this one.
    pub fn or_derived<'g>(&'g self, around: Option<&'g Self>) -> &'g Self {
        around.filter(|around| around.0.id.is_of(self.0.id)).unwrap_or(self)
    }

    /// Whether it was derived from another one ([`for_resource`](Self::for_resource)).
    pub fn is_derived(&self) -> bool {
        self.0.id.is_derived()
    }

    /// The issuer whose tokens it checks.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The identifier of the resource that it stands for; the first, if there are several.
    pub fn resource(&self) -> &str {
        self.0.audience.first().map_or(&self.0.issuer, String::as_str)
    }

    /// The path at which the metadata of its resource is to be found on the resource's origin (RFC 9728 section 3.1); `None` if it
    /// publishes none.
    pub fn metadata_path(&self) -> Option<&str> {
        self.0.document.as_ref().map(|document| &*document.path)
    }

    /// The answer to `GET` at [`metadata_path`](Self::metadata_path) (RFC 9728 section 3.2). Scripts of every origin may read it.
    pub fn metadata(&self) -> Response {
        let Some(document) = &self.0.document else { return not_found() };
        let mut answer = response(StatusCode::OK, "application/json", document.body.clone());
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        answer
    }

    /// The id of the guard. Clones have the same id.
    pub fn id(&self) -> GuardId {
        self.0.id
    }

    /// Whether it takes tokens for which nobody named a resource. Those are for the issuer. A verifier has judged the audience itself.
    fn takes_unnamed(&self) -> bool {
        self.0.document.is_none()
            || matches!(self.0.tokens, Tokens::Verifier(_))
            || self.0.audience.contains(&self.0.issuer)
    }

    /// Checks a token against the row of its grant.
    fn judge(
        &self,
        token: &PresentedToken,
        scheme: TokenType,
        evidence: impl FnOnce() -> Evidence,
        found: Result<Option<Arc<Row>>, StoreError>,
    ) -> Result<Access, Rejection> {
        let Some(row) = found.map_err(|error| Rejection::store(&error))? else {
            let about = About { grant: Some(token.grant_id().uuid()), ..About::default() };
            return Err(Rejection::invalid_token(TokenRefusal::NoGrant).under(scheme).about(about));
        };
        let record = row.decoded::<GrantRecord>().map_err(|corrupt| Rejection::store(&corrupt.into()))?;
        let access = Access::of_row(record, token.digest(), self.0.clock.now(), self);
        self.accept(access, scheme, evidence)
    }

    /// Accepts a token that is valid and for a resource of this guard (RFC 9068 section 4), from the sender that it is bound to.
    fn accept(
        &self,
        access: Result<Access, impl Into<Rejection>>,
        scheme: TokenType,
        evidence: impl FnOnce() -> Evidence,
    ) -> Result<Access, Rejection> {
        let access = access.map_err(|refused| refused.into().under(scheme))?;
        let audience = access.audience();
        let is_for_us = audience.iter().any(|resource| self.0.audience.contains(resource))
            || (audience.is_empty() && self.takes_unnamed());
        if !is_for_us {
            return Err(Rejection::from(access.for_another()).under(scheme));
        }
        if access.binding().is_some() || scheme != TokenType::Bearer {
            let now = self.0.clock.now();
            let checked = self.0.possession.check(access.binding(), scheme, evidence, now);
            checked.map_err(|rejection| rejection.about(access.about()))?;
        }
        Ok(access)
    }

    /// Where a request comes from, as far as that can be believed.
    fn source(&self, head: &impl RequestHead) -> Option<IpAddr> {
        self.0.possession.trusted_proxies.forwarded_for(head).map(ForwardedFor::address)
    }
}

impl Inner {
    /// Whether the log has not been told of this scope. From now on it has.
    fn is_news(&self, scope: &str) -> bool {
        let mut told = self.told_scopes.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MAX_TOLD_SCOPES && !told.contains(scope) && told.insert(scope.to_owned())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("realm", &self.0.realm).finish_non_exhaustive()
    }
}
