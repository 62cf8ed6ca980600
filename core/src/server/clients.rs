//! Registration and removal of clients.

use super::{GridAuth, RevokeError};
use crate::clients::{ClientSecretHash, RegisteredClients};
use crate::events::{ClientChange, Event};
use crate::identity::HashingError;
use crate::keys::KeyStoreError;
use crate::model::client_secret_hash::Form;
use crate::model::{Client, ClientBuilder, SharedSecret};
use crate::store::{By, Change, Key, Kind, Record, Row, StoreError, Updated};

/// Why a client was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutClientError {
    /// It is registered for something that it cannot use on this server.
    #[error("the client {client_id:?}: {}", problems.join("; "))]
    Unusable {
        /// The `client_id`.
        client_id: String,
        /// What it cannot use, and what to change: one text each.
        problems: Vec<String>,
    },
    /// Its id is the subject of a user in the server's store: in a token's `sub` one could be taken for the other (RFC 9700 section
    /// 4.15).
    #[error("the client_id is the sub of a user")]
    SubjectOfUser,
    /// Its secret could not be sealed.
    #[error("the client's secret cannot be sealed: {0}")]
    Sealing(#[source] KeyStoreError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn not_sealed(error: KeyStoreError) -> PutClientError {
    match error {
        KeyStoreError::Store(error) => PutClientError::Store(error),
        error => PutClientError::Sealing(error),
    }
}

impl GridAuth {
    /// What a client is registered for and cannot use on this server, one text for each, with what to change. Empty where all is
    /// well.
    pub fn problems_of(&self, client: &Client) -> Vec<String> {
        self.0.usability.problems_of(&self.0.engine, client)
    }

    /// Registers a client, or replaces the one with the same id.
    ///
    /// # Errors
    /// [`PutClientError::Unusable`] if it is registered for something that it cannot use here ([`problems_of`](Self::problems_of)):
    /// a grant type that the server lacks or that does not accept its authentication method, a scope that is not declared although
    /// others are, no redirect URI although one is needed. [`PutClientError::SubjectOfUser`] if a token of the client could be taken
    /// for one of a user; [`PutClientError::Store`] if the store fails.
    pub async fn put_client(&self, client: Client) -> Result<(), PutClientError> {
        self.refuse_unusable(&client)?;
        self.keep_client(client).await
    }

    /// Registers a client, or replaces the one with the same id, even if it is registered for something that it cannot use: for lists
    /// of clients that several servers share. Logs a warning for each such thing.
    ///
    /// # Errors
    /// [`PutClientError::SubjectOfUser`] and [`PutClientError::Store`] as [`put_client`](Self::put_client).
    pub async fn put_client_unchecked(&self, client: Client) -> Result<(), PutClientError> {
        self.warn_of_unusable(&client);
        self.keep_client(client).await
    }

    pub(super) fn warn_of_unusable(&self, client: &Client) {
        for problem in self.problems_of(client) {
            tracing::warn!(client = client.id(), "{problem}");
        }
    }

    pub(super) fn refuse_unusable(&self, client: &Client) -> Result<(), PutClientError> {
        match self.problems_of(client) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(PutClientError::Unusable { client_id: client.id().to_owned(), problems }),
        }
    }

    async fn keep_client(&self, mut client: Client) -> Result<(), PutClientError> {
        let current = self.registered_client(client.id()).await?;
        if let Some(current) = &current {
            self.0.engine.keep_sealed_secret(&mut client, current).await.map_err(not_sealed)?;
        }
        // Nothing to write, and nothing to look up, which the store may be unable to do at the moment.
        if current
            .as_ref()
            .is_some_and(|current| Client { registered: current.registered, ..client.clone() } == *current)
        {
            return Ok(());
        }
        let row = self.row_to_keep(&client).await?;
        self.0.engine.store.put(Key::new(Kind::Client, client.id()), row).await?;
        let is_new = current.is_none();
        self.tell(client.id(), if is_new { ClientChange::Registered } else { ClientChange::Replaced });
        Ok(())
    }

    pub(super) fn tell(&self, client_id: &str, change: ClientChange) {
        self.0.engine.events.emit(Event::ClientChanged { change }.of_client(client_id));
    }

    /// Registers a client if there is none with its id. Returns `false` if there is one, which stays unchanged.
    ///
    /// # Errors
    /// As [`put_client`](Self::put_client).
    pub async fn insert_client(&self, client: Client) -> Result<bool, PutClientError> {
        self.refuse_unusable(&client)?;
        // Spares the look-up of the subject, which the store may be unable to do at the moment. The insert decides.
        if self.registered_client(client.id()).await?.is_some() {
            return Ok(false);
        }
        self.insert_kept(&client).await
    }

    /// Stores a client if there is none with its id, whether or not it can use what it is registered for.
    pub(super) async fn insert_kept(&self, client: &Client) -> Result<bool, PutClientError> {
        let row = self.row_to_keep(client).await?;
        let inserted = self.0.engine.store.insert(Key::new(Kind::Client, client.id()), row).await?;
        if inserted {
            self.tell(client.id(), ClientChange::Registered);
        }
        Ok(inserted)
    }

    /// The client with this id, past any cache. A client that cannot be decoded counts as none.
    async fn registered_client(&self, client_id: &str) -> Result<Option<Client>, StoreError> {
        let mut client = None;
        let mut look = |row: &Row| {
            client = Client::from_row(row).ok();
            Change::Keep
        };
        let updated = self.0.engine.store.update(Key::new(Kind::Client, client_id), &mut look).await?;
        Ok(client.filter(|_| updated != Updated::Missing))
    }

    /// The row of a client that may be kept.
    async fn row_to_keep(&self, client: &Client) -> Result<Row, PutClientError> {
        if self.0.engine.stored_users.has_subject(client.id()).await? {
            return Err(PutClientError::SubjectOfUser);
        }
        let registered = self.0.engine.clock.now();
        let mut client = Client { registered, ..client.clone() };
        self.0.engine.seal_secret(&mut client).await.map_err(not_sealed)?;
        Ok(client.to_row())
    }

    /// Starts a confidential client with a chosen secret. It is stored as an argon2id hash; for the method `client_secret_jwt`, which
    /// the server needs it for, it is sealed. If a client with this id is registered with this secret, its hash is kept.
    ///
    /// # Errors
    /// [`HashingError`] if the secret cannot be hashed.
    pub async fn confidential_client(
        &self,
        client_id: impl Into<String>,
        secret: &str,
    ) -> Result<ClientBuilder, HashingError> {
        let client_id = client_id.into();
        let hash = match self.secret_hash_to_keep(&client_id, secret).await? {
            Some(hash) => hash,
            None => ClientSecretHash::of_chosen(secret, &self.0.engine.hasher).await?,
        };
        Ok(Client::confidential(client_id, hash).shared_secret(SharedSecret::chosen(secret)))
    }

    /// The hash of a client's secret, if it is of this one.
    async fn secret_hash_to_keep(
        &self,
        client_id: &str,
        secret: &str,
    ) -> Result<Option<ClientSecretHash>, HashingError> {
        let hasher = &self.0.engine.hasher;
        // A new hash is as good where the client cannot be read.
        let Some(client) = self.0.engine.client(client_id).await.ok().flatten() else { return Ok(None) };
        let Some(hash) = client.secret() else { return Ok(None) };
        let Form::Chosen(chosen) = hash.form() else { return Ok(None) };
        let kept = hasher.verify(secret, Some(chosen)).await? && !hasher.needs_rehash(chosen);
        Ok(kept.then(|| hash.clone()))
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
        if RegisteredClients::is_id(client_id) {
            let Some(client) = self.0.engine.client(client_id).await? else { return Ok(false) };
            self.0.engine.delete_registration(&client).await?;
            return Ok(true);
        }
        let removed = self.0.engine.store.remove(Key::new(Kind::Client, client_id)).await?;
        if removed {
            self.tell(client_id, ClientChange::Removed);
        }
        let grants = self.revoke_client(client_id).await;
        let consents = self.remove_listed(Kind::Consent, By::Client(client_id), |_| true).await;
        grants.and(consents)?;
        Ok(removed)
    }
}
