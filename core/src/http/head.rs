//! The head of a request: everything but its body.

use std::iter;
use std::net::IpAddr;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::ClientCertificate;

/// The address at the other end of the connection that a request came over. An adapter puts it into the request's extensions.
/// Behind a reverse proxy it is the proxy's: [`TrustedProxies`](super::TrustedProxies) say for whom that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The connection that a request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The IP address of the other end, if known.
    pub peer: Option<IpAddr>,
}

impl Connection {
    /// A connection from this peer.
    pub fn from_peer(peer: Option<Peer>) -> Self {
        Self { peer: peer.map(|peer| peer.0) }
    }
}

/// The head of a request, in the types of any framework. Guards and client authentication read it.
///
/// It is implemented for the types of `http` 1. An adapter for a framework with other types wraps that framework's request:
///
/// ```
/// use gridauth::http::{Connection, RequestHead};
/// use http::HeaderName;
///
/// struct Plain<'a> {
///     target: &'a str,
///     authorization: &'a str,
/// }
///
/// impl RequestHead for Plain<'_> {
///     fn method(&self) -> &str {
///         "GET"
///     }
///     fn path(&self) -> &str {
///         self.target
///     }
///     fn query(&self) -> Option<&str> {
///         None
///     }
///     fn header_values<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h [u8]> {
///         (name == http::header::AUTHORIZATION).then_some(self.authorization.as_bytes()).into_iter()
///     }
///     fn connection(&self) -> Connection {
///         Connection::default()
///     }
/// }
/// ```
pub trait RequestHead {
    /// The method, as sent.
    fn method(&self) -> &str;

    /// The path of the request target, as sent.
    fn path(&self) -> &str;

    /// The query of the request target, as sent.
    fn query(&self) -> Option<&str>;

    /// The values of all header fields with this name, in the order in which they were sent.
    fn header_values<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h [u8]>;

    /// The connection that the request came from.
    fn connection(&self) -> Connection;

    /// The certificate with which the client authenticated that connection, where this process terminates TLS (RFC 8705).
    fn certificate(&self) -> Option<ClientCertificate> {
        None
    }
}

fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> + use<'h> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

impl<B> RequestHead for http::Request<B> {
    fn method(&self) -> &str {
        self.method().as_str()
    }

    fn path(&self) -> &str {
        self.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.uri().query()
    }

    fn header_values<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h [u8]> {
        values(self.headers(), name)
    }

    fn connection(&self) -> Connection {
        Connection::from_peer(self.extensions().get().copied())
    }

    fn certificate(&self) -> Option<ClientCertificate> {
        self.extensions().get().cloned()
    }
}

impl RequestHead for http::request::Parts {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn header_values<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h [u8]> {
        values(&self.headers, name)
    }

    fn connection(&self) -> Connection {
        Connection::from_peer(self.extensions.get().copied())
    }

    fn certificate(&self) -> Option<ClientCertificate> {
        self.extensions.get().cloned()
    }
}

/// A head with only an access token, for tokens that are not in a header: in the first message of a WebSocket, in a queue, in a
/// test.
///
/// ```
/// use gridauth::http::BearerToken;
/// use gridauth::{GridAuth, MintRequest, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
/// let token = auth.mint(MintRequest::for_user("israel")).await?;
/// let access = auth.authenticate(&BearerToken::new(token.access_token.expose())).await?;
/// assert_eq!(access.user(), Some("israel"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct BearerToken(zeroize::Zeroizing<String>);

impl BearerToken {
    /// A head with this token.
    pub fn new(token: &str) -> Self {
        Self(zeroize::Zeroizing::new(format!("Bearer {token}")))
    }
}

impl RequestHead for BearerToken {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        "/"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header_values<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h [u8]> {
        iter::once(self.0.as_bytes()).filter(move |_| name == AUTHORIZATION)
    }

    fn connection(&self) -> Connection {
        Connection::default()
    }
}
