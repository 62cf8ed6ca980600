//! Clients (RFC 6749 section 2): look-up, secrets, public keys and logos.
//!
//! A client that signs what it sends has its public keys in its metadata: `jwks`, or `jwks_uri` for a URL where it publishes them
//! ([`ClientBuilder::metadata`](crate::model::ClientBuilder::metadata)). A URL is `https`, or `http` on loopback. It is read when the
//! keys are first needed, again after the time that the response says (ten minutes if it says none), and when a token names an unknown
//! key; at most once in ten seconds. While it cannot be read, its last good keys are used for up to a day.

mod keys;
mod logos;
mod secret;

pub use crate::model::ClientSecretHash;
pub(crate) use keys::ClientKeys;
pub(crate) use logos::Logos;
pub use secret::{GeneratedSecret, SecretVerifier, generate_client_secret};

use std::sync::Arc;

use crate::model::Client;
use crate::store::{Store, StoreError};

/// Finds clients by their id.
pub(crate) struct Clients {
    store: Store,
}

impl Clients {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The client with this id. An id that no client can have is not looked up.
    pub(crate) async fn find(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if Client::is_id(client_id) { self.store.read(client_id).await } else { Ok(None) }
    }
}
