//! The metadata of a protected resource (RFC 9728), as its guard publishes it.

use async_trait::async_trait;
use http::Method;

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest};
use crate::guard::Guard;
use crate::http::Response;
use crate::protocol::OAuthError;

pub(crate) struct ResourceMetadata(pub(crate) Guard);

#[async_trait]
impl Endpoint for ResourceMetadata {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Origin(self.0.metadata_path().unwrap_or_default())
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    async fn answer(&self, _request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        Ok(self.0.metadata())
    }
}
