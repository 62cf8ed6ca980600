use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use gridauth::GridAuth;

use crate::access::check;

/// A guard to put around an `App`, a scope or a resource with `.wrap(..)`:
/// [`auth.require("orders.read")`](crate::GridAuthExt::require) makes one.
///
/// It is a plain type, the same around every service, and what it answers has the usual boxed body: it can be kept in a
/// field, returned from a function and put into a `Condition`. A request that it does not let pass is *answered*, not
/// failed, so every middleware around it sees a response: `Cors` adds its headers to a rejection as to anything else.
///
/// Middleware behind it finds the access by [`Access::of`](crate::Access::of).
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
pub struct Require {
    auth: GridAuth,
    scope: Arc<str>,
}

impl Require {
    pub(crate) fn new(auth: GridAuth, scope: &str) -> Self {
        Self { auth, scope: scope.into() }
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
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequireService { guard: self.clone(), service: Rc::new(service) }))
    }
}

/// A service behind a [`Require`].
pub struct RequireService<S> {
    guard: Require,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for RequireService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (guard, service) = (self.guard.clone(), Rc::clone(&self.service));
        Box::pin(async move {
            match check(&guard.auth, request.request(), &guard.scope).await {
                Ok(_) => service.call(request).await.map(ServiceResponse::map_into_boxed_body),
                Err(rejection) => Ok(request.error_response(rejection)),
            }
        })
    }
}
