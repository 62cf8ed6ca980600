use serde_json::{Value, json};

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
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// The most keys of a set.
    pub const MAX_KEYS: usize = 100;

    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self(keys.into_iter().collect())
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
        let mut usable = Vec::new();
        for key in keys {
            match PublicKey::from_jwk(key) {
                Ok(key) => usable.push(key),
                Err(super::JwkError::Private) => return Err(KeySetError::Private),
                Err(_) => {}
            }
        }
        Ok(Self(usable))
    }

    /// The JSON Web Key Set.
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.0.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }

    /// Its keys.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter()
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
