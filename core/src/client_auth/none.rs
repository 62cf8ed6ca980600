//! `none` (RFC 7591 section 2): public clients.

use async_trait::async_trait;

use super::assertion;
use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use crate::http::{AuthorizationHeader, authorization_of};
use crate::model::{AuthMethod, Client};
use crate::protocol::OAuthError;

/// `none`: a public client identifies itself without a proof.
#[derive(Clone, Copy, Debug)]
pub struct NoAuthentication;

#[async_trait]
impl ClientAuthentication for NoAuthentication {
    fn method(&self) -> AuthMethod {
        AuthMethod::None
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
        // Any Authorization header is an attempt to authenticate, and so is an assertion.
        if assertion::is_in(request) {
            return Ok(None);
        }
        match authorization_of(request.http) {
            AuthorizationHeader::Absent => {
                Ok(request.parameter("client_id").map(PresentedCredentials::named))
            }
            _ => Ok(None),
        }
    }

    async fn verify(
        &self,
        _request: &ClientRequest<'_>,
        _credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        Ok(client.is_some())
    }
}
