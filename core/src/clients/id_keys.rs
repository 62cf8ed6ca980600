//! The keys under which clients are sealed in their own ids. They are rows, sealed in the vault, and none is ever removed: an id lives as
//! long as the key that it was sealed under.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::env::{Clock, Entropy, EntropyError, Timestamp};
use crate::keys::{KeyStoreError, VaultDoor};
use crate::store::{Change, Key, Kind, Row, Store};
use crate::token::Secret;

const ROW: Key<'static> = Key::new(Kind::Setting, "client_id_keys");
const PURPOSE: &str = "client id key";
const NONCE: usize = 12;

/// After this time another key seals, so that none has sealed too much.
const ROTATED_AFTER: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// How long an unknown key is not looked for again: another process may have made one.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    /// The newest is the last.
    keys: Vec<StoredKey>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredKey {
    id: String,
    sealed: String,
    made: Timestamp,
}

/// A key, ready for use.
pub(super) struct IdKey {
    pub(super) id: String,
    made: Timestamp,
    cipher: ChaCha20Poly1305,
    management: Zeroizing<[u8; 32]>,
}

impl IdKey {
    fn of(id: &str, made: Timestamp, bytes: &[u8]) -> Option<Self> {
        let derive = |label: &[u8]| {
            let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(bytes).ok()?;
            Some(Zeroizing::new(<[u8; 32]>::from(mac.chain_update(label).finalize().into_bytes())))
        };
        let cipher =
            ChaCha20Poly1305::new_from_slice(&derive(b"gridauth: clients in their ids")?[..]).ok()?;
        Some(Self {
            id: id.to_owned(),
            made,
            cipher,
            management: derive(b"gridauth: registration access tokens")?,
        })
    }

    /// Seals a text. It opens only with this key.
    pub(super) fn seal(&self, text: &[u8], entropy: &dyn Entropy) -> Result<String, EntropyError> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce)?;
        let payload = Payload { msg: text, aad: self.id.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| EntropyError("sealing failed".to_owned()))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    pub(super) fn open(&self, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: self.id.as_bytes() };
        self.cipher.decrypt(&(*nonce).into(), payload).ok().map(Zeroizing::new)
    }

    /// The token by which the client with this id manages its registration (RFC 7592). It is computed, not stored.
    pub(super) fn management_token(&self, client_id: &str) -> Option<Secret> {
        let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.management[..]).ok()?;
        let mac = mac.chain_update(client_id.as_bytes()).finalize().into_bytes();
        Some(Secret::from(format!("reg_{}", URL_SAFE_NO_PAD.encode(mac))))
    }

    /// Whether this is that token, in constant time.
    pub(super) fn is_management_token(&self, client_id: &str, presented: &str) -> bool {
        self.management_token(client_id)
            .is_some_and(|own| bool::from(own.expose().as_bytes().ct_eq(presented.as_bytes())))
    }
}

type Ring = Arc<Vec<IdKey>>;

/// The keys of a store.
pub(super) struct IdKeys {
    store: Store,
    vault: Arc<VaultDoor>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<(Timestamp, Ring)>>,
}

impl IdKeys {
    pub(super) fn new(store: Store, vault: Arc<VaultDoor>, clock: Arc<dyn Clock>) -> Self {
        Self { store, vault, clock, kept: Mutex::default() }
    }

    fn kept(&self) -> Option<(Timestamp, Ring)> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls `with` with the key that has this id; `None` if there is none.
    pub(super) async fn with<T>(
        &self,
        id: &str,
        with: impl FnOnce(&IdKey) -> T,
    ) -> Result<Option<T>, KeyStoreError> {
        let now = self.clock.now();
        let kept = self.kept();
        let ring = match kept {
            Some((_, ring)) if ring.iter().any(|key| key.id == id) => ring,
            // A clock that was set back makes it long ago.
            Some((read, ring)) if read <= now && now.since(read) < PAUSE => ring,
            _ => self.load().await?,
        };
        Ok(ring.iter().find(|key| key.id == id).map(with))
    }

    /// Calls `with` with the key that seals now. The first one is made when it is needed.
    pub(super) async fn with_current<T>(&self, with: impl FnOnce(&IdKey) -> T) -> Result<T, KeyStoreError> {
        let now = self.clock.now();
        let is_young = |key: &IdKey| key.made > now || now.since(key.made) < ROTATED_AFTER;
        let mut ring = match self.kept() {
            Some((_, ring)) => ring,
            None => self.load().await?,
        };
        if !ring.last().is_some_and(is_young) {
            self.add(now).await?;
            ring = self.load().await?;
        }
        ring.last().map(with).ok_or(KeyStoreError::OtherSecret)
    }

    async fn load(&self) -> Result<Ring, KeyStoreError> {
        let now = self.clock.now();
        let stored = self.store.get(ROW).await?.map(|row| stored(&row)).unwrap_or_default();
        let mut ring = Vec::new();
        for key in &stored.keys {
            let opened = self.vault.open().await?.open_sealed(PURPOSE, &key.id, &key.sealed);
            match opened.and_then(|opened| IdKey::of(&key.id, key.made, &opened.text)) {
                Some(key) => ring.push(key),
                None => tracing::error!(
                    key = key.id,
                    "a key of client ids is sealed under another secret of the application: the clients under it are unknown"
                ),
            }
        }
        let ring = Arc::new(ring);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&ring)));
        Ok(ring)
    }

    /// Adds a key, unless another process has done so meanwhile.
    async fn add(&self, now: Timestamp) -> Result<(), KeyStoreError> {
        let (mut id, mut bytes) = ([0; 6], Zeroizing::new([0; 32]));
        self.vault.entropy().fill(&mut id)?;
        self.vault.entropy().fill(bytes.as_mut())?;
        let id = URL_SAFE_NO_PAD.encode(id);
        let sealed = self.vault.open().await?.seal(PURPOSE, &id, &bytes[..], self.vault.entropy())?;
        let key = StoredKey { id, sealed, made: now };
        if self.store.insert(ROW, row(&Stored { keys: vec![key.clone()] }, now)).await? {
            return Ok(());
        }
        let mut decide = |before: &Row| {
            let mut keys = stored(before).keys;
            let is_young = |key: &StoredKey| key.made > now || now.since(key.made) < ROTATED_AFTER;
            if keys.last().is_some_and(is_young) {
                return Change::Keep;
            }
            keys.push(key.clone());
            Change::Replace(row(&Stored { keys }, now))
        };
        self.store.update(ROW, &mut decide).await?;
        Ok(())
    }

    /// Seals anew the keys that are sealed under a former secret of the application.
    pub(super) async fn reseal(&self) -> Result<(), KeyStoreError> {
        let Some(before) = self.store.get(ROW).await? else { return Ok(()) };
        let before = stored(&before).keys;
        let vault = self.vault.open().await?;
        let mut resealed = Vec::new();
        for key in &before {
            let opened = vault.open_sealed(PURPOSE, &key.id, &key.sealed);
            let Some(opened) = opened.filter(|opened| !opened.is_current) else { continue };
            let sealed = vault.seal(PURPOSE, &key.id, &opened.text, self.vault.entropy())?;
            resealed.push((key.clone(), sealed));
        }
        if resealed.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut decide = |row_before: &Row| {
            let mut keys = stored(row_before).keys;
            for key in &mut keys {
                if let Some((_, sealed)) = resealed.iter().find(|(before, _)| before == key) {
                    key.sealed.clone_from(sealed);
                }
            }
            Change::Replace(row(&Stored { keys }, now))
        };
        self.store.update(ROW, &mut decide).await?;
        Ok(())
    }
}

fn stored(row: &Row) -> Stored {
    serde_json::from_str(row.body()).unwrap_or_default()
}

fn row(stored: &Stored, now: Timestamp) -> Row {
    Row::new(now, serde_json::to_string(stored).unwrap_or_default())
}
