//! `client_secret_post` (RFC 6749 section 2.3.1).

use async_trait::async_trait;

use super::assertion;
use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use super::secret;
use crate::model::{AuthMethod, Client};
use crate::protocol::OAuthError;

/// `client_secret_post`: the secret is in the body.
#[derive(Clone, Copy, Debug)]
pub struct ClientSecretPost;

#[async_trait]
impl ClientAuthentication for ClientSecretPost {
    fn method(&self) -> AuthMethod {
        AuthMethod::Post
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
        let Some(secret) = request.parameter("client_secret") else { return Ok(None) };
        if assertion::is_in(request) {
            return Err(secret::two_ways());
        }
        let client_id = request.parameter("client_id").ok_or_else(OAuthError::invalid_client)?;
        Ok(Some(PresentedCredentials::named(client_id).with_proof(secret)))
    }

    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        secret::verify(request, credentials, client).await
    }
}
