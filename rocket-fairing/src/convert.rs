//! Conversions between Rocket's types and those of `http` 1.

use std::io::Cursor;

use bytes::Bytes;
use gridauth::Peer;
use gridauth::http::{Connection, RequestHead};
use gridauth::{Unread, whole_request};
use rocket::http::{Header, Method, Status};
use rocket::{Request, Response};

/// The request as the engine reads it. The body is handed on, not copied.
pub(crate) fn request(request: &Request<'_>, body: Bytes) -> Result<gridauth::Request, Unread> {
    let headers = request.headers().iter();
    let headers = headers.map(|header| (header.name.into_string(), header.value.into_owned()));
    let method = sent_method(request, &body);
    whole_request(method.as_str(), &request.uri().to_string(), headers, body, peer(request))
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

/// The head of a request, as a guard reads it.
pub(crate) struct Head<'r, 'c>(pub(crate) &'r Request<'c>);

impl RequestHead for Head<'_, '_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn path(&self) -> &str {
        self.0.uri().path().as_str()
    }

    fn query(&self) -> Option<&str> {
        self.0.uri().query().map(|query| query.as_str())
    }

    fn header_values<'h>(&'h self, name: &'h http::HeaderName) -> impl Iterator<Item = &'h [u8]> {
        self.0.headers().get(name.as_str()).map(str::as_bytes)
    }

    fn connection(&self) -> Connection {
        Connection::from_peer(peer(self.0))
    }
}

/// The address that a request came from. An application that knows it better than the socket does, behind a proxy, says so in a
/// request fairing: `request.local_cache(|| Some(Peer(ip)))`.
fn peer(request: &Request<'_>) -> Option<Peer> {
    *request.local_cache(|| request.remote().map(|address| Peer(address.ip())))
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
