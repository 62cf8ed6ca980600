//! `tls_client_auth` (RFC 8705 section 2.1).

use async_trait::async_trait;

use super::certificate_subject::{CertificateSubject, RegisteredSubject};
use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use crate::http::ClientCertificate;
use crate::model::{AuthMethod, Client};
use crate::protocol::OAuthError;
use crate::sender::certificate_of;

/// `tls_client_auth`: the client's certificate has the subject that it registered. Whoever terminates TLS has verified its chain.
#[derive(Clone, Copy, Debug)]
pub struct TlsClientAuth;

/// The client that a request names, if it comes with a certificate. That is no proof which excludes other methods: a proxy may send the
/// certificate of each client that has one.
pub(super) fn read(request: &ClientRequest<'_>) -> Option<PresentedCredentials> {
    certificate(request)?;
    request.parameter("client_id").map(PresentedCredentials::named)
}

/// The certificate of a request. A malformed one counts as none.
pub(super) fn certificate(request: &ClientRequest<'_>) -> Option<ClientCertificate> {
    certificate_of(request.http, &request.engine.trusted_proxies).unwrap_or_else(|error| {
        tracing::warn!(%error, "a trusted proxy sent no certificate");
        None
    })
}

#[async_trait]
impl ClientAuthentication for TlsClientAuth {
    fn method(&self) -> AuthMethod {
        AuthMethod::TlsClientAuth
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
        let Some((client, certificate)) = client.zip(certificate(request)) else { return Ok(false) };
        let registered = RegisteredSubject::of(client);
        let subject = CertificateSubject::parse(certificate.der());
        match (registered, subject) {
            (Ok(registered), Some(subject)) => Ok(subject.is(&registered)),
            (Err(reason), _) => {
                tracing::warn!(
                    client = client.id(),
                    reason,
                    "the client cannot authenticate by its certificate"
                );
                Ok(false)
            }
            (_, None) => Ok(false),
        }
    }
}
