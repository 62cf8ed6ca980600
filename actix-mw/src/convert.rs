//! actix-web speaks `http` 0.2, the engine `http` 1: what crosses between them crosses here.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use gridauth::Peer;

/// The request as the engine reads it, under the path by which the endpoint is known there. The body is handed on, not
/// copied.
///
/// An application that knows the real source of a request better than the socket does, behind a proxy, says so with a
/// [`Peer`] in the request's extensions.
pub(crate) fn request(request: &HttpRequest, path: &str, body: Bytes) -> http::Result<gridauth::Request> {
    let uri = match request.uri().query() {
        Some(query) => http::Uri::try_from(format!("{path}?{query}"))?,
        None => http::Uri::try_from(path)?,
    };
    let mut converted =
        http::Request::builder().method(request.method().as_str().as_bytes()).uri(uri).body(body)?;
    for (name, value) in request.headers() {
        converted.headers_mut().append(
            http::HeaderName::from_bytes(name.as_str().as_bytes())?,
            http::HeaderValue::from_bytes(value.as_bytes())?,
        );
    }
    let known = request.extensions().get::<Peer>().copied();
    if let Some(peer) = known.or_else(|| request.peer_addr().map(|address| Peer(address.ip()))) {
        converted.extensions_mut().insert(peer);
    }
    Ok(converted)
}

/// The engine's answer as actix-web sends it.
pub(crate) fn response(answer: gridauth::Response) -> HttpResponse {
    let (parts, body) = answer.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, body).map_into_boxed_body();
    for (name, value) in &parts.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_str().as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}
