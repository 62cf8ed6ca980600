//! Clients (RFC 6749 section 2): look-up, secrets, public keys and logos.
//!
//! A client that signs what it sends has its public keys in its metadata: `jwks`, or `jwks_uri` for a URL where it publishes them
//! ([`ClientBuilder::metadata`](crate::model::ClientBuilder::metadata)). A URL is `https`, or `http` on loopback. It is read when the
//! keys are first needed, again after the time that the response says (ten minutes if it says none), and when a token names an unknown
//! key; at most once in ten seconds. While it cannot be read, its last good keys are used for up to a day.

mod documents;
mod id_keys;
mod keys;
mod logos;
mod metadata;
mod registered;
mod registration;
mod secret;

pub use crate::model::ClientSecretHash;
pub use documents::MetadataDocuments;
pub(crate) use documents::{Documents, authority_of};
pub(crate) use keys::ClientKeys;
pub(crate) use logos::Logos;
pub(crate) use metadata::{ClientRules, Declared, echo, invalid};
pub(crate) use registered::{RegisteredClients, UNUSED_FOR, row_id};
pub(crate) use registration::invalid_statement;
pub use registration::{Registration, RegistrationRequest};
pub use secret::{GeneratedSecret, SecretVerifier, generate_client_secret};

use std::sync::Arc;

use crate::env::Clock;
use crate::keys::{KeyStoreError, VaultDoor};
use crate::model::Client;
use crate::store::{Store, StoreError};

/// Finds clients by their id: those in the store, those that live in their id, and those with a metadata document.
pub(crate) struct Clients {
    store: Store,
    clock: Arc<dyn Clock>,
    registered: RegisteredClients,
    documents: Option<Documents>,
}

/// What a look-up found.
pub(crate) enum Lookup {
    Found(Arc<Client>),
    Unknown,
    /// The client's metadata document cannot be used, and why.
    Refused(String),
}

impl Clients {
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        vault: Arc<VaultDoor>,
        documents: Option<Documents>,
    ) -> Self {
        let registered = RegisteredClients::new(store.clone(), vault, Arc::clone(&clock));
        Self { store, clock, registered, documents }
    }

    /// Whether a `client_id` may be the URL of a metadata document.
    pub(crate) fn takes_documents(&self) -> bool {
        self.documents.is_some()
    }

    /// The clients that registered themselves.
    pub(crate) fn registered(&self) -> &RegisteredClients {
        &self.registered
    }

    /// The client with this id. An id that no client can have is not looked up.
    pub(crate) async fn find(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        match self.look_up(client_id).await? {
            Lookup::Found(client) => Ok(Some(client)),
            Lookup::Unknown => Ok(None),
            Lookup::Refused(why) => {
                tracing::info!(client = client_id, why, "a client's metadata document cannot be used");
                Ok(None)
            }
        }
    }

    /// The client with this id, or why there is none.
    pub(crate) async fn look_up(&self, client_id: &str) -> Result<Lookup, StoreError> {
        let is_registered = RegisteredClients::is_id(client_id);
        if Client::is_id(client_id) || is_registered {
            let stored = self.store.read::<Client>(&row_id(client_id)).await?;
            // A digest of another id is no id.
            if let Some(client) = stored.filter(|client| client.id() == client_id) {
                return Ok(self.unless_over(client));
            }
        }
        if is_registered {
            let opened = self.registered.open(client_id).await.map_err(not_opened)?;
            return Ok(opened.map_or(Lookup::Unknown, |client| self.unless_over(Arc::new(client))));
        }
        match &self.documents {
            Some(documents) if Documents::is_url(client_id) => {
                Ok(documents.find(client_id).await.map_or_else(Lookup::Refused, Lookup::Found))
            }
            _ => Ok(Lookup::Unknown),
        }
    }

    fn unless_over(&self, client: Arc<Client>) -> Lookup {
        let is_over = client.expires.is_some_and(|end| end <= self.clock.now());
        if is_over || client.body.deleted { Lookup::Unknown } else { Lookup::Found(client) }
    }
}

fn not_opened(error: KeyStoreError) -> StoreError {
    match error {
        KeyStoreError::Store(error) => error,
        other => StoreError::internal("the keys of client ids cannot be used").with_source(other),
    }
}
