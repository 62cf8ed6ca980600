//! Registering clients, as an operator does.

use super::{GridAuth, RevokeError};
use crate::clients::ClientSecretHash;
use crate::identity::HashingError;
use crate::model::{Client, ClientBuilder};
use crate::store::{By, Key, Kind, Record, StoreError};

/// A client cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum PutClientError {
    /// It is registered for what it cannot use on this server.
    #[error("the client {client_id:?}: {}", problems.join("; "))]
    Unusable {
        /// Its `client_id`.
        client_id: String,
        /// What it cannot use, one text for each, with what to change.
        problems: Vec<String>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GridAuth {
    /// Keeps a client, in the place of one with the same id.
    ///
    /// # Errors
    /// [`PutClientError::Unusable`] where it is registered for what it cannot use here ([`problems_of`](Self::problems_of)): a
    /// grant type that the server lacks or that does not serve its authentication method, a scope that is not declared where
    /// scopes are, no redirect URI where one is needed. [`PutClientError::Store`] where the store fails.
    pub async fn put_client(&self, client: Client) -> Result<(), PutClientError> {
        self.refuse_unusable(&client)?;
        Ok(self.keep_client(client).await?)
    }

    /// Keeps a client, in the place of one with the same id, whatever it can use of what it is registered for: for lists of clients
    /// that several servers share. What it cannot use is in the log as a warning.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn put_client_unchecked(&self, client: Client) -> Result<(), StoreError> {
        for problem in self.problems_of(&client) {
            tracing::warn!(client = client.id(), "{problem}");
        }
        self.keep_client(client).await
    }

    fn refuse_unusable(&self, client: &Client) -> Result<(), PutClientError> {
        match self.problems_of(client) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(PutClientError::Unusable { client_id: client.id().to_owned(), problems }),
        }
    }

    async fn keep_client(&self, mut client: Client) -> Result<(), StoreError> {
        client.registered = self.0.engine.clock.now();
        self.0.engine.store.put(Key::new(Kind::Client, client.id()), client.to_row()).await
    }

    /// Keeps a client where there is none with its id. False where there is one, which stays as it is.
    ///
    /// # Errors
    /// [`PutClientError`] as [`put_client`](Self::put_client).
    pub async fn insert_client(&self, mut client: Client) -> Result<bool, PutClientError> {
        self.refuse_unusable(&client)?;
        client.registered = self.0.engine.clock.now();
        Ok(self.0.engine.store.insert(Key::new(Kind::Client, client.id()), client.to_row()).await?)
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
