//! Conversions between Rocket's types and those of `http` 1.

use std::io::Cursor;

use gridauth::Peer;
use gridauth::http::{ClientCertificate, Connection, RequestHead};
use rocket::http::{Header, Method, Status};
use rocket::{Request, Response};

/// The head of a Rocket request.
pub(crate) struct Head<'r, 'c>(pub(crate) &'r Request<'c>);

impl RequestHead for Head<'_, '_> {
    fn method(&self) -> &str {
        sent_method(self.0).as_str()
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

    fn certificate(&self) -> Option<ClientCertificate> {
        certificate(self.0)
    }
}

/// Whether a request was sent as HEAD.
struct IsHead(bool);

/// Remembers how a request was sent. Rocket hands one with HEAD to a route for GET as a GET.
pub(crate) fn remember_method(request: &Request<'_>) {
    if request.method() == Method::Head {
        request.local_cache(|| IsHead(true));
    }
}

fn sent_method(request: &Request<'_>) -> Method {
    if request.local_cache(|| IsHead(false)).0 { Method::Head } else { request.method() }
}

/// The certificate of the client's connection, where the application knows it: `request.local_cache(|| Some(certificate))` in a request
/// fairing.
pub(crate) fn certificate(request: &Request<'_>) -> Option<ClientCertificate> {
    request.local_cache(|| None::<ClientCertificate>).clone()
}

/// The address that a request came from. Behind a proxy, the application sets it in a request fairing:
/// `request.local_cache(|| Some(Peer(ip)))`.
pub(crate) fn peer(request: &Request<'_>) -> Option<Peer> {
    *request.local_cache(|| request.remote().map(|address| Peer(address.ip())))
}

/// The server's response, as Rocket sends it.
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

/// Headers in Rocket's type, whose values are text. The server sends no other values.
pub(crate) fn headers(headers: &http::HeaderMap) -> impl Iterator<Item = Header<'static>> + '_ {
    headers.iter().filter_map(|(name, value)| {
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        Some(Header::new(name.as_str().to_owned(), value.to_owned()))
    })
}
