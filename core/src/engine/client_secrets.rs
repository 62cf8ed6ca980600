//! The client secrets that the server has to be able to read: sealed in the client's row, opened where a MAC is verified.

use arrayvec::ArrayVec;

use super::Engine;
use crate::keys::KeyStoreError;
use crate::model::{Client, SealedSecret, SharedSecret};
use crate::protocol::OAuthError;
use crate::store::{By, Change, Kind, Query, Record, StoreError};

/// The most secrets of a client that are valid at the same time.
const MOST_SECRETS: usize = 1 + Client::MAX_FORMER_SECRETS;

/// What a client secret is sealed for.
const PURPOSE: &str = "client secret";

impl Engine {
    /// Seals the secret of a client that is about to be stored, if it has one that is not sealed yet.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the vault cannot be opened, or there is no randomness.
    pub(crate) async fn seal_secret(&self, client: &mut Client) -> Result<(), KeyStoreError> {
        if let Some(secret) = client.unsealed.take() {
            client.body.sealed_secret = Some(self.sealed(&client.id, &secret).await?);
        }
        Ok(())
    }

    /// Seals a secret that this client is to have.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the vault cannot be opened, or there is no randomness.
    pub(crate) async fn sealed(
        &self,
        client_id: &str,
        secret: &SharedSecret,
    ) -> Result<SealedSecret, KeyStoreError> {
        let (vault, text) = (self.vault.open().await?, secret.expose().as_bytes());
        let sealed = vault.seal(PURPOSE, client_id, text, self.vault.entropy())?;
        Ok(SealedSecret { sealed, generated: secret.is_generated() })
    }

    /// Keeps what is sealed, if the client is stored with the same secret: sealing it again would change the row for nothing.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the vault cannot be opened.
    pub(crate) async fn keep_sealed_secret(
        &self,
        client: &mut Client,
        stored: &Client,
    ) -> Result<(), KeyStoreError> {
        let Some(secret) = &client.unsealed else { return Ok(()) };
        let Some(sealed) = &stored.body.sealed_secret else { return Ok(()) };
        if self.opened(stored.id(), sealed).await?.as_ref() == Some(secret) {
            client.unsealed = None;
            client.body.sealed_secret = Some(sealed.clone());
        }
        Ok(())
    }

    /// The secrets that a client shares with the server and that are valid now; without those that were sealed under a secret that is
    /// not known here.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the vault cannot be opened.
    pub(crate) async fn shared_secrets(
        &self,
        client: &Client,
    ) -> Result<ArrayVec<SharedSecret, MOST_SECRETS>, KeyStoreError> {
        // A client that lives in its id has its secret there.
        let mut secrets: ArrayVec<SharedSecret, MOST_SECRETS> = client.unsealed.clone().into_iter().collect();
        for sealed in client.sealed_secrets(self.clock.now()).take(MOST_SECRETS - secrets.len()) {
            secrets.extend(self.opened(client.id(), sealed).await?);
        }
        Ok(secrets)
    }

    /// A sealed secret of this client; `None` if it was sealed under a secret that is not known here.
    async fn opened(
        &self,
        client_id: &str,
        stored: &SealedSecret,
    ) -> Result<Option<SharedSecret>, KeyStoreError> {
        let opened = self.vault.open().await?.open_sealed(PURPOSE, client_id, &stored.sealed);
        let text = opened.and_then(|opened| String::from_utf8(opened.text.to_vec()).ok());
        let Some(text) = text else {
            tracing::warn!(
                client = client_id,
                "a secret of this client is sealed under another secret of the application: it cannot authenticate with it"
            );
            return Ok(None);
        };
        Ok(Some(match stored.generated {
            true => SharedSecret::generated(&text),
            false => SharedSecret::chosen(text),
        }))
    }

    /// Seals anew the client secrets that are sealed under a former secret, so that it can be given up.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the store fails. Another start continues.
    pub(crate) async fn reseal_client_secrets(&self) -> Result<(), KeyStoreError> {
        let vault = self.vault.open().await?;
        if !vault.has_former() {
            return Ok(());
        }
        let mut query = Query::new(Kind::Client, By::Any);
        loop {
            let page = self.store.list(query).await?;
            for entry in page.entries {
                let client = entry.row.decoded::<Client>().map_err(StoreError::from)?;
                for stored in client.body.all_sealed_secrets() {
                    self.reseal(&entry.id, client.id(), stored).await?;
                }
            }
            match page.next {
                Some(next) => query = Query::new(Kind::Client, By::Any).after(next),
                None => return Ok(()),
            }
        }
    }

    async fn reseal(
        &self,
        row_id: &str,
        client_id: &str,
        stored: &SealedSecret,
    ) -> Result<(), KeyStoreError> {
        let vault = self.vault.open().await?;
        let opened = vault.open_sealed(PURPOSE, client_id, &stored.sealed);
        let Some(opened) = opened.filter(|opened| !opened.is_current) else { return Ok(()) };
        let sealed = vault.seal(PURPOSE, client_id, &opened.text, self.vault.entropy())?;
        let resealed = SealedSecret { sealed, ..stored.clone() };
        let replace = |client: &Client| {
            let mut changed = client.clone();
            // The client may have got another secret since it was read.
            match changed.body.replace_sealed_secret(stored, &resealed) {
                true => (Change::Replace(changed.to_row()), ()),
                false => (Change::Keep, ()),
            }
        };
        self.store.change::<Client, ()>(row_id, replace).await?;
        Ok(())
    }
}

/// A vault that cannot be opened is no fault of the client.
impl From<KeyStoreError> for OAuthError {
    fn from(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Store(error) => error.into(),
            error => Self::server_error(error),
        }
    }
}
