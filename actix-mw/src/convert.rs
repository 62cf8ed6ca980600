//! actix-web speaks `http` 0.2, the engine `http` 1: what crosses between them crosses here.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use gridauth::{Peer, Unread, whole_request};

/// The request as the engine reads it, under the path by which the endpoint is known there. The body is handed on, not
/// copied.
///
/// An application that knows the real source of a request better than the socket does, behind a proxy, says so with a
/// [`Peer`] in the request's extensions.
pub(crate) fn request(request: &HttpRequest, path: &str, body: Bytes) -> Result<gridauth::Request, Unread> {
    let uri = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let known = request.extensions().get::<Peer>().copied();
    let peer = known.or_else(|| request.peer_addr().map(|address| Peer(address.ip())));
    whole_request(request.method().as_str(), &uri, request.headers(), body, peer)
}

/// The values of all headers of a name, as the engine reads them.
pub(crate) fn values<'r>(
    request: &'r HttpRequest,
    name: &http::HeaderName,
) -> impl Iterator<Item = &'r [u8]> + use<'r> {
    let headers = request.headers();
    // The one that every guard asks for is not parsed each time.
    let values = match name {
        &http::header::AUTHORIZATION => headers.get_all(AUTHORIZATION),
        other => headers.get_all(other.as_str()),
    };
    values.map(HeaderValue::as_bytes)
}

/// The engine's answer as actix-web sends it.
pub(crate) fn response(answer: gridauth::Response) -> HttpResponse {
    let (parts, body) = answer.into_parts();
    let mut response = HttpResponse::with_body(status(Some(parts.status)), body).map_into_boxed_body();
    for (name, value) in &parts.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_str().as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The status as actix-web knows it; 500 where there is none to tell.
pub(crate) fn status(status: Option<http::StatusCode>) -> StatusCode {
    let known = status.and_then(|status| StatusCode::from_u16(status.as_u16()).ok());
    known.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
