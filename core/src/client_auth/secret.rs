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
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use self::verifier::SecretVerifier;
use crate::env::{Entropy, EntropyError};
use crate::people::{HashingError, PasswordHash, PasswordHasher};

const SECRET_BYTES: usize = 32;
const DIGEST: &str = "sha256:";

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
/// use gridauth::client_auth::{ClientSecretHash, generate_client_secret};
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

/// What is stored of a client secret: `sha256:` and a base64url digest of one that was generated, an argon2id PHC
/// string of one that was chosen. What comes from the store and is neither is kept as it is and matches no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Box<str>", into = "Box<str>")]
pub struct ClientSecretHash {
    text: Box<str>,
    form: Form,
}

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Digest([u8; 32]),
    Chosen(PasswordHash),
    Unreadable,
}

impl ClientSecretHash {
    /// The hash of a secret that was generated.
    pub fn of_generated(secret: &GeneratedSecret) -> Self {
        let digest = digest(secret.as_str());
        let text = format!("{DIGEST}{}", URL_SAFE_NO_PAD.encode(digest));
        Self { text: text.into(), form: Form::Digest(digest) }
    }

    /// The hash of a secret that was chosen, by a person or by a configuration: any string up to
    /// [`MAX_PASSWORD_BYTES`](crate::people::password::MAX_PASSWORD_BYTES).
    ///
    /// # Errors
    /// As [`PasswordHasher::hash`].
    pub async fn of_chosen(secret: &str, hasher: &PasswordHasher) -> Result<Self, HashingError> {
        let hash = hasher.hash(secret).await?;
        Ok(Self { text: hash.as_str().into(), form: Form::Chosen(hash) })
    }

    /// Whether it is of a secret that was generated.
    pub(crate) fn is_generated(&self) -> bool {
        matches!(self.form, Form::Digest(_))
    }

    /// Whether it is of a secret that was generated, and of this one, in constant time.
    pub(crate) fn is_generated_from(&self, secret: &str) -> bool {
        match &self.form {
            Form::Digest(expected) => digest(secret).ct_eq(expected).into(),
            Form::Chosen(_) | Form::Unreadable => false,
        }
    }

    /// The string to be stored. It may let whoever has it try secrets: no log, no response.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl From<Box<str>> for ClientSecretHash {
    fn from(text: Box<str>) -> Self {
        let form = match text.strip_prefix(DIGEST) {
            Some(digest) => URL_SAFE_NO_PAD
                .decode(digest)
                .ok()
                .and_then(|digest| digest.try_into().ok())
                .map_or(Form::Unreadable, Form::Digest),
            None => text.parse().map_or(Form::Unreadable, Form::Chosen),
        };
        Self { text, form }
    }
}

impl From<ClientSecretHash> for Box<str> {
    fn from(hash: ClientSecretHash) -> Self {
        hash.text
    }
}

impl fmt::Debug for ClientSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Digest(_) => "sha256",
            Form::Chosen(_) => "argon2id",
            Form::Unreadable => "unreadable",
        };
        write!(f, "ClientSecretHash({form}, …)")
    }
}
