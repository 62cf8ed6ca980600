//! Endpoints: each has a path, methods, an entry in the metadata and a response.
//!
//! The built-in endpoints implement [`Endpoint`]. Grants and applications can add more.

mod metadata;
mod possession;
mod request;

pub use metadata::Metadata;
pub use request::EndpointRequest;

use async_trait::async_trait;
use http::Method;

use crate::engine::Engine;
use crate::http::Response;
use crate::protocol::OAuthError;

/// Where an endpoint is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointPath<'a> {
    /// Below the server's mount path: `/token` becomes `/oauth/token` by default.
    Mounted(&'a str),
    /// This path of the issuer's origin, whatever the issuer's path and the mount path.
    Origin(&'a str),
    /// The well-known URI with this name. The issuer's path is appended to it (RFC 8414 section 3.1).
    WellKnown(&'a str),
    /// The well-known URI with this name, where OpenID Connect Discovery section 4 has it: appended to the issuer. For an issuer with
    /// a path it is mounted at the place of [`WellKnown`](Self::WellKnown) too.
    Discovery(&'a str),
}

/// An endpoint of the server.
///
/// ```
/// use gridauth::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
/// use gridauth::protocol::OAuthError;
/// use gridauth::{GridAuth, Response, Store};
/// use http::Method;
///
/// /// Returns the time of the server.
/// struct Time;
///
/// #[gridauth::async_trait]
/// impl Endpoint for Time {
///     fn path(&self) -> EndpointPath<'_> {
///         EndpointPath::Mounted("/time")
///     }
///
///     fn methods(&self) -> &[Method] {
///         &[Method::GET]
///     }
///
///     async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
///         Ok(Response::new(request.engine().clock().now().to_string().into()))
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth =
///     GridAuth::builder("https://id.example.com").store(Store::memory()).endpoint(Time).build().await?;
/// let request = http::Request::get("/oauth/time").body(Default::default())?;
/// assert_eq!(auth.handle(request).await.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[async_trait]
pub trait Endpoint: Send + Sync + 'static {
    /// Where it is mounted.
    fn path(&self) -> EndpointPath<'_>;

    /// The supported HTTP methods. `GET` includes `HEAD`; any other method gets status 405.
    fn methods(&self) -> &[Method];

    /// Whether scripts of other origins may call it from a browser and read its answers (Cross-Origin Resource Sharing). The
    /// server then answers preflights and adds the headers, for the origins of
    /// [`Builder::allowed_origins`](crate::Builder::allowed_origins). An endpoint that shows pages, or that reads a cookie, must
    /// not.
    fn serves_scripts(&self) -> bool {
        false
    }

    /// Adds to the server's metadata (RFC 8414 section 2).
    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        let _ = (engine, metadata);
    }

    /// Responds to a request with one of its methods.
    ///
    /// # Errors
    /// An [`OAuthError`] becomes an error response as in RFC 6749 section 5.2.
    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError>;
}
