//! Verifies client secrets.

use subtle::ConstantTimeEq;

use super::proofs::Proofs;
use crate::env::{Entropy, EntropyError};
use crate::identity::password::MAX_PASSWORD_BYTES;
use crate::identity::{HashingError, PasswordHasher};
use crate::model::ClientSecretHash;
use crate::model::client_secret_hash::{Form, digest};

/// How many correct secrets are remembered.
const REMEMBERED: usize = 10_000;

/// Verifies client secrets, and remembers which chosen ones were correct. So a client's first request to this process
/// costs an argon2 hash, and each later one costs one HMAC.
///
/// What is remembered is a MAC over the client id, the stored hash and the secret, under a key of this process. A changed
/// hash gives another MAC, so nothing has to be invalidated, and the memory of the process reveals no secret. Only
/// correct secrets are remembered, so nobody without one can displace them.
///
/// A wrong guess at a chosen secret costs one argon2 hash, and so does an unknown client, so the time of an answer does not tell one
/// from the other. A wrong guess at a generated secret costs one SHA-256: nobody guesses it, and a hash would only let anybody occupy
/// the processor. So the time tells that a client with a generated secret exists. Its id is no secret (RFC 6749 section 2.2).
pub struct SecretVerifier {
    hasher: PasswordHasher,
    proofs: Proofs,
}

impl SecretVerifier {
    /// A verifier that remembers nothing yet, with a key from `entropy`.
    ///
    /// # Errors
    /// [`EntropyError`] if no randomness is available.
    pub fn new(hasher: PasswordHasher, entropy: &(impl Entropy + ?Sized)) -> Result<Self, EntropyError> {
        Ok(Self { hasher, proofs: Proofs::new(REMEMBERED, entropy)? })
    }

    /// Whether `presented` is the secret that `stored` is the hash of. Without a hash (the client is unknown or has no
    /// secret) it is always `false`. As with passwords, a secret of more than 1024 bytes is `false` at once.
    ///
    /// # Errors
    /// As [`PasswordHasher::verify`]; never for a generated secret, or a chosen one that is remembered.
    pub async fn verify(
        &self,
        client_id: &str,
        presented: &str,
        stored: Option<&ClientSecretHash>,
    ) -> Result<bool, HashingError> {
        if presented.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        let hash = match stored.map(ClientSecretHash::form) {
            Some(Form::Digest(expected)) => return Ok(digest(presented).ct_eq(expected).into()),
            Some(Form::Unreadable) => {
                tracing::warn!(
                    client_id,
                    "the stored hash of this client's secret cannot be parsed; it matches nothing"
                );
                return self.hasher.verify(presented, None).await;
            }
            None => return self.hasher.verify(presented, None).await,
            Some(Form::Chosen(hash)) => hash,
        };
        let proof = self.proofs.of(client_id, hash.as_str(), presented);
        if self.proofs.contain(&proof) {
            return Ok(true);
        }
        let permit = self.hasher.permit().await?;
        // Concurrent requests that had to wait find the proof of the first one.
        if self.proofs.contain(&proof) {
            return Ok(true);
        }
        let (right, permit) = permit.verify(presented, Some(hash)).await?;
        if right {
            self.proofs.remember(proof);
        }
        drop(permit);
        Ok(right)
    }
}
