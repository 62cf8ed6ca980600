use super::{DPOP, DpopNonces, Expected, Proof, ProofError, PublicUrls, VerifiedProof};
use crate::env::Timestamp;
use crate::http::RequestHead;
use crate::jose::Algorithm;

/// How proofs of possession of a key are verified (RFC 9449): the same at the token endpoint and at guards.
#[derive(Clone, Debug)]
pub(crate) struct Dpop {
    pub(crate) algorithms: Vec<Algorithm>,
    /// If there are any, each proof needs one.
    pub(crate) nonces: Option<DpopNonces>,
    pub(crate) urls: PublicUrls,
}

/// Why a proof is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ProofRefusal {
    Invalid(ProofError),
    /// It has no valid nonce; this one is valid (RFC 9449 section 8).
    UseNonce(String),
}

impl From<ProofError> for ProofRefusal {
    fn from(error: ProofError) -> Self {
        Self::Invalid(error)
    }
}

impl Dpop {
    pub(crate) fn new(urls: PublicUrls) -> Self {
        Self { algorithms: Algorithm::ALL.to_vec(), nonces: None, urls }
    }

    /// Whether a request has a proof, whatever it is like.
    pub(crate) fn is_in(head: &impl RequestHead) -> bool {
        head.header_values(&DPOP).next().is_some()
    }

    /// Verifies the proof in the headers of a request with this method and path. Whether it has been shown before is not known here.
    ///
    /// # Errors
    /// [`ProofRefusal`] says why it is refused.
    pub(crate) fn verify<'h>(
        &self,
        values: impl IntoIterator<Item = &'h [u8]>,
        (method, path): (&str, &str),
        access_token: Option<&str>,
        now: Timestamp,
    ) -> Result<VerifiedProof, ProofRefusal> {
        let proof = Proof::read(values, &self.algorithms)?;
        let nonce_expires = match &self.nonces {
            None => None,
            Some(nonces) => {
                let expires = proof.nonce().and_then(|nonce| nonces.expiry(nonce, now));
                Some(expires.ok_or_else(|| ProofRefusal::UseNonce(nonces.at(now)))?)
            }
        };
        let expected = Expected { method, path, urls: &self.urls, access_token, nonce_expires, now };
        Ok(proof.check(&expected)?)
    }

    /// The names of the algorithms, as challenges have them.
    pub(crate) fn algorithm_names(&self) -> impl Iterator<Item = &'static str> {
        self.algorithms.iter().map(|algorithm| algorithm.name())
    }
}
