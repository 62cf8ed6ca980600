//! The metadata endpoint (RFC 8414). The document lists only what the server supports.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::http::{Response, response};
use crate::protocol::OAuthError;

pub(crate) struct MetadataDocument(Bytes);

impl MetadataDocument {
    /// The endpoint that returns this metadata.
    pub(crate) fn new(metadata: &Metadata) -> Self {
        Self(metadata.to_document().into())
    }
}

#[async_trait]
impl Endpoint for MetadataDocument {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::WellKnown("oauth-authorization-server")
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    async fn answer(&self, _request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        Ok(response(StatusCode::OK, "application/json", self.0.clone()))
    }
}
