//! Registering clients, as an operator does.

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
    /// Keeps a client, in the place of one with the same id.
    ///
    /// # Errors
    /// [`PutClientError::SubjectOfUser`] where a token of the client could be taken for one of a user;
    /// [`PutClientError::Store`] where the store fails.
    pub async fn put_client(&self, client: Client) -> Result<(), PutClientError> {
        let row = self.row_to_keep(&client).await?;
        Ok(self.0.engine.store.put(Key::new(Kind::Client, client.id()), row).await?)
    }

    /// Keeps a client where there is none with its id. False where there is one, which stays as it is.
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

    /// Begins a confidential client with a secret that somebody chose; it is kept hashed with argon2id.
    ///
    /// # Errors
    /// [`HashingError`] where it cannot be hashed now.
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
    /// [`StoreError`] where the store fails.
    pub async fn client(&self, client_id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.0.engine.client(client_id).await?.map(|client| (*client).clone()))
    }

    /// Removes a client, ends all its grants, and forgets what users allowed it: a client that gets the id later has to ask
    /// them. False where there is none with this id.
    ///
    /// A request that was under way meanwhile may still keep a grant or a consent. Where the store keeps clients for a time
    /// after they were read (GridDB, its option `client_cache`), so may one that begins within that time in another process.
    /// Call this again once that time, and that of a request begun in it, is over: it removes what they kept, though it
    /// answers false, and nothing more can come. Before that nothing with this id should be registered anew.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent). Asked again, it goes on where it stopped, and answers
    /// false where the client itself had gone.
    pub async fn remove_client(&self, client_id: &str) -> Result<bool, RevokeError> {
        let removed = self.0.engine.store.remove(Key::new(Kind::Client, client_id)).await?;
        let grants = self.revoke_client(client_id).await;
        let consents = self.remove_listed(Kind::Consent, By::Client(client_id), |_| true).await;
        grants.and(consents)?;
        Ok(removed)
    }
}
