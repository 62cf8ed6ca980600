use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::env::Timestamp;
use crate::fetch::{Fetch, FetchRequest, PlainHttp, Reach};
use crate::guard::VerifierError;
use crate::protocol;

/// How long the metadata is used without asking again.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// How long the issuer is not asked again after it could not be reached.
const PAUSE: Duration = Duration::from_secs(5);

/// An issuer, and its metadata as it was last read (RFC 8414, OpenID Connect Discovery).
pub(super) struct Issuer {
    issuer: protocol::Issuer,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    document: Option<Arc<Document>>,
    read: Option<Timestamp>,
    failed: Option<Timestamp>,
}

/// What is needed of the metadata.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    issuer: String,
    #[serde(default)]
    pub(super) jwks_uri: Option<String>,
    #[serde(default)]
    pub(super) introspection_endpoint: Option<String>,
}

fn is_within(period: Duration, then: Option<Timestamp>, now: Timestamp) -> bool {
    then.is_some_and(|then| then <= now && now.since(then) < period)
}

impl Issuer {
    pub(super) fn new(issuer: protocol::Issuer) -> Self {
        Self { issuer, last: Mutex::default() }
    }

    pub(super) fn name(&self) -> &str {
        &self.issuer.url
    }

    /// The metadata. While the issuer cannot be reached, it is what was last read.
    pub(super) async fn document(
        &self,
        fetch: &dyn Fetch,
        now: Timestamp,
    ) -> Result<Arc<Document>, VerifierError> {
        let mut last = self.last.lock().await;
        if let Some(document) = last.document.as_ref().filter(|_| is_within(FRESH, last.read, now)) {
            return Ok(Arc::clone(document));
        }
        if !is_within(PAUSE, last.failed, now) {
            match self.read(fetch).await {
                Ok(document) => {
                    let document = Arc::new(document);
                    *last = Last { document: Some(Arc::clone(&document)), read: Some(now), failed: None };
                    return Ok(document);
                }
                Err(reason) => {
                    tracing::warn!(issuer = self.name(), reason, "the issuer's metadata cannot be read");
                    last.failed = Some(now);
                }
            }
        }
        last.document.clone().ok_or_else(|| VerifierError::new("the issuer's metadata cannot be read"))
    }

    /// Reads the metadata where RFC 8414 has it, or else where OpenID Connect Discovery has it.
    async fn read(&self, fetch: &dyn Fetch) -> Result<Document, String> {
        let protocol::Issuer { url, path, .. } = &self.issuer;
        let origin = &url[..url.len() - path.len()];
        let places = [
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
            format!("{url}/.well-known/openid-configuration"),
        ];
        let mut why = String::new();
        for place in places {
            match self.read_at(fetch, &place).await {
                Ok(document) => return Ok(document),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn read_at(&self, fetch: &dyn Fetch, place: &str) -> Result<Document, String> {
        let request = FetchRequest::get(place, PlainHttp::Loopback, Reach::Anywhere);
        let request = request.map_err(|error| error.to_string())?.accepting("application/json");
        let response = fetch.fetch(request).await.map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("the status is {}", response.status().as_u16()));
        }
        let document: Document =
            serde_json::from_slice(response.body()).map_err(|_| "it is no metadata".to_owned())?;
        // RFC 8414 section 3.3: otherwise one issuer could speak for another.
        if document.issuer != *self.name() {
            return Err("it is the metadata of another issuer".to_owned());
        }
        Ok(document)
    }
}
