//! Registration and removal of clients.

use super::{GridAuth, RevokeError};
use crate::clients::ClientSecretHash;
use crate::identity::HashingError;
use crate::model::{Client, ClientBuilder};
use crate::store::{By, Key, Kind, Record, Row, StoreError};

/// Why a client is not kept.
#[derive(Debug, thiserror::Error)]
pub enum PutClientError {
    /// Its id is the subject of a user whom the server keeps: in a token's `sub` one could be taken for the other (RFC 9700
    /// section 4.15).
    #[error("the client_id is the sub of a user")]
    SubjectOfUser,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GridAuth {
    /// Registers a client, or replaces the one with the same id.
    ///
    /// # Errors
    /// [`PutClientError::SubjectOfUser`] where a token of the client could be taken for one of a user;
    /// [`PutClientError::Store`] where the store fails.
    pub async fn put_client(&self, client: Client) -> Result<(), PutClientError> {
        let row = self.row_to_keep(&client).await?;
        Ok(self.0.engine.store.put(Key::new(Kind::Client, client.id()), row).await?)
    }

    /// Registers a client if there is none with its id. Returns `false` if there is one, which stays unchanged.
    ///
    /// # Errors
    /// As [`put_client`](Self::put_client).
    pub async fn insert_client(&self, client: Client) -> Result<bool, PutClientError> {
        let row = self.row_to_keep(&client).await?;
        Ok(self.0.engine.store.insert(Key::new(Kind::Client, client.id()), row).await?)
    }

    /// The row of a client that may be kept.
    async fn row_to_keep(&self, client: &Client) -> Result<Row, PutClientError> {
        if self.0.engine.stored_users.has_subject(client.id()).await? {
            return Err(PutClientError::SubjectOfUser);
        }
        let registered = self.0.engine.clock.now();
        Ok(Client { registered, ..client.clone() }.to_row())
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
