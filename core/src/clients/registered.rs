//! Clients that registered themselves (RFC 7591). Such a client lives in its own `client_id`, sealed by the server (RFC 7591 appendix
//! A.5.2), so that a registration that nobody uses leaves nothing behind. It gets a row when a user first allows it something, or when
//! it changes itself.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::id_keys::IdKeys;
use crate::env::{Clock, Timestamp};
use crate::keys::{KeyStoreError, VaultDoor};
use crate::model::{Client, ClientBody, SharedSecret};
use crate::protocol::{OAuthError, Scope};
use crate::store::Store;
use crate::token::{Digest, Secret};

/// What the id of such a client begins with. No client of an operator needs to.
const PREFIX: &str = "reg.";

/// The longest `client_id`, in bytes.
pub(crate) const LONGEST_ID: usize = 2_000;

/// How long a client exists that no user has allowed anything.
pub(crate) const UNUSED_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The id of the row of a client with this id, if it has one. Stores take ids of limited length, so a long one is named by its digest.
pub(crate) fn row_id(client_id: &str) -> Cow<'_, str> {
    match client_id.len() <= 255 {
        true => Cow::Borrowed(client_id),
        false => Cow::Owned(Digest::of(b'c', &[client_id.as_bytes()]).to_text()),
    }
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Contents {
    t: Timestamp,
    s: Scope,
    b: ClientBody,
    /// The secret of `client_secret_jwt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<String>,
}

pub(crate) struct RegisteredClients {
    keys: IdKeys,
    vault: Arc<VaultDoor>,
}

impl RegisteredClients {
    pub(crate) fn new(store: Store, vault: Arc<VaultDoor>, clock: Arc<dyn Clock>) -> Self {
        Self { keys: IdKeys::new(store, Arc::clone(&vault), clock), vault }
    }

    /// Whether an id is one that a registration gave.
    pub(crate) fn is_id(client_id: &str) -> bool {
        client_id.starts_with(PREFIX) && client_id.len() <= LONGEST_ID
    }

    fn parts(client_id: &str) -> Option<(&str, &str)> {
        client_id.strip_prefix(PREFIX)?.split_once('.')
    }

    /// The client with its id; the client's own id is not looked at. It fits into the id, or it needs a row, and the flag says so.
    pub(crate) async fn name(&self, mut client: Client) -> Result<(Client, bool), OAuthError> {
        let secret = client.unsealed.as_ref().map(|secret| secret.expose().to_owned());
        let contents =
            Contents { t: client.registered, s: client.scope.clone(), b: client.body.clone(), k: secret };
        let text = zeroize::Zeroizing::new(serde_json::to_vec(&contents).map_err(OAuthError::server_error)?);
        let entropy = self.vault.entropy();
        let sealed = self
            .keys
            .with_current(|key| {
                Ok::<_, OAuthError>(format!("{PREFIX}{}.{}", key.id, key.seal(&text, entropy)?))
            })
            .await??;
        client.expires = Some(client.registered.after(UNUSED_FOR));
        if sealed.len() <= LONGEST_ID {
            client.id = sealed;
            return Ok((client, false));
        }
        let mut random = [0; 16];
        entropy.fill(&mut random)?;
        let random = URL_SAFE_NO_PAD.encode(random);
        client.id = self.keys.with_current(|key| format!("{PREFIX}{}.{random}", key.id)).await?;
        Ok((client, true))
    }

    /// The client that is sealed in this id; `None` if the id was not given by this server, or stands for a row.
    pub(crate) async fn open(&self, client_id: &str) -> Result<Option<Client>, KeyStoreError> {
        let Some((key, sealed)) = Self::parts(client_id) else { return Ok(None) };
        let opened = self.keys.with(key, |key| key.open(sealed)).await?.flatten();
        let contents: Option<Contents> = opened.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(contents.map(|Contents { t, s, b, k }| Client {
            id: client_id.to_owned(),
            registered: t,
            expires: Some(t.after(UNUSED_FOR)),
            scope: s,
            unsealed: k.map(|secret| SharedSecret::generated(&secret)),
            body: b,
        }))
    }

    /// The token by which a client manages its registration (RFC 7592 section 3).
    pub(crate) async fn management_token(&self, client_id: &str) -> Result<Option<Secret>, KeyStoreError> {
        let Some((key, _)) = Self::parts(client_id) else { return Ok(None) };
        Ok(self.keys.with(key, |key| key.management_token(client_id)).await?.flatten())
    }

    /// Whether this is that token.
    pub(crate) async fn is_management_token(
        &self,
        client_id: &str,
        presented: &str,
    ) -> Result<bool, KeyStoreError> {
        let Some((key, _)) = Self::parts(client_id) else { return Ok(false) };
        let found = self.keys.with(key, |key| key.is_management_token(client_id, presented)).await?;
        Ok(found.unwrap_or(false))
    }

    /// Seals anew what is sealed under a former secret of the application.
    pub(crate) async fn reseal(&self) -> Result<(), KeyStoreError> {
        self.keys.reseal().await
    }
}
