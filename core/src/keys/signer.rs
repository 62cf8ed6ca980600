use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::SignerError;
use crate::env::Timestamp;
use crate::jose::{Algorithm, KeySet};

/// Signs for the server. The built-in one has its keys in the store ([`StoredKeys`](super::StoredKeys)); another one may ask a key
/// management service or a hardware module.
///
/// A token's header names its key, so the server first asks for the key and then for the signature. Everything is signed before
/// anything is stored: a signer that fails redeems no code and rotates no refresh token.
#[async_trait]
pub trait Signer: Send + Sync + 'static {
    /// The algorithms that it has keys for.
    fn algorithms(&self) -> Vec<Algorithm>;

    /// The key that signs at this moment.
    ///
    /// # Errors
    /// [`SignerError`] if there is none, or it cannot be determined now.
    async fn current(&self, algorithm: Algorithm, now: Timestamp) -> Result<CurrentKey, SignerError>;

    /// The signature of a key that [`current`](Self::current) gave, as JWS has it (RFC 7518 section 3): of ECDSA the two numbers one
    /// after the other, not DER.
    ///
    /// # Errors
    /// [`SignerError`] if it cannot sign now.
    async fn sign(&self, key: &CurrentKey, input: &[u8]) -> Result<Vec<u8>, SignerError>;

    /// The public keys to publish: each from well before it signs until the last token that it signed has expired.
    ///
    /// # Errors
    /// [`SignerError`] if they cannot be determined now.
    async fn published(&self, now: Timestamp) -> Result<KeySet, SignerError>;

    /// The public keys whose signatures on ID tokens the server itself still believes, when one comes back as a hint: those that are
    /// published, and older ones for as long as sessions live.
    ///
    /// # Errors
    /// As [`published`](Self::published).
    async fn verifying(&self, now: Timestamp) -> Result<KeySet, SignerError> {
        self.published(now).await
    }

    /// Looks after the keys: makes successors, removes what is over. The server calls it about once a minute.
    ///
    /// # Errors
    /// [`SignerError`] if this cannot be done now. It is logged and tried again.
    async fn maintain(&self, now: Timestamp) -> Result<(), SignerError> {
        let _ = now;
        Ok(())
    }
}

/// A key that signs now.
#[derive(Clone)]
pub struct CurrentKey {
    id: Arc<str>,
    /// Whatever the signer wants to have back.
    handle: Arc<dyn Any + Send + Sync>,
}

impl CurrentKey {
    /// A key with this `kid`, and what the signer recognises it by.
    pub fn new(id: impl Into<Arc<str>>, handle: Arc<dyn Any + Send + Sync>) -> Self {
        Self { id: id.into(), handle }
    }

    /// The `kid`, as the published key has it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the signer recognises it by.
    pub fn handle(&self) -> &Arc<dyn Any + Send + Sync> {
        &self.handle
    }
}

impl fmt::Debug for CurrentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentKey").field("id", &self.id).finish_non_exhaustive()
    }
}
