//! Signing keys: made, published, used, kept, removed. And what is sealed under the application's secret.
//!
//! A key is a row, sealed under the application's secret. Any number of processes on one store keep the keys without a coordinator: what a key
//! is for follows from the rows and the clock.
//!
//! | a key is | from | until |
//! | --- | --- | --- |
//! | published | it is made | the last token that it signed has expired |
//! | signing | a while after that ([`KeySettings::publish_ahead`]), so that nobody meets a signature under an unknown key | its successor signs |
//! | checking ID token hints | it is made | no session can be left that began under it |
//!
//! The very first key signs at once, and so does the successor of one that was withdrawn.

pub mod conformance;

mod failure;
mod secret;
mod settings;
mod signer;
mod snapshot;
mod stored;
mod vault;
mod vault_door;

pub use failure::{KeyStoreError, SignerError};
pub use secret::{ServerSecret, ServerSecretError};
pub use settings::KeySettings;
pub use signer::{CurrentKey, Signer};
pub use stored::StoredKeys;
pub(crate) use vault::Vault;
pub(crate) use vault_door::VaultDoor;

use std::sync::Arc;

use serde::Serialize;

use crate::env::Timestamp;
use crate::jose::{Algorithm, KeySet, encode, signing_input};
use crate::protocol::OAuthError;
use crate::token::Secret;

/// The server's keys, as the engine has them.
#[derive(Clone)]
pub(crate) struct Keys(pub(crate) Arc<dyn Signer>);

impl Keys {
    /// A signed JSON Web Token (RFC 7519) with these claims.
    ///
    /// # Errors
    /// Status 503 if the signer cannot sign now.
    pub(crate) async fn sign(
        &self,
        algorithm: Algorithm,
        typ: &str,
        claims: &(impl Serialize + Sync),
        now: Timestamp,
    ) -> Result<Secret, OAuthError> {
        let key = self.0.current(algorithm, now).await?;
        let mut token = signing_input(algorithm, typ, key.id(), claims).map_err(OAuthError::server_error)?;
        let signature = self.0.sign(&key, token.as_bytes()).await?;
        token.push('.');
        token.push_str(&encode(signature));
        Ok(token.into())
    }

    /// The keys that are published.
    pub(crate) async fn published(&self, now: Timestamp) -> Result<KeySet, OAuthError> {
        Ok(self.0.published(now).await?)
    }

    /// The keys whose signatures the server itself still believes.
    pub(crate) async fn verifying(&self, now: Timestamp) -> Result<KeySet, OAuthError> {
        Ok(self.0.verifying(now).await?)
    }
}
