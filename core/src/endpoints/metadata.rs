//! The metadata endpoints (RFC 8414, OpenID Connect Discovery). The document lists only what the server supports.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::http::{Response, response};
use crate::protocol::OAuthError;

pub(crate) struct MetadataDocument {
    document: Bytes,
    path: EndpointPath<'static>,
}

impl MetadataDocument {
    /// The endpoint that returns this metadata.
    pub(crate) fn new(metadata: &Metadata, path: EndpointPath<'static>) -> Self {
        Self { document: metadata.to_document().into(), path }
    }
}

#[async_trait]
impl Endpoint for MetadataDocument {
    fn path(&self) -> EndpointPath<'_> {
        self.path
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    async fn answer(&self, _request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        Ok(response(StatusCode::OK, "application/json", self.document.clone()))
    }
}
