//! The signing keys in the store, for the operator.

use std::collections::HashMap;
use std::sync::Arc;

use super::GridAuth;
use crate::env::Timestamp;
use crate::jose::Algorithm;
use crate::keys::{SignerError, StoredKeys};
use crate::model::SigningKey;
use crate::store::{By, Kind, Query, StoreError};

/// What a signing key is for, at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningKeyState {
    /// It is published and signs later.
    Published,
    /// It signs.
    Signs,
    /// Another one signs. It is published as long as something that it signed may be valid.
    Former,
}

impl SigningKeyState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signs => "signs",
            Self::Former => "former",
        }
    }
}

/// A signing key in the store, without the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningKeyInfo {
    /// The key's id.
    pub kid: String,
    /// The one algorithm that it is for.
    pub algorithm: Algorithm,
    /// When it was made.
    pub made: Timestamp,
    /// When it begins to sign.
    pub signs_from: Timestamp,
    /// What it is for now.
    pub state: SigningKeyState,
}

impl GridAuth {
    /// The signing keys in the store, in the order in which they sign. The application's secret is not needed for it.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails or a key cannot be decoded.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyInfo>, StoreError> {
        let (now, mut keys) = (self.clock().now(), Vec::new());
        let mut query = Query::new(Kind::SigningKey, By::Any);
        loop {
            let page = self.store().list(query.clone()).await?;
            for entry in page.entries {
                let SigningKey { algorithm, made, signs_from, .. } =
                    (*entry.row.decoded::<SigningKey>()?).clone();
                let state = SigningKeyState::Former;
                keys.push(SigningKeyInfo { kid: entry.id, algorithm, made, signs_from, state });
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        keys.sort_by(|one, other| {
            let order = |key: &SigningKeyInfo| (key.algorithm, key.signs_from);
            order(one).cmp(&order(other)).then_with(|| one.kid.cmp(&other.kid))
        });
        // The last one of an algorithm whose moment has come.
        let mut signing: HashMap<Algorithm, usize> = HashMap::new();
        for (at, key) in keys.iter_mut().enumerate() {
            if key.signs_from <= now {
                signing.insert(key.algorithm, at);
            } else {
                key.state = SigningKeyState::Published;
            }
        }
        for at in signing.into_values() {
            if let Some(key) = keys.get_mut(at) {
                key.state = SigningKeyState::Signs;
            }
        }
        Ok(keys)
    }

    /// The signing keys, opened. A tool opens those that there are.
    async fn open_keys(&self) -> Result<Arc<StoredKeys>, SignerError> {
        if let Some(keys) = &self.0.stored_keys {
            return Ok(Arc::clone(keys));
        }
        if !self.0.is_tool || self.signing_keys().await?.is_empty() {
            return Err(SignerError::NoKey);
        }
        let engine = &self.0.engine;
        let vault = Arc::clone(engine.vault.open().await?);
        let (store, entropy) = (engine.store.clone(), Arc::clone(&engine.entropy));
        let keys = StoredKeys::existing(store, &*engine.clock, entropy, engine.events.clone(), vault);
        Ok(Arc::new(keys.await?))
    }

    /// Seals everything under the application's secret that is still sealed under the one before it
    /// ([`Builder::previous_secret`](crate::Builder::previous_secret)), or under the store's own: signing keys and client secrets. Then
    /// the former one can be given up. A server does this when it is built; this is for a tool. Returns the number of signing keys.
    ///
    /// # Errors
    /// [`SignerError`] if a key is sealed under a secret that is not known here, or the store fails. Another call continues.
    pub async fn reseal(&self) -> Result<usize, SignerError> {
        let keys = match self.open_keys().await {
            Ok(_) => self.signing_keys().await?.len(),
            Err(SignerError::NoKey) => 0,
            Err(error) => return Err(error),
        };
        let engine = &self.0.engine;
        engine.reseal_client_secrets().await?;
        engine.vault.open().await?.forget_own_secret(&engine.store).await?;
        Ok(keys)
    }

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
        let keys = self.open_keys().await?;
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
        let keys = self.open_keys().await?;
        Ok(keys.withdraw(kid, self.clock().now()).await?)
    }
}
