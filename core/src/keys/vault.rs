//! Seals under the application's secret what the server keeps in the store and has to read again.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KeyStoreError, ServerSecret};
use crate::env::{Clock, Entropy, EntropyError};
use crate::store::{By, Key, Kind, Query, Row, Store};

const NONCE: usize = 12;

/// The row with the store's own secret, which is used where the application gives none.
const OWN: Key<'static> = Key::new(Kind::Setting, "secret");

#[derive(Serialize, Deserialize)]
struct OwnSecret {
    secret: String,
}

/// Seals texts under the current secret, and opens those under it and under the ones before it.
pub(crate) struct Vault {
    current: SealingKey,
    former: Vec<SealingKey>,
    /// Whether one of the former ones is the store's own, which can be removed once nothing is sealed under it.
    has_own: bool,
}

/// What was sealed.
pub(crate) struct Opened {
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// Whether it was sealed under the current secret.
    pub(crate) is_current: bool,
}

struct SealingKey {
    /// Names the key in what it has sealed.
    id: String,
    cipher: ChaCha20Poly1305,
    /// Makes the tokens of forms.
    forms: Hmac<Sha256>,
}

impl SealingKey {
    fn of(secret: &[u8]) -> Option<Self> {
        let derive = |label: &[u8]| {
            let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(secret).ok()?;
            Some(Zeroizing::new(<[u8; 32]>::from(mac.chain_update(label).finalize().into_bytes())))
        };
        let (id, key) = (derive(b"gridauth: the id of a secret")?, derive(b"gridauth: the vault")?);
        let cipher = ChaCha20Poly1305::new_from_slice(&key[..]).ok()?;
        let forms = derive(b"gridauth: the forms of pages")?;
        let forms = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&forms[..]).ok()?;
        Some(Self { id: URL_SAFE_NO_PAD.encode(&id[..9]), cipher, forms })
    }

    fn form_mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        parts.iter().fold(self.forms.clone(), |mac, part| {
            // The lengths distinguish ("ab", "c") from ("a", "bc").
            mac.chain_update(part.len().to_be_bytes()).chain_update(part)
        })
    }
}

impl Vault {
    /// Opens the vault of a store. Without a secret of the application, the store's own is used, and made at the first start.
    pub(crate) async fn open(
        store: &Store,
        secret: Option<&ServerSecret>,
        previous: Option<&ServerSecret>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyStoreError> {
        let own = own_secret(store).await?;
        let key = |secret: &[u8]| SealingKey::of(secret).ok_or(KeyStoreError::OtherSecret);
        let Some(secret) = secret else {
            let own = match own {
                Some(own) => own,
                None if has_keys(store).await? => return Err(KeyStoreError::OtherSecret),
                None => make_own_secret(store, clock, entropy).await?,
            };
            let former = previous.map(|secret| key(secret.bytes())).transpose()?;
            return Ok(Self { current: key(&own)?, former: former.into_iter().collect(), has_own: false });
        };
        let mut former = Vec::new();
        if let Some(previous) = previous {
            former.push(key(previous.bytes())?);
        }
        let has_own = own.is_some();
        if let Some(own) = own {
            former.push(key(&own)?);
        }
        Ok(Self { current: key(secret.bytes())?, former, has_own })
    }

    /// Whether something may be sealed under another secret than the current one.
    pub(crate) fn has_former(&self) -> bool {
        !self.former.is_empty()
    }

    /// Removes the store's own secret, once all that was sealed under it is sealed under the application's.
    pub(crate) async fn forget_own_secret(&self, store: &Store) -> Result<(), KeyStoreError> {
        if self.has_own && store.remove(OWN).await? {
            tracing::info!("what the store's own secret sealed is sealed under the application's now");
        }
        Ok(())
    }

    /// Seals a text. It opens only for the same purpose and name.
    pub(crate) fn seal(
        &self,
        purpose: &str,
        name: &str,
        text: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<String, EntropyError> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce)?;
        let bound = bound_to(purpose, name);
        let payload = Payload { msg: text, aad: bound.as_bytes() };
        let sealed = self.current.cipher.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| EntropyError("sealing failed".to_owned()))?;
        Ok(format!("{}.{}", self.current.id, URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())))
    }

    /// Opens a sealed text; `None` if it is not ours, or under a secret that is not known here.
    pub(crate) fn open_sealed(&self, purpose: &str, name: &str, sealed: &str) -> Option<Opened> {
        let (id, sealed) = sealed.split_once('.')?;
        let key = std::iter::once(&self.current).chain(&self.former).find(|key| key.id == id)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let bound = bound_to(purpose, name);
        let payload = Payload { msg: sealed, aad: bound.as_bytes() };
        let text = key.cipher.decrypt(&(*nonce).into(), payload).ok()?;
        Some(Opened { text: Zeroizing::new(text), is_current: id == self.current.id })
    }
}

/// The tokens of forms.
impl Vault {
    /// The token of a form that is bound to these parts. Nobody can make one who does not know the secret.
    pub(crate) fn form_token(&self, parts: &[&[u8]]) -> String {
        URL_SAFE_NO_PAD.encode(self.current.form_mac(parts).finalize().into_bytes())
    }

    /// Whether a token was made for these parts, under the current secret or one before it. Takes constant time.
    pub(crate) fn is_form_token(&self, token: &str, parts: &[&[u8]]) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return false };
        std::iter::once(&self.current)
            .chain(&self.former)
            .fold(false, |fits, key| fits | key.form_mac(parts).verify_slice(&token).is_ok())
    }
}

/// What a sealed text is bound to, so that it cannot be moved to another row.
fn bound_to(purpose: &str, name: &str) -> String {
    format!("{purpose}: {name}")
}

/// Whether the store has signing keys, which then are sealed under a secret that is not given.
async fn has_keys(store: &Store) -> Result<bool, KeyStoreError> {
    let keys = store.list(Query::new(Kind::SigningKey, By::Any).limit(1)).await?;
    Ok(!keys.entries.is_empty())
}

async fn own_secret(store: &Store) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError> {
    let Some(row) = store.get(OWN).await? else { return Ok(None) };
    let own: Option<OwnSecret> = serde_json::from_str(row.body()).ok();
    let bytes = own.and_then(|own| URL_SAFE_NO_PAD.decode(own.secret).ok());
    bytes.map(|bytes| Some(Zeroizing::new(bytes))).ok_or(KeyStoreError::OtherSecret)
}

async fn make_own_secret(
    store: &Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
    let mut bytes = Zeroizing::new(vec![0; 32]);
    entropy.fill(&mut bytes)?;
    let own = OwnSecret { secret: URL_SAFE_NO_PAD.encode(&bytes) };
    let body = serde_json::to_string(&own).unwrap_or_default();
    if store.insert(OWN, Row::new(clock.now(), body)).await? {
        tracing::warn!(
            "no secret is configured: signing keys, client secrets and forms are protected by one that is kept in the store beside \
             them; whoever reads the store can use it"
        );
        return Ok(bytes);
    }
    // Another process was quicker.
    own_secret(store).await?.ok_or(KeyStoreError::OtherSecret)
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{SystemClock, SystemEntropy};

    fn secret(byte: u8) -> ServerSecret {
        ServerSecret::from_bytes([byte; 32]).unwrap()
    }

    async fn vault(store: &Store, current: Option<u8>, previous: Option<u8>) -> Vault {
        let (current, previous) = (current.map(secret), previous.map(secret));
        Vault::open(store, current.as_ref(), previous.as_ref(), &SystemClock, &SystemEntropy).await.unwrap()
    }

    #[tokio::test]
    async fn a_sealed_text_opens_under_its_secret_purpose_and_name_alone() {
        let store = Store::memory();
        let first = vault(&store, Some(1), None).await;
        let sealed = first.seal("key", "a", b"text", &SystemEntropy).unwrap();
        let opened = first.open_sealed("key", "a", &sealed).unwrap();
        assert!(**opened.text == *b"text" && opened.is_current);
        assert!(first.open_sealed("key", "b", &sealed).is_none());
        assert!(first.open_sealed("client", "a", &sealed).is_none());
        let second = vault(&store, Some(2), Some(1)).await;
        assert!(!second.open_sealed("key", "a", &sealed).unwrap().is_current);
        assert!(vault(&store, Some(3), Some(2)).await.open_sealed("key", "a", &sealed).is_none());
        assert!(vault(&store, None, None).await.open_sealed("key", "a", &sealed).is_none());
        for text in ["", ".", "AAAA.", "AAAA.AAAA", &sealed[..sealed.len() - 2]] {
            assert!(first.open_sealed("key", "a", text).is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn the_token_of_a_form_is_bound_to_its_parts_and_the_secret() {
        let store = Store::memory();
        let first = vault(&store, Some(1), None).await;
        let token = first.form_token(&[b"ab", b"c"]);
        assert!(first.is_form_token(&token, &[b"ab", b"c"]));
        for parts in [&[&b"a"[..], b"bc"][..], &[b"ab", b"c", b""], &[b"abc"], &[]] {
            assert!(!first.is_form_token(&token, parts));
        }
        for token in ["", "AAAA", &token[1..], &format!("{token}="), &format!("{token}AA")] {
            assert!(!first.is_form_token(token, &[b"ab", b"c"]), "{token}");
        }
        assert!(vault(&store, Some(2), Some(1)).await.is_form_token(&token, &[b"ab", b"c"]));
        assert!(!vault(&store, Some(2), None).await.is_form_token(&token, &[b"ab", b"c"]));
    }

    #[tokio::test]
    async fn the_stores_own_secret_is_one_for_all_and_gives_way() {
        let store = Store::memory();
        let (one, other) = (vault(&store, None, None).await, vault(&store, None, None).await);
        let sealed = one.seal("key", "a", b"text", &SystemEntropy).unwrap();
        assert!(other.open_sealed("key", "a", &sealed).unwrap().is_current);
        let later = vault(&store, Some(1), None).await;
        assert!(!later.open_sealed("key", "a", &sealed).unwrap().is_current);
        later.forget_own_secret(&store).await.unwrap();
        assert!(vault(&store, Some(1), None).await.former.is_empty());
    }
}
