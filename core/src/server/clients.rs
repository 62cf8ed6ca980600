//! Registration and removal of clients.

use super::{GridAuth, RevokeError};
use crate::clients::ClientSecretHash;
use crate::identity::HashingError;
use crate::model::{Client, ClientBuilder};
use crate::store::{By, Key, Kind, Record, StoreError};

impl GridAuth {
    /// Registers a client, or replaces the one with the same id.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn put_client(&self, mut client: Client) -> Result<(), StoreError> {
        client.registered = self.0.engine.clock.now();
        self.0.engine.store.put(Key::new(Kind::Client, client.id()), client.to_row()).await
    }

    /// Registers a client if there is none with its id. Returns `false` if there is one, which stays unchanged.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn insert_client(&self, mut client: Client) -> Result<bool, StoreError> {
        client.registered = self.0.engine.clock.now();
        self.0.engine.store.insert(Key::new(Kind::Client, client.id()), client.to_row()).await
    }

    /// Starts a confidential client with a chosen secret, which is hashed with argon2id.
    ///
    /// # Errors
    /// [`HashingError`] if the secret cannot be hashed.
    pub async fn confidential_client(
        &self,
        client_id: impl Into<String>,
        secret: &str,
    ) -> Result<ClientBuilder, HashingError> {
        let hash = ClientSecretHash::of_chosen(secret, &self.0.engine.hasher).await?;
        Ok(Client::confidential(client_id, hash))
    }

    /// The client with this id.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn client(&self, client_id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.0.engine.client(client_id).await?.map(|client| (*client).clone()))
    }

    /// Removes a client, revokes all its grants, and removes the consents that users gave it: a later client with this id has
    /// to ask them again. Returns `false` if there is no client with this id.
    ///
    /// A concurrent request may still store a grant or a consent. If the store caches clients (GridDB does, see its option
    /// `client_cache`), a request in another process may do so even if it starts within the cache time. To remove those rows,
    /// call this again after the cache time and the longest duration of a request have passed. It then returns `false`, and
    /// nothing more can be stored. Do not register a client with this id before that.
    ///
    /// # Errors
    /// [`RevokeError`] as for [`withdraw_consent`](Self::withdraw_consent). Another call continues where this one stopped; it
    /// returns `false` if the client itself is already removed.
    pub async fn remove_client(&self, client_id: &str) -> Result<bool, RevokeError> {
        let removed = self.0.engine.store.remove(Key::new(Kind::Client, client_id)).await?;
        let grants = self.revoke_client(client_id).await;
        let consents = self.remove_listed(Kind::Consent, By::Client(client_id), |_| true).await;
        grants.and(consents)?;
        Ok(removed)
    }
}
