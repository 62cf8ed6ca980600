use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use gridauth::guard::{AccessFuture, Guard, Rejection};
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
pub struct RequireLayer(Arc<Requirement>);

/// Shared by all clones: a service is cloned for each request.
struct Requirement {
    guard: Guard,
    scope: Box<str>,
}

impl RequireLayer {
    /// Lets this guard check tokens; a token needs every scope of the space-separated list `scope`.
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    pub fn new(guard: Guard, scope: &str) -> Self {
        guard.expect_scope(scope);
        Self(Arc::new(Requirement { guard, scope: scope.into() }))
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer").field("scope", &self.0.scope).finish_non_exhaustive()
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
    requirement: Arc<Requirement>,
    access: AccessFuture,
    mut parts: Parts,
) -> (Parts, Result<(), Rejection>) {
    let outcome = requirement.judge(access.await, &mut parts.extensions);
    (parts, outcome)
}

impl Requirement {
    /// Checks the scope, and puts the access into the request's extensions for handlers and extractors.
    fn judge(
        &self,
        outcome: Result<gridauth::Access, Rejection>,
        extensions: &mut http::Extensions,
    ) -> Result<(), Rejection> {
        let access = outcome?;
        access.require(&self.scope)?;
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
                asked: Some((Waiting { inner, requirement: Arc::clone(&self.layer.0) }, request)),
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
    requirement: Arc<Requirement>,
}

impl<S> Waiting<S> {
    /// Calls the inner service, or rejects the request.
    fn go_on<B>(mut self, request: Request<B>, outcome: Result<(), Rejection>) -> State<S, B>
    where
        S: Service<Request<B>>,
    {
        match outcome {
            Ok(()) => State::Passed { answer: self.inner.call(request) },
            Err(rejection) => State::Rejected { answer: Some(self.requirement.guard.reject(rejection)) },
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
                    let Some((Waiting { requirement, .. }, request)) = asked else { return Poll::Pending };
                    let mut access = requirement.guard.authenticate(&Head(request, request.extensions()));
                    let outcome =
                        access.now().map(|outcome| requirement.judge(outcome, request.extensions_mut()));
                    let Some((waiting, request)) = asked.take() else { return Poll::Pending };
                    state.set(match outcome {
                        Some(outcome) => waiting.go_on(request, outcome),
                        None => {
                            let (parts, body) = request.into_parts();
                            let checking = Box::pin(check(Arc::clone(&waiting.requirement), access, parts));
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
