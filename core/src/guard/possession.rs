//! Whether the sender of a bound token has what it is bound to.

use super::Rejection;
#[cfg(feature = "jose")]
use super::credentials::any_token;
use crate::env::Timestamp;
use crate::events::TokenRefusal;
use crate::http::{ClientCertificate, RequestHead, TrustedProxies};
use crate::protocol::TokenType;
use crate::sender::certificate_of;
#[cfg(feature = "jose")]
use crate::sender::{DPOP, Dpop, ProofRefusal, Seen};
use crate::token::Binding;

/// What a request has to prove possession with. It is read before the token's row is awaited, and only for requests that need it.
#[derive(Debug)]
pub(super) struct Evidence {
    /// The request with its proof, where its token is shown as `DPoP`.
    #[cfg(feature = "jose")]
    proof: Option<ProofRequest>,
    /// The client's certificate; that of a trusted proxy may be malformed, and then there is none.
    certificate: Option<ClientCertificate>,
}

/// What a proof has to be for, and the proof.
#[cfg(feature = "jose")]
#[derive(Debug)]
struct ProofRequest {
    method: Box<str>,
    path: Box<str>,
    token: Box<str>,
    /// The values of all `DPoP` headers.
    proofs: Vec<Box<[u8]>>,
}

#[cfg(feature = "jose")]
impl ProofRequest {
    fn of(head: &impl RequestHead) -> Option<Self> {
        let (_, token) = any_token(head).ok()?;
        // More than one is refused, so no more than two are kept.
        let proofs = head.header_values(&DPOP).take(2).map(Into::into).collect();
        Some(Self { method: head.method().into(), path: head.path().into(), token: token.into(), proofs })
    }
}

/// How possession is proved.
pub(super) struct Possession {
    #[cfg(feature = "jose")]
    pub(super) dpop: Dpop,
    #[cfg(feature = "jose")]
    pub(super) seen: Seen,
    /// The reverse proxies that are believed when they tell a client's certificate.
    pub(super) trusted_proxies: TrustedProxies,
}

impl Possession {
    /// What a request has to prove possession with.
    pub(super) fn evidence(&self, scheme: TokenType, head: &impl RequestHead) -> Evidence {
        Evidence {
            #[cfg(feature = "jose")]
            proof: if scheme == TokenType::DPoP { ProofRequest::of(head) } else { None },
            certificate: match scheme {
                TokenType::Bearer => certificate_of(head, &self.trusted_proxies).unwrap_or_default(),
                TokenType::DPoP => None,
            },
        }
    }

    /// The algorithms of proofs, as challenges have them; `None` if the guard takes no proofs.
    #[cfg(feature = "jose")]
    pub(super) fn algorithms(&self) -> Option<String> {
        Some(self.dpop.algorithm_names().collect::<Vec<_>>().join(" "))
    }

    #[cfg(not(feature = "jose"))]
    pub(super) fn algorithms(&self) -> Option<String> {
        None
    }

    /// Checks that the token is shown with the scheme for its binding, and that the sender has what it is bound to (RFC 9449 section
    /// 7.1, RFC 8705 section 3).
    #[cfg_attr(not(feature = "jose"), expect(unused_variables, reason = "only proofs have a time"))]
    pub(super) fn check(
        &self,
        binding: Option<&Binding>,
        scheme: TokenType,
        evidence: impl FnOnce() -> Evidence,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        match (binding, scheme) {
            (None, TokenType::Bearer) => Ok(()),
            (Some(Binding::Certificate(bound)), TokenType::Bearer) => match evidence().certificate {
                Some(certificate) if certificate.thumbprint() == **bound => Ok(()),
                _ => Err(Rejection::invalid_token(TokenRefusal::Unproven)),
            },
            #[cfg(feature = "jose")]
            (Some(Binding::Key(bound)), TokenType::DPoP) => self.check_proof(bound, &evidence(), now),
            // A bound token as Bearer, or one that is not bound as DPoP.
            _ => Err(Rejection::invalid_token(TokenRefusal::Unproven).under(scheme)),
        }
    }

    #[cfg(feature = "jose")]
    fn check_proof(&self, bound: &str, evidence: &Evidence, now: Timestamp) -> Result<(), Rejection> {
        let Some(request) = &evidence.proof else { return Err(Rejection::invalid_proof()) };
        let proofs = request.proofs.iter().map(|proof| &**proof);
        let verified = self.dpop.verify(proofs, (&request.method, &request.path), Some(&request.token), now);
        let proof = verified.map_err(|refusal| match refusal {
            ProofRefusal::Invalid(reason) => {
                tracing::debug!(%reason, "a proof of possession is refused");
                Rejection::invalid_proof()
            }
            ProofRefusal::UseNonce(nonce) => Rejection::use_nonce(nonce),
        })?;
        if proof.thumbprint != bound {
            // RFC 9449 section 7.1: the proof is right, and the token is somebody else's.
            return Err(Rejection::invalid_token(TokenRefusal::Unproven).under(TokenType::DPoP));
        }
        if !self.seen.is_first(&proof, now) {
            tracing::debug!("a proof of possession is refused: it has been used");
            return Err(Rejection::invalid_proof());
        }
        Ok(())
    }
}
