use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use gridauth::guard::{Guard, Requirement};
use pin_project_lite::pin_project;

use crate::AccessRejection;
use crate::access::{found, look_up};

/// Middleware that guards an `App`, a scope or a resource: `.wrap(auth.require("orders.read"))`.
/// [`GuardExt::require`](crate::GuardExt::require) makes one.
///
/// It is a plain type without parameters, and its response has a boxed body. So it can be stored in a field, returned from a
/// function and used in a `Condition`. A rejection is a response, not an error, so middleware around the guard sees it: `Cors` adds
/// its headers to a rejection as to any other response.
///
/// Middleware behind it gets the access with [`Access::of`](crate::Access::of).
///
/// ```
/// use actix_web::{HttpResponse, web};
/// use gridauth_actix::Require;
///
/// fn orders(guard: Require) -> impl actix_web::dev::HttpServiceFactory {
///     web::scope("/orders").wrap(guard).default_service(web::to(HttpResponse::Ok))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Require(Arc<Guarding>);

#[derive(Clone, Debug)]
struct Guarding {
    guard: Guard,
    requirement: Requirement,
}

impl Require {
    #[track_caller]
    pub(crate) fn new(guard: Guard, requirement: Requirement) -> Self {
        guard.expect_scope(requirement.scope());
        Self(Arc::new(Guarding { guard, requirement }))
    }

    /// The user has to have signed in no longer than this ago (RFC 9470): [`Requirement::max_age`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use actix_web::{HttpResponse, web};
    /// # use gridauth::GridAuth;
    /// # use gridauth_actix::GridAuthExt;
    /// fn payments(auth: &GridAuth) -> impl actix_web::dev::HttpServiceFactory {
    ///     let recent = auth.require("orders.pay").max_age(Duration::from_secs(300));
    ///     web::scope("/pay").wrap(recent).default_service(web::to(HttpResponse::Ok))
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

impl<S, B> Transform<S, ServiceRequest> for Require
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type InitError = ();
    type Transform = RequireService<S>;
    type Future = future::Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        future::ready(Ok(RequireService { require: self.clone(), service: Rc::new(service) }))
    }
}

/// A service behind a [`Require`].
pub struct RequireService<S> {
    require: Require,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for RequireService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = RequireFuture<S>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> RequireFuture<S> {
        let Require(guarding) = &self.require;
        let Guarding { guard, requirement } = &**guarding;
        let mut looking = look_up(guard, request.request());
        let state = match looking.now() {
            Some(access) => match found(guard, request.request(), access, requirement) {
                Ok(_) => State::Passed { answer: self.service.call(request) },
                Err(rejection) => State::Rejected { answer: Some(request.error_response(rejection)) },
            },
            None => {
                let (guarding, service) = (Arc::clone(guarding), Rc::clone(&self.service));
                let checking = async move {
                    let Guarding { guard, requirement } = &*guarding;
                    let outcome = found(guard, request.request(), looking.await, requirement);
                    (service, request, outcome)
                };
                State::Checking { checking: Box::pin(checking) }
            }
        };
        RequireFuture { state }
    }
}

pin_project! {
    /// The response future of a [`RequireService`].
    pub struct RequireFuture<S>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<S>,
    }
}

type Checking<S> =
    Pin<Box<dyn Future<Output = (Rc<S>, ServiceRequest, Result<gridauth::Access, AccessRejection>)>>>;

pin_project! {
    #[project = StateProjection]
    enum State<S>
    where
        S: Service<ServiceRequest>,
    {
        Passed { #[pin] answer: S::Future },
        Rejected { answer: Option<ServiceResponse> },
        Checking { checking: Checking<S> },
    }
}

impl<S, B> Future for RequireFuture<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Passed { answer } => {
                    return Poll::Ready(
                        ready!(answer.poll(context)).map(ServiceResponse::map_into_boxed_body),
                    );
                }
                // Polled again after completion, it stays pending instead of panicking.
                StateProjection::Rejected { answer } => {
                    return answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer)));
                }
                StateProjection::Checking { checking } => {
                    let (service, request, outcome) = ready!(checking.as_mut().poll(context));
                    state.set(match outcome {
                        Ok(_) => State::Passed { answer: service.call(request) },
                        Err(rejection) => State::Rejected { answer: Some(request.error_response(rejection)) },
                    });
                }
            }
        }
    }
}

impl<S: Service<ServiceRequest>> fmt::Debug for RequireFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequireFuture")
    }
}
