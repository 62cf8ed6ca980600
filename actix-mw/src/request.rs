use std::future::Future;
use std::pin::Pin;

use actix_web::body::{BodyStream, BoxBody, to_bytes_limited};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, ResponseError};
use bytes::Bytes;
use gridauth::GridAuth;

use crate::convert;
use crate::rejection::{NOT_CONFIGURED, NotConfigured, configured};

/// A request with its whole body, at most [`GridAuth::MAX_BODY`] of it, and the [`Peer`](gridauth::Peer) it came from:
/// what [`GridAuth::handle`] takes, for routes of the application's own that end there.
///
/// ```
/// use actix_web::web;
/// use gridauth::GridAuth;
/// use gridauth_actix::{Answer, WholeRequest};
///
/// /// The token endpoint at another path.
/// async fn token(auth: web::Data<GridAuth>, WholeRequest(mut request): WholeRequest) -> Answer {
///     *request.uri_mut() = http::Uri::from_static("/oauth/token");
///     Answer(auth.handle(request).await)
/// }
/// ```
#[derive(Debug)]
pub struct WholeRequest(pub gridauth::Request);

impl FromRequest for WholeRequest {
    type Error = WholeRequestRejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, WholeRequestRejection>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let auth = configured(&request)?;
            let read = read(&request, request.path(), payload).await;
            read.map(Self).map_err(|failure| WholeRequestRejection(Some((auth.clone(), failure))))
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    TooLong,
    Unreadable,
}

impl Failure {
    pub(crate) fn answer(self, auth: &GridAuth) -> gridauth::Response {
        match self {
            Self::TooLong => auth.payload_too_large(),
            Self::Unreadable => auth.unreadable_request(),
        }
    }
}

/// Reads a request for the endpoint that the engine knows by this path.
pub(crate) async fn read(
    request: &HttpRequest,
    path: &str,
    payload: Payload,
) -> Result<gridauth::Request, Failure> {
    let body: Bytes = match to_bytes_limited(BodyStream::new(payload), GridAuth::MAX_BODY).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(Failure::Unreadable),
        Err(_) => return Err(Failure::TooLong),
    };
    convert::request(request, path, body).map_err(|_| Failure::Unreadable)
}

/// A request could not be read whole: a [`ResponseError`].
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.words())]
pub struct WholeRequestRejection(Option<(GridAuth, Failure)>);

impl WholeRequestRejection {
    fn words(&self) -> &'static str {
        match self.0 {
            Some((_, Failure::TooLong)) => "the body is too long",
            Some((_, Failure::Unreadable)) => "the request could not be read",
            None => NOT_CONFIGURED,
        }
    }
}

impl From<NotConfigured> for WholeRequestRejection {
    fn from(_: NotConfigured) -> Self {
        Self(None)
    }
}

impl ResponseError for WholeRequestRejection {
    fn status_code(&self) -> StatusCode {
        match self.0 {
            Some((_, Failure::TooLong)) => StatusCode::PAYLOAD_TOO_LARGE,
            Some((_, Failure::Unreadable)) => StatusCode::BAD_REQUEST,
            None => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Some((auth, failure)) => convert::response(failure.answer(auth)),
            None => HttpResponse::InternalServerError().finish(),
        }
    }
}

/// What the engine answers, as a [`Responder`].
#[derive(Debug)]
pub struct Answer(pub gridauth::Response);

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        convert::response(self.0)
    }
}
