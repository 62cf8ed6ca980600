use gridauth::Peer;
use gridauth::http::{Connection, RequestHead};
use http::header::HeaderValue;
#[cfg(feature = "axum")]
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri};

/// The head of a request as it was sent. Inside a nested router axum strips the prefix from the URI and keeps the original one in
/// the extensions.
pub(crate) struct Head<'r> {
    method: &'r Method,
    uri: &'r Uri,
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
}

impl<'r> Head<'r> {
    pub(crate) fn of<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn of_parts(parts: &'r Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            extensions: &parts.extensions,
        }
    }

    #[cfg(feature = "axum")]
    fn uri(&self) -> &Uri {
        use axum::extract::OriginalUri;

        self.extensions.get().map_or(self.uri, |OriginalUri(uri)| uri)
    }

    #[cfg(not(feature = "axum"))]
    fn uri(&self) -> &Uri {
        self.uri
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        self.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.uri().query()
    }

    fn header_values<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h [u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    fn connection(&self) -> Connection {
        Connection::from_peer(peer(self.extensions))
    }
}

/// The address that a request came from, if it is known. A `Peer` that the application set takes precedence.
pub(crate) fn peer(extensions: &Extensions) -> Option<Peer> {
    extensions.get().copied().or_else(|| connected(extensions))
}

#[cfg(feature = "axum")]
fn connected(extensions: &Extensions) -> Option<Peer> {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;
    use axum::extract::connect_info::MockConnectInfo;

    // This does not use the extractors, which format an error message if there is no address.
    let connected = extensions.get().map(|ConnectInfo::<SocketAddr>(address)| *address);
    let mocked = || extensions.get().map(|MockConnectInfo::<SocketAddr>(address)| *address);
    connected.or_else(mocked).map(|address| Peer(address.ip()))
}

#[cfg(not(feature = "axum"))]
fn connected(_extensions: &Extensions) -> Option<Peer> {
    None
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use std::net::SocketAddr;

    use axum::extract::{ConnectInfo, OriginalUri};

    use super::*;

    #[test]
    fn the_head_is_that_of_the_request_as_it_was_sent() {
        let mut request = Request::get("/7?x=1").body(()).unwrap();
        assert_eq!(Head::of(&request).path(), "/7");
        request.extensions_mut().insert(OriginalUri(Uri::from_static("/orders/7?x=1")));
        let address: SocketAddr = "192.0.2.1:1234".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        let (parts, ()) = request.into_parts();
        let head = Head::of_parts(&parts);
        assert_eq!((head.method(), head.path(), head.query()), ("GET", "/orders/7", Some("x=1")));
        assert_eq!(head.connection().peer, Some(address.ip()));
    }

    #[test]
    fn the_applications_own_word_on_the_peer_counts() {
        let mut request = Request::get("/").body(()).unwrap();
        let (socket, known): (SocketAddr, _) = ("10.0.0.1:1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        request.extensions_mut().insert(ConnectInfo(socket));
        request.extensions_mut().insert(Peer(known));
        assert_eq!(Head::of(&request).connection().peer, Some(known));
    }
}
