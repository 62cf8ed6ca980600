//! Rocket has types of its own, the engine those of `http` 1: what crosses between them crosses here.

use std::io::Cursor;

use bytes::Bytes;
use gridauth::{Peer, Unread, whole_request};
use rocket::http::{Header, Method, Status};
use rocket::{Request, Response};

/// The request as the engine reads it. The body is handed on, not copied.
///
/// An application that knows the real source of a request better than the socket does, behind a proxy, says so in a
/// request fairing: `request.local_cache(|| Some(Peer(ip)))`.
pub(crate) fn request(request: &Request<'_>, body: Bytes) -> Result<gridauth::Request, Unread> {
    let peer = *request.local_cache(|| request.remote().map(|address| Peer(address.ip())));
    let headers = request.headers().iter();
    let headers = headers.map(|header| (header.name.into_string(), header.value.into_owned()));
    let method = sent_method(request, &body);
    whole_request(method.as_str(), &request.uri().to_string(), headers, body, peer)
}

/// The method that the request was sent with. Rocket takes a form that begins with `_method=put` for a PUT; to an
/// endpoint that is a parameter that it does not know, and ignores (RFC 6749 section 3.2).
fn sent_method(request: &Request<'_>, body: &[u8]) -> Method {
    let is_form = request.content_type().is_some_and(|content_type| content_type.is_form());
    let renamed = body.strip_prefix(b"_method=".as_slice()).filter(|_| is_form).and_then(|rest| {
        let value = rest.split(|&byte| byte == b'&').next().unwrap_or_default();
        std::str::from_utf8(value).ok()?.parse().ok()
    });
    if renamed == Some(request.method()) { Method::Post } else { request.method() }
}

/// The values of all headers of a name, as the engine reads them.
pub(crate) fn values<'r>(
    request: &'r Request<'_>,
    name: &http::HeaderName,
) -> impl Iterator<Item = &'r [u8]> + use<'r> {
    request.headers().get(name.as_str()).map(str::as_bytes)
}

/// The engine's answer as Rocket sends it.
pub(crate) fn response(answer: gridauth::Response) -> Response<'static> {
    let (parts, body) = answer.into_parts();
    let mut response = Response::new();
    response.set_status(Status::new(parts.status.as_u16()));
    for header in headers(&parts.headers) {
        response.adjoin_header(header);
    }
    response.set_sized_body(body.len(), Cursor::new(body));
    response
}

/// Headers as Rocket keeps them, as text. The engine sends no others.
pub(crate) fn headers(headers: &http::HeaderMap) -> impl Iterator<Item = Header<'static>> + '_ {
    headers.iter().filter_map(|(name, value)| {
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        Some(Header::new(name.as_str().to_owned(), value.to_owned()))
    })
}
