//! Conversions between actix-web, which uses `http` 0.2, and gridauth, which uses `http` 1.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use gridauth::Peer;
use gridauth::http::{ClientCertificate, Connection, RequestHead};

/// The head of an actix-web request.
pub(crate) struct Head<'r> {
    request: &'r HttpRequest,
    path: &'r str,
}

impl<'r> Head<'r> {
    pub(crate) fn of(request: &'r HttpRequest) -> Self {
        Self::at(request.path(), request)
    }

    /// The head of a request to the endpoint with this path, which may be nested.
    pub(crate) fn at(path: &'r str, request: &'r HttpRequest) -> Self {
        Self { request, path }
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.path
    }

    fn query(&self) -> Option<&str> {
        self.request.uri().query()
    }

    fn header_values<'h>(&'h self, name: &'h http::HeaderName) -> impl Iterator<Item = &'h [u8]> {
        let headers = self.request.headers();
        // Every guard reads this header, so its name is not parsed each time.
        let values = match name {
            &http::header::AUTHORIZATION => headers.get_all(AUTHORIZATION),
            other => headers.get_all(other.as_str()),
        };
        values.map(HeaderValue::as_bytes)
    }

    fn connection(&self) -> Connection {
        Connection::from_peer(peer(self.request))
    }

    fn certificate(&self) -> Option<ClientCertificate> {
        certificate(self.request)
    }
}

/// The certificate of the client's connection, which the application puts into the extensions of the connection
/// (`HttpServer::on_connect`), or of the request.
pub(crate) fn certificate(request: &HttpRequest) -> Option<ClientCertificate> {
    request.extensions().get().cloned().or_else(|| request.conn_data().cloned())
}

/// The address that a request came from. Behind a proxy, the application sets it by putting a [`Peer`] into the request's
/// extensions.
pub(crate) fn peer(request: &HttpRequest) -> Option<Peer> {
    let known = request.extensions().get::<Peer>().copied();
    known.or_else(|| request.peer_addr().map(|address| Peer(address.ip())))
}

/// The server's response, as actix-web sends it.
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

/// The status in actix-web's type; 500 if there is none.
pub(crate) fn status(status: Option<http::StatusCode>) -> StatusCode {
    let known = status.and_then(|status| StatusCode::from_u16(status.as_u16()).ok());
    known.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
