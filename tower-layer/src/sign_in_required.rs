use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use gridauth::GridAuth;
use gridauth::guard::GuardId;
use gridauth::model::Authentication;
use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::RequireBody;
use crate::head::Head;

/// A layer that guards the application's own pages: only requests of browsers in which a user is signed in reach the service.
///
/// [`GridAuthExt::sign_in_required`](crate::GridAuthExt::sign_in_required) makes one. All others get the response of
/// [`GridAuth::require_sign_in`], which lets the user sign in. The inner service finds the [`Authentication`] in the request's
/// extensions, and axum's handlers take a [`SignedIn`](crate::SignedIn).
#[derive(Clone)]
pub struct SignInRequiredLayer(GridAuth);

impl SignInRequiredLayer {
    #[track_caller]
    pub(crate) fn new(auth: GridAuth) -> Self {
        assert!(auth.has_sign_in_page(), "the server has no page on which users sign in");
        Self(auth)
    }
}

impl fmt::Debug for SignInRequiredLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInRequiredLayer")
    }
}

impl<S> Layer<S> for SignInRequiredLayer {
    type Service = SignInRequired<S>;

    fn layer(&self, inner: S) -> SignInRequired<S> {
        SignInRequired { inner, layer: self.clone() }
    }
}

/// A service behind a [`SignInRequiredLayer`].
#[derive(Clone, Debug)]
pub struct SignInRequired<S> {
    inner: S,
    layer: SignInRequiredLayer,
}

/// Who is signed in, as one server has found.
#[derive(Clone)]
pub(crate) struct Found {
    by: GuardId,
    signed_in: Authentication,
}

impl Found {
    pub(crate) fn new(auth: &GridAuth, signed_in: Authentication) -> Self {
        Self { by: auth.guard().id(), signed_in }
    }

    /// What this server has found before.
    pub(crate) fn by(auth: &GridAuth, extensions: &Extensions) -> Option<Authentication> {
        let found = extensions.get::<Self>().filter(|found| found.by == auth.guard().id());
        found.map(|found| found.signed_in.clone())
    }
}

impl<S, B, R> Service<Request<B>> for SignInRequired<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<RequireBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The service that is ready is taken. Its clone, which may not be ready, stays behind.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let auth = self.layer.0.clone();
        let found = auth.require_sign_in(&Head(&request, request.extensions()));
        Box::pin(async move {
            match found.await {
                Ok(signed_in) => {
                    request.extensions_mut().insert(Found::new(&auth, signed_in.clone()));
                    request.extensions_mut().insert(signed_in);
                    Ok(inner.call(request).await?.map(RequireBody::passed))
                }
                Err(answer) => Ok(answer.map(RequireBody::rejected)),
            }
        })
    }
}
