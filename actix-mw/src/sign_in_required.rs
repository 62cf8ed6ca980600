use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use gridauth::GridAuth;

use crate::convert::Head;
use crate::signed_in::{SignInRejection, keep};

/// Middleware that guards the application's own pages: `.wrap(auth.sign_in_required())`.
///
/// Only requests of browsers in which a user is signed in pass. All others get the response of [`GridAuth::require_sign_in`], which
/// lets the user sign in. Handlers take a [`SignedIn`](crate::SignedIn).
#[derive(Clone)]
pub struct SignInRequired(GridAuth);

impl SignInRequired {
    #[track_caller]
    pub(crate) fn new(auth: GridAuth) -> Self {
        assert!(auth.has_sign_in_page(), "the server has no page on which users sign in");
        Self(auth)
    }
}

impl fmt::Debug for SignInRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInRequired")
    }
}

impl<S, B> Transform<S, ServiceRequest> for SignInRequired
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type InitError = ();
    type Transform = SignInRequiredService<S>;
    type Future = future::Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        future::ready(Ok(SignInRequiredService { auth: self.0.clone(), service: Rc::new(service) }))
    }
}

/// A service behind [`SignInRequired`].
pub struct SignInRequiredService<S> {
    auth: GridAuth,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for SignInRequiredService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (auth, service) = (self.auth.clone(), Rc::clone(&self.service));
        let found = auth.require_sign_in(&Head::of(request.request()));
        Box::pin(async move {
            match found.await {
                Ok(signed_in) => {
                    keep(&auth, request.request(), signed_in);
                    Ok(service.call(request).await?.map_into_boxed_body())
                }
                // A response, not an error, so that middleware around sees it.
                Err(answer) => Ok(request.error_response(SignInRejection::new(answer))),
            }
        })
    }
}
