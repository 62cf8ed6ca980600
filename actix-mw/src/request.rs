use std::future::Future;
use std::pin::Pin;

use actix_web::body::{BodyStream, BoxBody, to_bytes_limited};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::rt::time::timeout;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, ResponseError};
use bytes::Bytes;
use gridauth::{GridAuth, Unread, whole_request};

use crate::convert::{self, Head};
use crate::rejection::{NOT_CONFIGURED, NotConfigured, configured_server};

/// A request with its whole body, of at most [`GridAuth::MAX_BODY`] within [`GridAuth::BODY_TIMEOUT`], and with the
/// [`Peer`](gridauth::Peer) it came from. It is for the application's own routes that call [`GridAuth::handle`].
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
            let auth = configured_server(&request)?;
            let read = read(&request, request.path(), payload).await;
            read.map(Self).map_err(|why| {
                WholeRequestRejection(Some((why, auth.refuse_unread(&Head::of(&request), why))))
            })
        })
    }
}

/// Reads a request for the endpoint with this path.
pub(crate) async fn read(
    request: &HttpRequest,
    path: &str,
    payload: Payload,
) -> Result<gridauth::Request, Unread> {
    let body = to_bytes_limited(BodyStream::new(payload), GridAuth::MAX_BODY);
    let body = timeout(GridAuth::BODY_TIMEOUT, body).await.map_err(|_| Unread::TooSlow)?;
    let body = body.map_err(|_| Unread::TooLong)?.map_err(|_| Unread::Broken)?;
    whole(request, path, body)
}

/// The request in gridauth's type, with the path of the endpoint. The body is not copied.
fn whole(request: &HttpRequest, path: &str, body: Bytes) -> Result<gridauth::Request, Unread> {
    let uri = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let peer = convert::peer(request);
    let mut whole = whole_request(request.method().as_str(), &uri, request.headers(), body, peer)?;
    if let Some(certificate) = convert::certificate(request) {
        whole.extensions_mut().insert(certificate);
    }
    Ok(whole)
}

/// The error of the extractor [`WholeRequest`]: the request could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.words())]
pub struct WholeRequestRejection(Option<(Unread, gridauth::Response)>);

impl WholeRequestRejection {
    fn words(&self) -> String {
        self.0.as_ref().map_or(NOT_CONFIGURED.to_owned(), |(why, _)| why.to_string())
    }
}

impl From<NotConfigured> for WholeRequestRejection {
    fn from(_: NotConfigured) -> Self {
        Self(None)
    }
}

impl ResponseError for WholeRequestRejection {
    fn status_code(&self) -> StatusCode {
        convert::status(self.0.as_ref().map(|(why, _)| why.status()))
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Some((_, answer)) => convert::response(answer.clone()),
            None => HttpResponse::InternalServerError().finish(),
        }
    }
}

/// A response of [`GridAuth::handle`], as a [`Responder`].
#[derive(Debug)]
pub struct Answer(pub gridauth::Response);

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        convert::response(self.0)
    }
}
