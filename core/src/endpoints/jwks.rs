//! The published signing keys (RFC 7517 section 5).

use async_trait::async_trait;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::http::{Response, response};
use crate::keys::Keys;
use crate::protocol::OAuthError;

/// Shorter than any time that a key is published before it signs.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=60");

pub(crate) struct Jwks(pub(crate) Keys);

#[async_trait]
impl Endpoint for Jwks {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/jwks")
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("jwks_uri", engine.url("/jwks"));
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let keys = self.0.published(request.engine.clock.now()).await?;
        let mut answer = response(StatusCode::OK, "application/json", keys.to_jwks().to_string());
        answer.headers_mut().insert(CACHE_CONTROL, KEEP);
        Ok(answer)
    }
}
