use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Jws, PublicKey};

/// Why a JSON Web Key Set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is not an object with a list `keys`.
    #[error("it is not a JSON Web Key Set")]
    Malformed,
    /// It has more than 100 keys.
    #[error("it has more than 100 keys")]
    TooMany,
    /// It contains a private or symmetric key, which its owner has now disclosed.
    #[error("it contains a private or a symmetric key")]
    Private,
}

/// A set of public keys (RFC 7517 section 5).
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    /// The SHA-256 digests of the certificates of the keys (`x5c`), those of keys that this server cannot use included.
    certificates: Vec<[u8; 32]>,
}

impl KeySet {
    /// The most keys of a set.
    pub const MAX_KEYS: usize = 100;

    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self { keys: keys.into_iter().collect(), certificates: Vec::new() }
    }

    /// Reads a JSON Web Key Set. Keys that this server cannot use are left out.
    ///
    /// # Errors
    /// [`KeySetError`] says what is wrong with it.
    pub fn from_jwks(jwks: &Value) -> Result<Self, KeySetError> {
        let keys = jwks.get("keys").and_then(Value::as_array).ok_or(KeySetError::Malformed)?;
        if keys.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut set = Self::default();
        for key in keys {
            match PublicKey::from_jwk(key) {
                Ok(key) => set.keys.push(key),
                Err(super::JwkError::Private) => return Err(KeySetError::Private),
                Err(_) => {}
            }
            set.certificates.extend(certificate_of(key));
        }
        Ok(set)
    }

    /// The JSON Web Key Set.
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }

    /// Its keys.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// Whether one of its keys has this certificate, as DER (RFC 7517 section 4.7, `x5c`).
    pub fn has_certificate(&self, der: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(der).into();
        self.certificates.contains(&digest)
    }

    /// Whether it has a key with this `kid`.
    pub fn contains(&self, id: &str) -> bool {
        self.iter().any(|key| key.id() == Some(id))
    }

    /// The key that has signed the token: the one that its `kid` names, or any if it names none.
    pub fn signer_of(&self, jws: &Jws<'_>) -> Option<&PublicKey> {
        let named = |key: &&PublicKey| jws.key_id().is_none_or(|id| key.id() == Some(id));
        self.iter().filter(named).find(|key| jws.is_signed_by(key))
    }
}

/// The digest of a key's own certificate, the first one of its chain. The texts are base64, not base64url.
fn certificate_of(jwk: &Value) -> Option<[u8; 32]> {
    let first = jwk.get("x5c")?.as_array()?.first()?.as_str()?;
    let der = STANDARD.decode(first).ok().filter(|der| !der.is_empty())?;
    Some(Sha256::digest(der).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificates_of_all_keys_are_known() {
        let jwks = json!({ "keys": [
            { "kty": "EC", "crv": "P-521", "x5c": ["AQID", "BAUG"] },
            { "kty": "EC", "x5c": "BwgJ" },
            { "kty": "EC", "x5c": [""] },
            { "kty": "EC", "x5c": [7] },
        ] });
        let keys = KeySet::from_jwks(&jwks).unwrap();
        assert!(keys.has_certificate(&[1, 2, 3]));
        for other in [&[4, 5, 6][..], &[7, 8, 9], &[]] {
            assert!(!keys.has_certificate(other), "{other:?}");
        }
    }
}
