//! The public keys of clients, for what they sign.

use serde_json::Value;

use crate::jose::{Jws, KeySet};
use crate::model::Client;
use crate::protocol::OAuthError;

/// Finds the public keys of clients: those in their metadata (`jwks`, RFC 7591 section 2).
#[derive(Default)]
pub(crate) struct ClientKeys;

impl ClientKeys {
    /// Whether a token is signed by a key of this client. The algorithm is one of that key.
    ///
    /// # Errors
    /// Status 503 if the client's keys cannot be had at the moment.
    pub(crate) async fn verify(&self, client: &Client, jws: &Jws<'_>) -> Result<bool, OAuthError> {
        let Some(jwks) = client.metadata_value("jwks") else { return Ok(false) };
        Ok(signs(&registered(client, jwks), jws))
    }
}

fn signs(keys: &KeySet, jws: &Jws<'_>) -> bool {
    keys.signer_of(jws).is_some()
}

/// The keys in a client's metadata.
fn registered(client: &Client, jwks: &Value) -> KeySet {
    KeySet::from_jwks(jwks).unwrap_or_else(|error| {
        tracing::warn!(client = client.id(), %error, "the client's jwks cannot be used");
        KeySet::default()
    })
}
