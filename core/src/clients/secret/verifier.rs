//! Checks client secrets.

use subtle::ConstantTimeEq;

use super::proofs::Proofs;
use crate::env::{Entropy, EntropyError};
use crate::identity::password::MAX_PASSWORD_BYTES;
use crate::identity::{HashingError, PasswordHasher};
use crate::model::ClientSecretHash;
use crate::model::client_secret_hash::{Form, digest};

/// How many proven secrets are remembered.
const REMEMBERED: usize = 10_000;

/// Checks client secrets, and remembers which chosen ones proved right, so that a client pays for argon2 at its first
/// request to this process and for one HMAC at the others.
///
/// What is remembered is a MAC, under a key of this process, over the client, its stored hash and the secret: a hash
/// that was changed is another one, so nothing has to be told of the change, and the memory of the process gives away
/// no secret. Only right secrets are remembered, so nobody without one can displace them.
///
/// A wrong secret costs one argon2 hash whatever the stored form, and so does a client that does not exist: what an
/// answer costs says no more than what it says.
pub struct SecretVerifier {
    hasher: PasswordHasher,
    proofs: Proofs,
}

impl SecretVerifier {
    /// A verifier that has seen no secret yet, with a key from `entropy`.
    ///
    /// # Errors
    /// [`EntropyError`] where there is no randomness.
    pub fn new(hasher: PasswordHasher, entropy: &(impl Entropy + ?Sized)) -> Result<Self, EntropyError> {
        Ok(Self { hasher, proofs: Proofs::new(REMEMBERED, entropy)? })
    }

    /// Whether `presented` is the secret of the client that `stored` was made from; always `false` for no hash: a
    /// client that is unknown or has no secret. Like a password, a secret over 1024 bytes is `false` at once.
    ///
    /// # Errors
    /// As [`PasswordHasher::verify`]; never for a generated secret that is right, or a chosen one that is remembered.
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
            Some(Form::Digest(expected)) if digest(presented).ct_eq(expected).into() => return Ok(true),
            Some(Form::Unreadable) => {
                tracing::warn!(
                    client_id,
                    "what is stored of this client's secret is no hash; it matches nothing"
                );
                return self.hasher.verify(presented, None).await;
            }
            Some(Form::Digest(_)) | None => return self.hasher.verify(presented, None).await,
            Some(Form::Chosen(hash)) => hash,
        };
        let proof = self.proofs.of(client_id, hash.as_str(), presented);
        if self.proofs.contain(&proof) {
            return Ok(true);
        }
        let permit = self.hasher.permit().await?;
        // Of many requests at once, those that had to wait find what the first one proved.
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
