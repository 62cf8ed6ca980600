//! Client secrets: how they are generated, stored and verified.
//!
//! A generated secret has 256 random bits. Nobody can guess it, so it is stored as a SHA-256 digest. A secret that a
//! person chose is stored like a password, hashed with argon2id. Verifying that takes tens of milliseconds and 19 MiB,
//! too much for every token request, so [`SecretVerifier`] remembers which secrets were correct.

mod proofs;
#[cfg(test)]
mod tests;
mod verifier;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

pub use self::verifier::SecretVerifier;
use crate::env::{Entropy, EntropyError};
use crate::identity::{HashingError, PasswordHasher};
use crate::model::client_secret_hash::digest;
use crate::model::{ClientSecretHash, SharedSecret};

const SECRET_BYTES: usize = 32;

/// A client secret of 256 random bits. Only [`generate_client_secret`] makes one, because only such a secret may be
/// stored as a plain digest. It is wiped when dropped.
pub struct GeneratedSecret(Zeroizing<String>);

impl GeneratedSecret {
    /// The secret, 43 characters of base64url. Hand it to the client once; it is not stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GeneratedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedSecret(…)")
    }
}

/// Generates a client secret.
///
/// ```
/// use gridauth::clients::{ClientSecretHash, generate_client_secret};
/// use gridauth::env::SystemEntropy;
///
/// let secret = generate_client_secret(&SystemEntropy)?;
/// let stored = ClientSecretHash::of_generated(&secret);
/// assert!(stored.as_str().starts_with("sha256:"));
/// # Ok::<(), gridauth::env::EntropyError>(())
/// ```
///
/// # Errors
/// [`EntropyError`] if no randomness is available.
pub fn generate_client_secret(entropy: &(impl Entropy + ?Sized)) -> Result<GeneratedSecret, EntropyError> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    entropy.fill(bytes.as_mut())?;
    Ok(GeneratedSecret(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))))
}

impl From<&GeneratedSecret> for SharedSecret {
    fn from(secret: &GeneratedSecret) -> Self {
        Self::generated(secret.as_str())
    }
}

impl ClientSecretHash {
    /// The hash of a generated secret.
    pub fn of_generated(secret: &GeneratedSecret) -> Self {
        Self::of_digest(digest(secret.as_str()))
    }

    /// The hash of a chosen secret, from a person or a configuration: any string of at most
    /// [`MAX_PASSWORD_BYTES`](crate::identity::password::MAX_PASSWORD_BYTES).
    ///
    /// # Errors
    /// As [`PasswordHasher::hash`].
    pub async fn of_chosen(secret: &str, hasher: &PasswordHasher) -> Result<Self, HashingError> {
        Ok(Self::of_password(hasher.hash(secret).await?))
    }
}
