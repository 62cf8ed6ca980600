use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Secret;
use crate::env::{Entropy, EntropyError};

/// The SHA-256 digest of a secret: the only part of it that is stored.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of the concatenated `parts`, under a `label` that separates the uses of digests.
    #[inline]
    pub fn of(label: u8, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([label]);
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The digest of a secret that [`new_secret`](Self::new_secret) made.
    pub fn of_secret(secret: &str) -> Self {
        Self::of(b'o', &[secret.as_bytes()])
    }

    /// A new secret of 256 random bits, in base64url, and its digest.
    ///
    /// # Errors
    /// [`EntropyError`] if no randomness is available.
    pub fn new_secret(entropy: &dyn Entropy) -> Result<(Secret, Self), EntropyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut bytes[..])?;
        let secret = Secret::from(URL_SAFE_NO_PAD.encode(&bytes[..]));
        let digest = Self::of_secret(secret.expose());
        Ok((secret, digest))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are equal, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        // Words instead of bytes: guards do this on every request.
        let (mine, others) = (self.0.as_chunks::<8>().0, other.0.as_chunks::<8>().0);
        let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
        let difference = mine.iter().zip(others).fold(0, |all, (one, other)| all | (word(one) ^ word(other)));
        difference.ct_eq(&0).into()
    }

    /// The digest in base64url: 43 characters.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = [0; 43];
        let text = match URL_SAFE_NO_PAD.encode_slice(self.0, &mut buffer) {
            Ok(length) => std::str::from_utf8(&buffer[..length]).unwrap_or_default(),
            Err(_) => return Err(serde::ser::Error::custom("a digest has 43 characters")),
        };
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text.as_bytes(), &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(serde::de::Error::custom("not a digest")),
        }
    }
}
