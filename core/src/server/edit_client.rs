//! Changes of registered clients, each one update of the client's row.

use std::time::Duration;

use super::clients::not_sealed;
use super::{GridAuth, ListOptions, Listing, PutClientError};
use crate::clients::{ClientSecretHash, GeneratedSecret, generate_client_secret};
use crate::env::EntropyError;
use crate::events::ClientChange;
use crate::keys::KeyStoreError;
use crate::model::client_secrets::NewSecret;
use crate::model::{AuthMethod, Client, ClientBuilder, ClientError, SealedSecret, SharedSecret};
use crate::store::{By, Change, Record, StoreError, Updated};

/// Why a client was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditClientError {
    /// What it would be is not valid.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It would not be registered either.
    #[error(transparent)]
    Put(#[from] PutClientError),
}

impl From<StoreError> for EditClientError {
    fn from(error: StoreError) -> Self {
        Self::Put(error.into())
    }
}

/// Why a client's secret was not replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateSecretError {
    /// There is no client with this id.
    #[error("there is no client with this id")]
    NoClient,
    /// The client authenticates without a secret.
    #[error("the client has no secret")]
    NoSecret,
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The secret could not be sealed.
    #[error("the client's secret cannot be sealed: {0}")]
    Sealing(#[source] KeyStoreError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KeyStoreError> for RotateSecretError {
    fn from(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Store(error) => Self::Store(error),
            error => Self::Sealing(error),
        }
    }
}

/// What became of a change inside the update.
enum Edited {
    Stored(Box<Client>),
    Refused(EditClientError),
    /// It has a secret that has to be sealed first.
    Unsealed(SharedSecret),
}

impl GridAuth {
    /// Changes a registered client. `edit` gets the client as it is and returns what it is to be; it may run more than once. Its
    /// secrets and all that is not changed stay. Two changes at the same time both take effect. Returns the changed client, or `None`
    /// if there is no client with this id.
    ///
    /// The next request sees the change; with GridDB, in other processes, after the option `client_cache`. Tokens keep their scope until
    /// they are refreshed.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use gridauth::{Client, GridAuth, Store, grant::AuthorizationCode};
    /// # let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).grant(AuthorizationCode::new()).build().await?;
    /// # auth.put_client(Client::public("spa").redirect_uri("https://spa.example.com/cb").build()?).await?;
    /// let spa = auth
    ///     .edit_client("spa", |client| client.name("Notes").redirect_uri("https://notes.example.com/cb"))
    ///     .await?;
    /// assert_eq!(spa.map(|spa| spa.redirect_uris().len()), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`EditClientError::Client`] if the changed client is not valid, [`EditClientError::Put`] if it would not be registered
    /// ([`put_client`](Self::put_client)) or the store fails.
    pub async fn edit_client(
        &self,
        client_id: &str,
        edit: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync,
    ) -> Result<Option<Client>, EditClientError> {
        self.edit_checked(client_id, edit, true).await
    }

    /// Changes a registered client even if it is then registered for something that it cannot use on this server: for a tool that does
    /// not know the server's grants and scopes. Logs a warning for each such thing.
    ///
    /// # Errors
    /// As [`edit_client`](Self::edit_client), but for [`PutClientError::Unusable`].
    pub async fn edit_client_unchecked(
        &self,
        client_id: &str,
        edit: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync,
    ) -> Result<Option<Client>, EditClientError> {
        self.edit_checked(client_id, edit, false).await
    }

    async fn edit_checked(
        &self,
        client_id: &str,
        edit: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync,
        refuses_unusable: bool,
    ) -> Result<Option<Client>, EditClientError> {
        let mut sealed: Option<(SharedSecret, SealedSecret)> = None;
        loop {
            let decide = |client: &Client| {
                let changed = match self.edited(client, &edit, refuses_unusable) {
                    Ok(changed) => changed,
                    Err(error) => return (Change::Keep, Edited::Refused(error)),
                };
                let changed = match with_sealed(changed, sealed.as_ref()) {
                    Ok(changed) => changed,
                    Err(secret) => return (Change::Keep, Edited::Unsealed(secret)),
                };
                let change =
                    if changed == *client { Change::Keep } else { Change::Replace(changed.to_row()) };
                (change, Edited::Stored(Box::new(changed)))
            };
            match self.store().change::<Client, _>(client_id, decide).await? {
                None => return Ok(None),
                Some((updated, Edited::Stored(client))) => {
                    if updated == Updated::Replaced {
                        self.tell(client_id, ClientChange::Edited);
                    }
                    return Ok(Some(*client));
                }
                Some((_, Edited::Refused(error))) => return Err(error),
                Some((_, Edited::Unsealed(secret))) => {
                    let of = self.0.engine.sealed(client_id, &secret).await.map_err(not_sealed)?;
                    sealed = Some((secret, of));
                }
            }
        }
    }

    fn edited(
        &self,
        client: &Client,
        edit: impl Fn(ClientBuilder) -> ClientBuilder,
        refuses_unusable: bool,
    ) -> Result<Client, EditClientError> {
        let changed = edit(client.edit()).build()?;
        if refuses_unusable {
            self.refuse_unusable(&changed)?;
        } else {
            self.warn_of_unusable(&changed);
        }
        Ok(changed)
    }

    /// Gives a client a new secret, generated from 256 random bits, and returns it: it is not stored and cannot be read again. The secret
    /// that the client had stays valid for `overlap`, so that its programs can get the new one without an outage. With
    /// [`Duration::ZERO`] all secrets before the new one end at once, for one that has leaked.
    ///
    /// At most [`Client::MAX_FORMER_SECRETS`] secrets stay valid beside the new one; the one that ends first gives way. A secret that has
    /// an end of its own ([`ClientBuilder::secret_expires`]) does not get a later one. Tokens stay valid.
    ///
    /// With GridDB, other processes know the new secret after the option `client_cache`: hand it out after that time.
    ///
    /// # Errors
    /// [`RotateSecretError::NoClient`], [`RotateSecretError::NoSecret`] for a public client or one with keys, the others if it cannot be
    /// done now. If the answer of the store was lost, the client may have a secret that nobody knows; the former one stays valid, and
    /// another call keeps it so.
    pub async fn rotate_client_secret(
        &self,
        client_id: &str,
        overlap: Duration,
    ) -> Result<GeneratedSecret, RotateSecretError> {
        let secret = generate_client_secret(self.entropy())?;
        let hash = NewSecret::Hash(ClientSecretHash::of_generated(&secret));
        let mut sealed: Option<NewSecret> = None;
        let now = self.clock().now();
        loop {
            let decide = |client: &Client| {
                if !client.has_secret() {
                    return (Change::Keep, Err(RotateSecretError::NoSecret));
                }
                let is_sealed = *client.auth_method() == AuthMethod::SecretJwt;
                let Some(new) = (if is_sealed { sealed.as_ref() } else { Some(&hash) }) else {
                    return (Change::Keep, Ok(false));
                };
                let changed = client.with_new_secret(new.clone(), now.after(overlap), now);
                (Change::Replace(changed.to_row()), Ok(true))
            };
            let changed = self.store().change::<Client, _>(client_id, decide).await?;
            let (_, has_changed) = changed.ok_or(RotateSecretError::NoClient)?;
            if has_changed? {
                self.tell(client_id, ClientChange::SecretRotated);
                return Ok(secret);
            }
            let shared = SharedSecret::from(&secret);
            sealed = Some(NewSecret::Sealed(self.0.engine.sealed(client_id, &shared).await?));
        }
    }

    /// The registered clients, page by page.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn clients(&self, options: ListOptions) -> Result<Listing<Client>, StoreError> {
        self.listing(By::Any, options, |client: &Client| Some(client.clone())).await
    }
}

/// The client with its secret sealed. The error is the secret that is not.
fn with_sealed(
    mut client: Client,
    sealed: Option<&(SharedSecret, SealedSecret)>,
) -> Result<Client, SharedSecret> {
    match (client.unsealed.take(), sealed) {
        (None, _) => Ok(client),
        (Some(secret), Some((of, sealed))) if secret == *of => {
            client.body.sealed_secret = Some(sealed.clone());
            Ok(client)
        }
        (Some(secret), _) => Err(secret),
    }
}
