use gridauth::Peer;
use gridauth::http::{ClientCertificate, Connection, RequestHead};
use http::{Extensions, HeaderName, Uri};

/// The head of a request as it was sent. Inside a nested router axum strips the prefix from the URI and keeps the original one in
/// the extensions.
pub(crate) struct Head<'r, H>(pub(crate) &'r H, pub(crate) &'r Extensions);

#[cfg(feature = "axum")]
fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get().map(|axum::extract::OriginalUri(uri)| uri)
}

#[cfg(not(feature = "axum"))]
fn original_uri(_extensions: &Extensions) -> Option<&Uri> {
    None
}

impl<H: RequestHead> RequestHead for Head<'_, H> {
    fn method(&self) -> &str {
        self.0.method()
    }

    fn path(&self) -> &str {
        original_uri(self.1).map_or_else(|| self.0.path(), Uri::path)
    }

    fn query(&self) -> Option<&str> {
        original_uri(self.1).map_or_else(|| self.0.query(), Uri::query)
    }

    fn header_values<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h [u8]> {
        self.0.header_values(name)
    }

    fn connection(&self) -> Connection {
        Connection::from_peer(peer(self.1))
    }

    fn certificate(&self) -> Option<ClientCertificate> {
        self.0.certificate()
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
    use http::Request;

    use super::*;

    #[test]
    fn the_head_is_that_of_the_request_as_it_was_sent() {
        let mut request = Request::get("/7?x=1").body(()).unwrap();
        assert_eq!(Head(&request, request.extensions()).path(), "/7");
        request.extensions_mut().insert(OriginalUri(Uri::from_static("/orders/7?x=1")));
        let address: SocketAddr = "192.0.2.1:1234".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        let (parts, ()) = request.into_parts();
        let head = Head(&parts, &parts.extensions);
        assert_eq!((head.method(), head.path(), head.query()), ("GET", "/orders/7", Some("x=1")));
        assert_eq!(head.connection().peer, Some(address.ip()));
    }

    #[test]
    fn the_applications_own_word_on_the_peer_counts() {
        let mut request = Request::get("/").body(()).unwrap();
        let (socket, known): (SocketAddr, _) = ("10.0.0.1:1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        request.extensions_mut().insert(ConnectInfo(socket));
        request.extensions_mut().insert(Peer(known));
        assert_eq!(Head(&request, request.extensions()).connection().peer, Some(known));
    }
}
