//! What a client proves possession of at an endpoint, so that tokens can be bound to it.

use super::EndpointRequest;
use crate::client_auth::{Purpose, use_up};
use crate::model::Client;
use crate::protocol::{ErrorCode, OAuthError};
use crate::sender::{DPOP, Dpop, ProofError, ProofRefusal, certificate_of};
use crate::token::Binding;

impl EndpointRequest<'_> {
    /// What tokens of this request are bound to: the key of its DPoP proof, if it has one, or the client's certificate, if it is
    /// registered for that (RFC 8705 section 3). The proof is used up, for all processes of the store (RFC 9449 section 11.1).
    ///
    /// # Errors
    /// `invalid_request` if the certificate is missing;
    /// `invalid_dpop_proof` if the proof is not right, has been used, or is missing where the client is registered for bound tokens
    /// (RFC 9449 section 5.2); `use_dpop_nonce` if it needs a nonce; status 503 if the store is unavailable.
    pub(crate) async fn binding(&self, client: &Client) -> Result<Option<Binding>, OAuthError> {
        if Dpop::is_in(self.http) {
            return self.proved_key().await.map(Some);
        }
        if client.needs_dpop() {
            return Err(refused(ProofError::Missing));
        }
        client.needs_certificate().then(|| self.certificate_binding()).transpose()
    }

    /// The certificate of a client that is registered for tokens that are bound to it.
    fn certificate_binding(&self) -> Result<Binding, OAuthError> {
        if self.engine.mutual_tls.is_none() {
            return Err(OAuthError::unauthorized_client(
                "the server cannot do what the client is registered for: tls_client_certificate_bound_access_tokens",
            ));
        }
        match certificate_of(self.http, &self.engine.trusted_proxies) {
            Ok(Some(certificate)) => Ok(Binding::Certificate(certificate.thumbprint().into())),
            Ok(None) => Err(OAuthError::invalid_request("the client's certificate is missing")),
            Err(error) => Err(OAuthError::invalid_request(error.to_string())),
        }
    }

    async fn proved_key(&self) -> Result<Binding, OAuthError> {
        let (engine, http) = (self.engine, self.http);
        let proofs = http.headers().get_all(&DPOP).iter().map(|proof| proof.as_bytes());
        let target = (http.method().as_str(), http.uri().path());
        let verified = engine.dpop.verify(proofs, target, None, engine.clock.now());
        let proof = verified.map_err(|refusal| match refusal {
            ProofRefusal::Invalid(error) => refused(error),
            ProofRefusal::UseNonce(nonce) => OAuthError::use_dpop_nonce(nonce),
        })?;
        if !use_up(engine, Purpose::Possession, &proof.thumbprint, &proof.jti, proof.expires).await? {
            return Err(refused(ProofError::Used));
        }
        Ok(Binding::Key(proof.thumbprint.into()))
    }
}

fn refused(error: ProofError) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidDpopProof, error.to_string())
}
