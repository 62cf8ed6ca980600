//! `self_signed_tls_client_auth` (RFC 8705 section 2.2).

use async_trait::async_trait;

use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use super::tls_client_auth::{certificate, read};
use crate::model::{AuthMethod, Client};
use crate::protocol::OAuthError;

/// `self_signed_tls_client_auth`: the client's certificate is one of those in its `jwks` or behind its `jwks_uri` (`x5c`). No authority
/// vouches for it.
#[derive(Clone, Copy, Debug)]
pub struct SelfSignedTlsClientAuth;

#[async_trait]
impl ClientAuthentication for SelfSignedTlsClientAuth {
    fn method(&self) -> AuthMethod {
        AuthMethod::SelfSignedTlsClientAuth
    }

    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
        Ok(read(request))
    }

    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        _credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError> {
        match client.zip(certificate(request)) {
            Some((client, certificate)) => {
                request.engine.client_keys.has_certificate(client, certificate.der()).await
            }
            None => Ok(false),
        }
    }
}
