use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use gridauth::guard::{AccessFuture, Guard, Rejection, Requirement};
use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::RequireBody;
use crate::head::Head;

/// A layer that guards a service: only requests with a valid access token with sufficient scope reach it (RFC 6750).
///
/// [`GuardExt::require`](crate::GuardExt::require) makes one. The inner service finds the [`gridauth::Access`] in the request's
/// extensions. A rejected request gets the response of [`Guard::reject`].
///
/// ```
/// use gridauth::{GridAuth, MintRequest, Store};
/// use gridauth_tower::GridAuthExt;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
/// let service = ServiceBuilder::new().layer(auth.require("orders.read")).service(service_fn(
///     async |request: http::Request<String>| {
///         let user = request.extensions().get::<gridauth::Access>().map(|access| access.subject().to_owned());
///         Ok::<_, std::convert::Infallible>(http::Response::new(user.unwrap_or_default()))
///     },
/// ));
///
/// let token = auth.mint(MintRequest::for_user("israel").scope("orders.read")).await?;
/// let request = http::Request::get("/")
///     .header("authorization", format!("Bearer {}", token.access_token.expose()))
///     .body(String::new())?;
/// assert_eq!(service.clone().oneshot(request).await?.status(), 200);
/// assert_eq!(service.oneshot(http::Request::default()).await?.status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct RequireLayer(Arc<Guarding>);

/// Shared by all clones: a service is cloned for each request.
#[derive(Clone)]
struct Guarding {
    guard: Guard,
    requirement: Requirement,
}

impl RequireLayer {
    /// Lets this guard check tokens; a token needs every scope of the space-separated list that is required.
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    pub fn new(guard: Guard, requirement: impl Into<Requirement>) -> Self {
        let requirement = requirement.into();
        guard.expect_scope(requirement.scope());
        Self(Arc::new(Guarding { guard, requirement }))
    }

    /// The user has to have signed in no longer than this ago (RFC 9470): [`Requirement::max_age`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use axum::{Router, routing::post};
    /// # use gridauth::GridAuth;
    /// # use gridauth_tower::GridAuthExt;
    /// fn payments(auth: &GridAuth) -> Router {
    ///     let recent = auth.require("orders.pay").max_age(Duration::from_secs(300));
    ///     Router::new().route("/pay", post(async || "paid")).route_layer(recent)
    /// }
    /// ```
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        self.with(|requirement| requirement.max_age(max_age))
    }

    /// The sign-in has to be of this authentication context class, or of another one that is named: [`Requirement::acr`].
    #[must_use]
    pub fn acr(self, acr: impl Into<String>) -> Self {
        self.with(|requirement| requirement.acr(acr))
    }

    fn with(self, change: impl FnOnce(Requirement) -> Requirement) -> Self {
        let Guarding { guard, requirement } = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Guarding { guard, requirement: change(requirement) }))
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer").field("requirement", &self.0.requirement).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Require<S> {
        Require { inner, layer: self.clone() }
    }
}

/// A guarded service. [`RequireLayer`] makes one.
#[derive(Clone, Debug)]
pub struct Require<S> {
    inner: S,
    layer: RequireLayer,
}

impl<S> Require<S> {
    /// The inner service, without its guard.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

type Checking = Pin<Box<dyn Future<Output = (Parts, Result<(), Rejection>)> + Send>>;

/// Awaits the check of a token.
async fn check(
    guarding: Arc<Guarding>,
    access: AccessFuture,
    mut parts: Parts,
) -> (Parts, Result<(), Rejection>) {
    let outcome = guarding.judge(access.await, &mut parts.extensions);
    (parts, outcome)
}

impl Guarding {
    /// Checks the token, unless a layer outside of this one has: a DPoP proof counts once.
    fn authenticate<B>(&self, request: &Request<B>) -> AccessFuture {
        let known = request.extensions().get::<gridauth::Access>();
        match known.filter(|access| access.is_from(self.guard.id())) {
            Some(known) => AccessFuture::known(known.clone()),
            None => self.guard.authenticate(&Head(request, request.extensions())),
        }
    }

    /// Checks what is required, and puts the access into the request's extensions for handlers and extractors.
    fn judge(
        &self,
        outcome: Result<gridauth::Access, Rejection>,
        extensions: &mut http::Extensions,
    ) -> Result<(), Rejection> {
        let access = outcome?;
        self.guard.permit(&access, &self.requirement)?;
        // Extractors answer with its challenges.
        if self.guard.is_derived() {
            extensions.insert(self.guard.clone());
        }
        extensions.insert(access);
        Ok(())
    }
}

impl<S, B, R> Service<Request<B>> for Require<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<RequireBody<R>>;
    type Error = S::Error;
    type Future = RequireFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> RequireFuture<S, B> {
        // The service that is ready is taken. Its clone, which may not be ready, stays behind.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        RequireFuture {
            state: State::Asked {
                asked: Some((Waiting { inner, guarding: Arc::clone(&self.layer.0) }, request)),
            },
        }
    }
}

pin_project! {
    /// The response future of a [`Require`] service.
    pub struct RequireFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Asked { asked: Option<(Waiting<S>, Request<B>)> },
        Checking { checking: Checking, waiting: Option<(Waiting<S>, B)> },
        Passed { #[pin] answer: S::Future },
        Rejected { answer: Option<gridauth::Response> },
    }
}

/// What is needed after the token has been checked.
struct Waiting<S> {
    inner: S,
    guarding: Arc<Guarding>,
}

impl<S> Waiting<S> {
    /// Calls the inner service, or rejects the request.
    fn go_on<B>(mut self, request: Request<B>, outcome: Result<(), Rejection>) -> State<S, B>
    where
        S: Service<Request<B>>,
    {
        match outcome {
            Ok(()) => State::Passed { answer: self.inner.call(request) },
            Err(rejection) => State::Rejected { answer: Some(self.guarding.guard.reject(rejection)) },
        }
    }
}

impl<S, B, R> Future for RequireFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<RequireBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // Polled again after completion, it stays pending instead of panicking.
                StateProjection::Asked { asked } => {
                    // The request is checked in place: it is large, so moving it is expensive.
                    let Some((Waiting { guarding, .. }, request)) = asked else { return Poll::Pending };
                    let mut access = guarding.authenticate(request);
                    let outcome =
                        access.now().map(|outcome| guarding.judge(outcome, request.extensions_mut()));
                    let Some((waiting, request)) = asked.take() else { return Poll::Pending };
                    state.set(match outcome {
                        Some(outcome) => waiting.go_on(request, outcome),
                        None => {
                            let (parts, body) = request.into_parts();
                            let checking = Box::pin(check(Arc::clone(&waiting.guarding), access, parts));
                            State::Checking { checking, waiting: Some((waiting, body)) }
                        }
                    });
                }
                StateProjection::Checking { checking, waiting } => {
                    let (parts, outcome) = ready!(checking.as_mut().poll(context));
                    let Some((waiting, body)) = waiting.take() else { return Poll::Pending };
                    state.set(waiting.go_on(Request::from_parts(parts, body), outcome));
                }
                StateProjection::Passed { answer } => {
                    return Poll::Ready(
                        ready!(answer.poll(context)).map(|answer| answer.map(RequireBody::passed)),
                    );
                }
                StateProjection::Rejected { answer } => {
                    return match answer.take() {
                        Some(answer) => Poll::Ready(Ok(answer.map(RequireBody::rejected))),
                        None => Poll::Pending,
                    };
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for RequireFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequireFuture")
    }
}
