//! What the application does itself: clients, users, consents, tokens without HTTP.

use std::collections::HashSet;

use super::GridAuth;
use crate::client_auth::ClientSecretHash;
use crate::grant::{GrantedScope, NewGrant, TokenResponse};
use crate::model::{Client, ClientBuilder, Consent, GrantRecord};
use crate::people::HashingError;
use crate::protocol::{OAuthError, Scope};
use crate::store::{By, Key, Kind, Query, Record, StoreError};

/// Grants could not be revoked. Asked again, it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
#[error("not everything was revoked")]
pub struct RevokeError(#[from] StoreError);

/// A token to be made without a client that asks for it: for tests, and for tools of the application's own.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use gridauth::{GridAuth, MintRequest, Store};
///
/// let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
/// let token = auth.mint(MintRequest::for_user("israel").client("web").scope("notes.read")).await?;
/// let access = auth.authenticate_token(token.access_token.expose()).await?;
/// assert_eq!(access.user(), Some("israel"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MintRequest {
    subject: Option<String>,
    client_id: String,
    scope: String,
}

impl MintRequest {
    /// A token that speaks for the user with this subject.
    pub fn for_user(subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), client_id: "minted".to_owned(), scope: String::new() }
    }

    /// A token of a client that acts for itself.
    pub fn for_client(client_id: impl Into<String>) -> Self {
        Self { subject: None, client_id: client_id.into(), scope: String::new() }
    }

    /// Issued to this client, which need not be registered.
    #[must_use]
    pub fn client(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// With this scope, its tokens parted by spaces.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }
}

impl GridAuth {
    /// Keeps a client, in the place of one with the same id.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn put_client(&self, mut client: Client) -> Result<(), StoreError> {
        client.registered = self.0.clock.now();
        self.0.store.put(Key::new(Kind::Client, client.id()), client.to_row()).await
    }

    /// Keeps a client where there is none with its id. False where there is one, which stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn insert_client(&self, mut client: Client) -> Result<bool, StoreError> {
        client.registered = self.0.clock.now();
        self.0.store.insert(Key::new(Kind::Client, client.id()), client.to_row()).await
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
        let hash = ClientSecretHash::of_chosen(secret, &self.0.hasher).await?;
        Ok(Client::confidential(client_id, hash))
    }

    /// The client with this id.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn client(&self, client_id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.0.client(client_id).await?.map(|client| (*client).clone()))
    }

    /// Takes back what a user allowed a client: it has to ask again, and all its tokens for that user end now.
    ///
    /// # Errors
    /// [`RevokeError`] where the store fails on the way; what it had reached is revoked.
    pub async fn withdraw_consent(&self, subject: &str, client_id: &str) -> Result<(), RevokeError> {
        // The consent goes first, so that no new grant comes of it while the old ones go.
        self.0.store.remove(Key::new(Kind::Consent, &Consent::row_id(subject, client_id))).await?;
        self.revoke_where(By::User(subject), |grant| grant.client_id == client_id).await
    }

    /// Ends all grants of a user: every code and token that speaks for them.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_user(&self, subject: &str) -> Result<(), RevokeError> {
        self.revoke_where(By::User(subject), |_| true).await
    }

    /// Ends all grants of a client.
    ///
    /// # Errors
    /// [`RevokeError`] as [`withdraw_consent`](Self::withdraw_consent).
    pub async fn revoke_client(&self, client_id: &str) -> Result<(), RevokeError> {
        self.revoke_where(By::Client(client_id), |_| true).await
    }

    /// What a user has allowed, to which clients.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails.
    pub async fn consents(&self, subject: &str) -> Result<Vec<Consent>, StoreError> {
        let mut consents = Vec::new();
        let mut query = Query::new(Kind::Consent, By::User(subject));
        loop {
            let page = self.0.store.list(query.clone()).await?;
            for entry in page.entries {
                consents.push(Consent::from_row(&entry.row)?);
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(consents),
            }
        }
    }

    async fn revoke_where(
        &self,
        by: By<'_>,
        which: impl Fn(&GrantRecord) -> bool,
    ) -> Result<(), RevokeError> {
        let mut query = Query::new(Kind::Grant, by);
        let mut seen = HashSet::new();
        loop {
            let page = self.0.store.list(query.clone()).await?;
            for entry in page.entries {
                let grant = entry.row.decoded::<GrantRecord>().map_err(StoreError::from)?;
                if which(&grant) && seen.insert(entry.id.clone()) {
                    self.0.store.remove(Key::new(Kind::Grant, &entry.id)).await?;
                }
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(()),
            }
        }
    }

    /// Makes a token without a request for it. The caller answers for it: no client is authenticated and no scope policy
    /// asked.
    ///
    /// # Errors
    /// `invalid_scope` where the scope is malformed; a server error where the token cannot be stored.
    pub async fn mint(&self, request: MintRequest) -> Result<TokenResponse, OAuthError> {
        let scope: Scope =
            request.scope.parse().map_err(|_| OAuthError::invalid_scope("the scope is malformed"))?;
        let client = Client::public(request.client_id)
            .scope(scope.as_str())
            .build()
            .map_err(|error| OAuthError::invalid_request(error.to_string()))?;
        let scope = GrantedScope::narrow(&scope, None)?;
        let grant = match request.subject {
            Some(subject) => NewGrant::for_user(subject, scope).without_refresh_token(),
            None => NewGrant::for_client(scope),
        };
        let issued = crate::grant::issue_minted(&self.0, &client, grant).await?;
        Ok(issued.into_response())
    }
}
