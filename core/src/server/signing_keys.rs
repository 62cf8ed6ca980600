//! The signing keys in the store, for the operator.

use super::GridAuth;
use crate::jose::Algorithm;
use crate::keys::SignerError;

impl GridAuth {
    /// Makes a new signing key for this algorithm. It is published now and signs once everybody can know it
    /// ([`KeySettings::publish_ahead`](crate::keys::KeySettings::publish_ahead)); `at_once` if it has to sign from now on. Keys rotate
    /// by themselves too. Returns the key's `kid`.
    ///
    /// # Errors
    /// [`SignerError::NoKey`] if the server has no keys of its own for this algorithm; otherwise if the key cannot be stored.
    pub async fn rotate_signing_key(
        &self,
        algorithm: Algorithm,
        at_once: bool,
    ) -> Result<String, SignerError> {
        let keys = self.0.stored_keys.as_ref().ok_or(SignerError::NoKey)?;
        Ok(keys.rotate(algorithm, at_once, self.clock().now()).await?)
    }

    /// Withdraws a compromised signing key: it is published no more, and another one signs from now on. Other processes on the store
    /// follow within half a minute. Returns `false` if there is no such key.
    ///
    /// Access tokens stay valid at guards on the store, which believe the row and no signature. Whoever checks tokens by the
    /// published keys refuses those of this key as soon as it looks again.
    ///
    /// # Errors
    /// As [`rotate_signing_key`](Self::rotate_signing_key).
    pub async fn withdraw_signing_key(&self, kid: &str) -> Result<bool, SignerError> {
        let keys = self.0.stored_keys.as_ref().ok_or(SignerError::NoKey)?;
        Ok(keys.withdraw(kid, self.clock().now()).await?)
    }
}
