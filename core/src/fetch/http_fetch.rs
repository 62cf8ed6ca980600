use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use super::connect::Connector;
use super::exchange::exchange;
use super::tls::Trust;
use super::{Fetch, FetchError, FetchRequest, FetchResponse};

/// A longer time limit counts as this one.
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Sends requests itself, with HTTP/1.1 on a new connection each, from a Tokio runtime with I/O and time enabled.
///
/// It trusts the certificates of the system, or those in `SSL_CERT_FILE` and `SSL_CERT_DIR` if one of them is set. They are read
/// once, at the first `https` request.
///
/// It ignores the proxy variables of the environment: a proxy would resolve the names, and the addresses would go unchecked.
///
/// ```no_run
/// use gridauth::fetch::{Fetch, FetchRequest, HttpFetch, PlainHttp, Reach};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let request = FetchRequest::get("https://client.example/jwks", PlainHttp::Refused, Reach::Public)?;
/// let response = HttpFetch::new().fetch(request).await?;
/// println!("{} {:?}", response.status(), response.body());
/// # Ok(())
/// # }
/// ```
pub struct HttpFetch {
    connector: Connector,
    trust: Trust,
}

impl HttpFetch {
    /// Resolves names and trusts certificates as the machine does.
    pub fn new() -> Self {
        Self { connector: Connector::system(), trust: Trust::default() }
    }

    #[cfg(test)]
    pub(super) fn with_connector(connector: Connector) -> Self {
        Self { connector, trust: Trust::default() }
    }

    async fn respond(&self, request: &FetchRequest, deadline: Instant) -> Result<FetchResponse, FetchError> {
        let stream = self.connector.connect(request, deadline).await?;
        if request.url().scheme() == "https" {
            exchange(self.trust.secure(request.url(), stream).await?, request).await
        } else {
            exchange(stream, request).await
        }
    }
}

impl Default for HttpFetch {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        let deadline = Instant::now() + request.time_limit().min(MAX_TIME);
        let response = timeout_at(deadline, self.respond(&request, deadline)).await;
        let response = response.unwrap_or(Err(FetchError::TimedOut));
        // Path and query may hold secrets.
        let (scheme, host, port) =
            (request.url().scheme(), request.url().host_str(), request.url().port_or_known_default());
        match &response {
            Ok(response) => {
                let (status, length) = (response.status().as_u16(), response.body().len());
                tracing::debug!(scheme, host, port, status, length, "outgoing request");
            }
            Err(error) => tracing::debug!(scheme, host, port, %error, "outgoing request failed"),
        }
        response
    }
}
