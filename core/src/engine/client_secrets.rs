//! The client secrets that the server has to be able to read: sealed in the client's row, opened where a MAC is verified.

use super::Engine;
use crate::keys::KeyStoreError;
use crate::model::{Client, SealedSecret, SharedSecret};
use crate::protocol::OAuthError;
use crate::store::{By, Change, Kind, Query, Record, StoreError};

/// What a client secret is sealed for.
const PURPOSE: &str = "client secret";

impl Engine {
    /// Seals the secret of a client that is about to be stored, if it has one that is not sealed yet.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the vault cannot be opened, or there is no randomness.
    pub(crate) async fn seal_secret(&self, client: &mut Client) -> Result<(), KeyStoreError> {
        let Some(secret) = client.unsealed.take() else { return Ok(()) };
        let (vault, text) = (self.vault.open().await?, secret.expose().as_bytes());
        let sealed = vault.seal(PURPOSE, &client.id, text, self.vault.entropy())?;
        client.body.sealed_secret = Some(SealedSecret { sealed, generated: secret.is_generated() });
        Ok(())
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
        if client.unsealed.is_some()
            && stored.body.sealed_secret.is_some()
            && self.shared_secret(stored).await? == client.unsealed
        {
            client.unsealed = None;
            client.body.sealed_secret.clone_from(&stored.body.sealed_secret);
        }
        Ok(())
    }

    /// The secret that a client shares with the server; `None` if it has none, or one that was sealed under a secret that is not
    /// known here.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the vault cannot be opened.
    pub(crate) async fn shared_secret(&self, client: &Client) -> Result<Option<SharedSecret>, KeyStoreError> {
        let Some(stored) = &client.body.sealed_secret else { return Ok(client.unsealed.clone()) };
        let opened = self.vault.open().await?.open_sealed(PURPOSE, client.id(), &stored.sealed);
        let text = opened.and_then(|opened| String::from_utf8(opened.text.to_vec()).ok());
        let Some(text) = text else {
            tracing::warn!(
                client = client.id(),
                "this client's secret is sealed under another secret of the application: it cannot authenticate"
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
                if let Some(stored) = &client.body.sealed_secret {
                    self.reseal(&entry.id, stored).await?;
                }
            }
            match page.next {
                Some(next) => query = Query::new(Kind::Client, By::Any).after(next),
                None => return Ok(()),
            }
        }
    }

    async fn reseal(&self, client_id: &str, stored: &SealedSecret) -> Result<(), KeyStoreError> {
        let vault = self.vault.open().await?;
        let opened = vault.open_sealed(PURPOSE, client_id, &stored.sealed);
        let Some(opened) = opened.filter(|opened| !opened.is_current) else { return Ok(()) };
        let sealed = vault.seal(PURPOSE, client_id, &opened.text, self.vault.entropy())?;
        let replace = |client: &Client| {
            // The client may have got another secret since it was read.
            if client.body.sealed_secret.as_ref() != Some(stored) {
                return (Change::Keep, ());
            }
            let mut resealed = client.clone();
            resealed.body.sealed_secret = Some(SealedSecret { sealed: sealed.clone(), ..stored.clone() });
            (Change::Replace(resealed.to_row()), ())
        };
        self.store.change::<Client, ()>(client_id, replace).await?;
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
