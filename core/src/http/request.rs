//! Requests with their whole body.

use bytes::Bytes;
use http::StatusCode;

use super::Peer;
use crate::protocol::OAuthError;

/// A request with its whole body, whose length the adapter has limited.
pub type Request = http::Request<Bytes>;

/// Why a request could not be read. [`GridAuth::refuse_unread`](crate::GridAuth::refuse_unread) makes the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The body is longer than [`GridAuth::MAX_BODY`](crate::GridAuth::MAX_BODY).
    #[error("the body is too long")]
    TooLong,
    /// It did not arrive within [`GridAuth::BODY_TIMEOUT`](crate::GridAuth::BODY_TIMEOUT).
    #[error("the body took too long")]
    TooSlow,
    /// It broke off, or has parts that are not HTTP.
    #[error("the request could not be read")]
    Broken,
}

impl Unread {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<Unread> for OAuthError {
    fn from(why: Unread) -> Self {
        Self::invalid_request(why.to_string()).with_status(why.status())
    }
}

/// Makes a request from its parts, for a framework whose types are not those of `http` 1. The body is not copied.
///
/// # Errors
/// [`Unread::Broken`] if a part is not valid HTTP.
///
/// ```
/// use gridauth::{Unread, whole_request};
///
/// let request = whole_request("GET", "/oauth/token?x=1", [("accept", b"*/*")], Default::default(), None)?;
/// assert_eq!((request.uri().path(), &request.headers()["accept"]), ("/oauth/token", &"*/*".parse()?));
/// let broken = whole_request("GET", "/", [("accept", b"*\n*")], Default::default(), None);
/// assert_eq!(broken.err(), Some(Unread::Broken));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn whole_request<N: AsRef<str>, V: AsRef<[u8]>>(
    method: &str,
    uri: &str,
    headers: impl IntoIterator<Item = (N, V)>,
    body: Bytes,
    peer: Option<Peer>,
) -> Result<Request, Unread> {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(name.as_ref(), value.as_ref());
    }
    if let Some(peer) = peer {
        builder = builder.extension(peer);
    }
    builder.body(body).map_err(|_| Unread::Broken)
}
