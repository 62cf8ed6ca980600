use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::env::{Clock, Entropy, EntropyError, SystemClock, SystemEntropy, Timestamp};
use crate::store::{Key, Kind, Row, Store, StoreError};

/// The row with the key. Nonces live for minutes, so nothing is lost if it is removed.
const ROW: Key<'static> = Key::new(Kind::Setting, "dpop-nonces");

/// Nonces for DPoP proofs (RFC 9449 sections 8 and 9): a client proves that it made a proof lately, and not in advance. Each is the
/// time and a MAC over it, so none is stored, and every process with the same key knows those of all others.
///
/// With nonces, a client whose clock is wrong can make proofs too. Without them a proof is taken for 60 seconds after its `iat`.
///
/// ```
/// use gridauth::sender::DpopNonces;
/// use gridauth::{GridAuth, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let store = Store::open("memory:").await?;
/// let auth = GridAuth::builder("https://id.example.com")
///     .dpop_nonces(DpopNonces::open(&store).await?)
///     .store(store)
///     .build()
///     .await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct DpopNonces(Zeroizing<[u8; 32]>);

#[derive(Serialize, Deserialize)]
struct Body {
    key: String,
}

const TIME: usize = 8;
const MAC: usize = 16;

impl DpopNonces {
    /// How long a nonce is valid.
    pub const LIFETIME: Duration = Duration::from_secs(300);

    /// How far the clock of another process may be ahead.
    pub(crate) const AHEAD: Duration = Duration::from_secs(60);

    /// Nonces under the key of this store, which is made at the first start. All processes of the store share it.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        if let Some(row) = store.get(ROW).await? {
            return Self::read(&row);
        }
        let nonces = Self::new(&SystemEntropy).map_err(|error| StoreError::internal(error.to_string()))?;
        let body = serde_json::to_string(&Body { key: URL_SAFE_NO_PAD.encode(&nonces.0[..]) });
        let row = Row::new(SystemClock.now(), body.unwrap_or_default());
        if store.insert(ROW, row).await? {
            return Ok(nonces);
        }
        // Another process was quicker.
        let row = store.get(ROW).await?;
        row.map_or_else(|| Err(StoreError::internal("the key of nonces is gone")), |row| Self::read(&row))
    }

    /// Nonces under a key of their own, for a process that shares its clients with no other.
    ///
    /// # Errors
    /// [`EntropyError`] if no randomness is available.
    pub fn new(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut key[..])?;
        Ok(Self(key))
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::internal("the key of nonces is damaged");
        let body: Body = serde_json::from_str(row.body()).map_err(|_| corrupt())?;
        let mut key = Zeroizing::new([0; 32]);
        match URL_SAFE_NO_PAD.decode_slice(body.key, &mut key[..]) {
            Ok(32) => Ok(Self(key)),
            _ => Err(corrupt()),
        }
    }

    /// The nonce of this moment.
    pub(crate) fn at(&self, now: Timestamp) -> String {
        let time = now.as_millis().to_be_bytes();
        let mut nonce = [0; TIME + MAC];
        nonce[..TIME].copy_from_slice(&time);
        nonce[TIME..].copy_from_slice(&self.mac(&time));
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Until when a nonce is valid; `None` if it is not valid now. One from the future is that of a process whose clock is ahead.
    pub(crate) fn expiry(&self, nonce: &str, now: Timestamp) -> Option<Timestamp> {
        use subtle::ConstantTimeEq;

        let mut bytes = [0; TIME + MAC];
        if URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) != Ok(TIME + MAC) {
            return None;
        }
        let (time, mac) = bytes.split_first_chunk::<TIME>()?;
        if !bool::from(self.mac(time)[..].ct_eq(mac)) {
            return None;
        }
        let made = Timestamp::from_millis(i64::from_be_bytes(*time));
        let expires = made.after(Self::LIFETIME);
        (now < expires && made <= now.after(Self::AHEAD)).then_some(expires)
    }

    fn mac(&self, time: &[u8; TIME]) -> [u8; MAC] {
        let mut short = [0; MAC];
        if let Ok(mac) = Hmac::<Sha256>::new_from_slice(&self.0[..]) {
            let mac = mac.chain_update(b"dpop nonce").chain_update(time).finalize().into_bytes();
            short.copy_from_slice(&mac[..MAC]);
        }
        short
    }
}

impl std::fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DpopNonces(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_processes_of_a_store_share_their_nonces() {
        let store = Store::memory();
        let (one, other) = (DpopNonces::open(&store).await.unwrap(), DpopNonces::open(&store).await.unwrap());
        let now = Timestamp::from_millis(1_700_000_000_000);
        let nonce = one.at(now);
        assert_eq!(other.expiry(&nonce, now), Some(now.after(DpopNonces::LIFETIME)));
        let foreign = DpopNonces::new(&SystemEntropy).unwrap();
        assert_eq!(foreign.expiry(&nonce, now), None);
    }

    #[test]
    fn a_nonce_lives_for_minutes_and_cannot_be_changed() {
        let nonces = DpopNonces::new(&SystemEntropy).unwrap();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let nonce = nonces.at(now);
        let last = now.after(DpopNonces::LIFETIME - Duration::from_millis(1));
        assert!(nonces.expiry(&nonce, last).is_some());
        assert_eq!(nonces.expiry(&nonce, now.after(DpopNonces::LIFETIME)), None);
        assert_eq!(nonces.expiry(&nonce, now.before(2 * DpopNonces::LIFETIME)), None);
        for at in 0..nonce.len() {
            let mut changed = nonce.clone();
            let other = if &nonce[at..=at] == "A" { "B" } else { "A" };
            changed.replace_range(at..=at, other);
            assert_eq!(nonces.expiry(&changed, now), None, "{at}");
        }
        for bad in ["", "A", &nonce[1..], &format!("{nonce}A"), &format!("{nonce}=")] {
            assert_eq!(nonces.expiry(bad, now), None, "{bad}");
        }
    }
}
