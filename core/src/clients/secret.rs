//! Client secrets: how they are made, stored and checked.
//!
//! A secret that this server made has 256 random bits: nobody guesses it, so a SHA-256 digest keeps it. A secret that
//! a person chose is kept as a password is, under argon2id. That costs tens of milliseconds and 19 MiB, which no token
//! request should, so [`SecretVerifier`] remembers which secrets proved right.

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
use crate::model::ClientSecretHash;
use crate::model::client_secret_hash::digest;

const SECRET_BYTES: usize = 32;

/// A client secret of 256 random bits, made by [`generate_client_secret`] and by nothing else: only such a one may be
/// kept as a plain digest. Wiped when dropped.
pub struct GeneratedSecret(Zeroizing<String>);

impl GeneratedSecret {
    /// The secret, to be told to the client once: 43 characters of base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GeneratedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedSecret(…)")
    }
}

/// A new client secret.
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
/// [`EntropyError`] where there is no randomness.
pub fn generate_client_secret(entropy: &(impl Entropy + ?Sized)) -> Result<GeneratedSecret, EntropyError> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    entropy.fill(bytes.as_mut())?;
    Ok(GeneratedSecret(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))))
}

impl ClientSecretHash {
    /// The hash of a secret that was generated.
    pub fn of_generated(secret: &GeneratedSecret) -> Self {
        Self::of_digest(digest(secret.as_str()))
    }

    /// The hash of a secret that was chosen, by a person or by a configuration: any string up to
    /// [`MAX_PASSWORD_BYTES`](crate::identity::password::MAX_PASSWORD_BYTES).
    ///
    /// # Errors
    /// As [`PasswordHasher::hash`].
    pub async fn of_chosen(secret: &str, hasher: &PasswordHasher) -> Result<Self, HashingError> {
        Ok(Self::of_password(hasher.hash(secret).await?))
    }
}
