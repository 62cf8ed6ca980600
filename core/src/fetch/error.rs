use http::StatusCode;

/// The cause of a [`FetchError`].
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request has no response.
///
/// It is for logs. Do not show it to whoever registered the URL: it tells closed, silent and forbidden hosts apart, which would
/// let a stranger map the server's network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL cannot be requested.
    #[error("the URL cannot be requested: {0}")]
    Url(&'static str),
    /// The request may connect to none of the host's addresses: see [`FetchRequest::allows`](super::FetchRequest::allows).
    #[error("the request may connect to none of the host's addresses")]
    Forbidden,
    /// The host's name is unknown, or nothing could be connected to.
    #[error("the host cannot be reached: {0}")]
    Unreachable(#[source] Cause),
    /// The TLS handshake failed: the certificate is not trusted or is for another host, or the host does not speak TLS.
    #[error("the TLS handshake failed: {0}")]
    Tls(#[source] Cause),
    /// No trusted certificate could be loaded, so no `https` host can be verified.
    #[error("no trusted certificate could be loaded: {0}")]
    Certificates(#[source] Cause),
    /// The time limit passed before the response was complete.
    #[error("the response took too long")]
    TimedOut,
    /// The body is longer than the request allows.
    #[error("the response is too long")]
    TooLarge,
    /// The response is a redirect. It is not followed, because its target is not the URL that was registered.
    #[error("the response is a redirect ({0}), which is not followed")]
    Redirect(StatusCode),
    /// What the host sent is not a complete HTTP response.
    #[error("no complete HTTP response: {0}")]
    Response(#[source] Cause),
    /// The server makes no outgoing requests.
    #[error("outgoing requests are off: enable the feature `fetch` or provide a `Fetch`")]
    Off,
}
