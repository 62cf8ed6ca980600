use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use gridauth::GridAuth;

use crate::WholeRequest;

pub(crate) fn routes<S: Clone + Send + Sync + 'static>(auth: &GridAuth) -> Router<S> {
    // The issuer's path may have segments that start with a colon or an asterisk.
    auth.paths().iter().fold(Router::new().without_v07_checks(), |router, path| {
        let auth = auth.clone();
        router.route(path, any(move |request: Request| answer(auth.clone(), request)))
    })
}

async fn answer(auth: GridAuth, request: Request) -> Response {
    match WholeRequest::from_request(request, &auth).await {
        Ok(WholeRequest(request)) => auth.handle(request).await.map(Body::from),
        Err(rejection) => rejection.into_response(),
    }
}
