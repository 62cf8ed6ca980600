//! Outgoing HTTP requests, all through one [`Fetch`]: a client's `jwks_uri`, `sector_identifier_uri`, `request_uris` and logo,
//! client id metadata documents, and back-channel logout.
//!
//! Whoever registers a client chooses URLs that the server then requests. Where anyone may register, a stranger could make the
//! server call hosts that only the server can reach (server-side request forgery). So each [`FetchRequest`] has a [`Reach`],
//! which depends on who registered the client. The check applies to the addresses that are actually connected to, not to the
//! URL. An unusual spelling of an address does not get around it, and neither does a name that resolves differently each time.
//!
//! Time and size are bounded: one time limit covers everything from the lookup of the name to the last byte, and the body has a
//! maximum length. Redirects are not followed. No cookies or referrers are sent, and no credentials but those of the request.
//!
//! The check knows addresses, not networks. If the server can reach internal hosts by public addresses, a firewall has to
//! keep it from them.
//!
//! [`HttpFetch`] is the default, with the feature `fetch`. An application that sends its requests in another way, such as through
//! a filtering proxy, implements the trait:
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use gridauth::async_trait;
//! use gridauth::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, PlainHttp, Reach};
//! use http::{HeaderMap, HeaderValue, StatusCode, header};
//!
//! /// Knows one document, for tests.
//! struct OneDocument;
//!
//! #[async_trait]
//! impl Fetch for OneDocument {
//!     async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
//!         if request.url().path() != "/jwks" {
//!             return Ok(FetchResponse::new(StatusCode::NOT_FOUND, &HeaderMap::new(), Bytes::new()));
//!         }
//!         let mut headers = HeaderMap::new();
//!         headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
//!         headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
//!         Ok(FetchResponse::new(StatusCode::OK, &headers, Bytes::from_static(br#"{"keys":[]}"#)))
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let request = FetchRequest::get("https://client.example/jwks", PlainHttp::Refused, Reach::Public)?
//!     .accepting("application/jwk-set+json, application/json")
//!     .at_most(64 * 1024)
//!     .within(Duration::from_secs(5));
//! let response = OneDocument.fetch(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(response.media_type(), Some("application/jwk-set+json"));
//! assert_eq!(response.fresh_for(), Some(Duration::from_secs(300)));
//! # Ok::<(), FetchError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod reach;
mod request;
mod response;

#[cfg(feature = "fetch")]
mod connect;
#[cfg(feature = "fetch")]
mod exchange;
#[cfg(feature = "fetch")]
mod http_fetch;
#[cfg(feature = "fetch")]
mod tls;

#[cfg(all(test, feature = "fetch"))]
mod tests;

pub use error::FetchError;
#[cfg(feature = "fetch")]
pub use http_fetch::HttpFetch;
pub use reach::Reach;
pub use request::{FetchRequest, PlainHttp};
pub use response::FetchResponse;

use std::sync::Arc;

use async_trait::async_trait;

/// Makes the server's outgoing requests.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Sends one request and reads the whole response, whatever its status. An implementation:
    ///
    /// - connects only to addresses that [`FetchRequest::allows`],
    /// - follows no redirect: a status of 300 to 399 is [`FetchError::Redirect`],
    /// - reads no more than [`FetchRequest::max_body`] bytes and takes no longer than [`FetchRequest::time_limit`],
    /// - sends the credentials of the request ([`FetchRequest::authorization`]) and no others, and keeps no cookies.
    ///
    /// # Errors
    /// [`FetchError`] if there is no complete response.
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError>;
}

#[async_trait]
impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        (**self).fetch(request).await
    }
}

/// Makes no request: each is [`FetchError::Off`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn fetch(&self, _request: FetchRequest) -> Result<FetchResponse, FetchError> {
        Err(FetchError::Off)
    }
}
