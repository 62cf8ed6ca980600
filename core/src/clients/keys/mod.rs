//! The public keys of clients, for what they sign.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use crate::env::Clock;
use crate::fetch::{Fetch, Reach};
use crate::jose::{Jws, KeySet};
use crate::jwks::{KeysUnavailable, RemoteKeys};
use crate::model::Client;
use crate::protocol::OAuthError;

/// Finds the public keys of clients: those in their metadata (`jwks`), or those that they publish (`jwks_uri`, RFC 7591 section 2).
pub(crate) struct ClientKeys {
    published: RemoteKeys,
    /// Those of other issuers, whose names are no client ids.
    of_issuers: RemoteKeys,
    strangers: Reach,
}

impl ClientKeys {
    /// `strangers` is how far a request may go for a client that no operator registered.
    pub(crate) fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>, strangers: Reach) -> Self {
        let of_issuers = RemoteKeys::new(Arc::clone(&fetch), Arc::clone(&clock));
        Self { published: RemoteKeys::new(fetch, clock), of_issuers, strangers }
    }

    /// Whether a token is signed by a key of this client. The algorithm is one of that key.
    ///
    /// # Errors
    /// Status 503 if the client's keys cannot be had at the moment.
    pub(crate) async fn verify(&self, client: &Client, jws: &Jws<'_>) -> Result<bool, OAuthError> {
        if let Some(jwks) = client.metadata_value("jwks") {
            return Ok(registered(client, jwks).signer_of(jws).is_some());
        }
        let Some(url) = client.metadata("jwks_uri") else { return Ok(false) };
        let reach = if client.is_self_registered() { self.strangers } else { Reach::Anywhere };
        Ok(self.published.verify(client.id(), url, reach, jws).await?)
    }

    /// Whether this client registered, or publishes, a key with this certificate (RFC 8705 section 2.2).
    ///
    /// # Errors
    /// Status 503 if the client's keys cannot be had at the moment.
    pub(crate) async fn has_certificate(&self, client: &Client, der: &[u8]) -> Result<bool, OAuthError> {
        if let Some(jwks) = client.metadata_value("jwks") {
            return Ok(registered(client, jwks).has_certificate(der));
        }
        let Some(url) = client.metadata("jwks_uri") else { return Ok(false) };
        let reach = if client.is_self_registered() { self.strangers } else { Reach::Anywhere };
        Ok(self.published.has_certificate(client.id(), url, reach, der).await?)
    }

    /// Whether a token is signed by a key that an issuer publishes, whom the application trusts.
    ///
    /// # Errors
    /// Status 503 if the keys cannot be had at the moment.
    pub(crate) async fn verify_issuer(
        &self,
        issuer: &str,
        url: &str,
        jws: &Jws<'_>,
    ) -> Result<bool, OAuthError> {
        Ok(self.of_issuers.verify(issuer, url, Reach::Anywhere, jws).await?)
    }
}

impl From<KeysUnavailable> for OAuthError {
    fn from(error: KeysUnavailable) -> Self {
        Self::unavailable(KeysUnavailable::RETRY_AFTER).with_cause(error)
    }
}

/// The keys in a client's metadata.
fn registered(client: &Client, jwks: &Value) -> KeySet {
    KeySet::from_jwks(jwks).unwrap_or_else(|error| {
        tracing::warn!(client = client.id(), %error, "the client's jwks cannot be used");
        KeySet::default()
    })
}
