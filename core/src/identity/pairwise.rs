//! Pairwise subjects: a user is somebody else to each group of clients (OpenID Connect Core section 8.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::env::{Clock, Entropy};
use crate::store::{Key, Kind, Row, Store, StoreError};

/// The row with the salt. It stays for as long as the store: with another salt every user would be somebody else to every client.
const SALT: Key<'static> = Key::new(Kind::Setting, "pairwise-salt");

/// Makes pairwise subjects.
pub(crate) struct PairwiseSalt(Zeroizing<[u8; 32]>);

#[derive(Serialize, Deserialize)]
struct Body {
    salt: String,
}

impl PairwiseSalt {
    /// The salt of a store, made at the first start.
    pub(crate) async fn open(
        store: &Store,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, StoreError> {
        if let Some(row) = store.get(SALT).await? {
            return Self::read(&row);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut bytes[..]).map_err(|error| StoreError::internal(error.to_string()))?;
        let body = serde_json::to_string(&Body { salt: URL_SAFE_NO_PAD.encode(&bytes[..]) });
        let row = Row::new(clock.now(), body.unwrap_or_default());
        if store.insert(SALT, row).await? {
            return Ok(Self(bytes));
        }
        // Another process was quicker.
        let row = store.get(SALT).await?;
        row.map_or_else(
            || Err(StoreError::internal("the salt of pairwise subjects is gone")),
            |row| Self::read(&row),
        )
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::internal("the salt of pairwise subjects is damaged");
        let body: Body = serde_json::from_str(row.body()).map_err(|_| corrupt())?;
        let mut bytes = Zeroizing::new([0; 32]);
        match URL_SAFE_NO_PAD.decode_slice(body.salt, &mut bytes[..]) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(corrupt()),
        }
    }

    /// Another subject for each sector.
    pub(crate) fn subject(&self, sector: &str, subject: &str) -> Option<String> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0[..]).ok()?;
        let mac = mac.chain_update(sector.as_bytes()).chain_update([0]).chain_update(subject.as_bytes());
        Some(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{SystemClock, SystemEntropy};

    #[tokio::test]
    async fn the_salt_is_one_for_all_processes_and_sectors_differ() {
        let store = Store::memory();
        let open = async || PairwiseSalt::open(&store, &SystemClock, &SystemEntropy).await.unwrap();
        let (one, other) = (open().await, open().await);
        let subject = one.subject("a.example", "248289761001").unwrap();
        assert_eq!(other.subject("a.example", "248289761001"), Some(subject.clone()));
        assert_ne!(one.subject("b.example", "248289761001"), Some(subject.clone()));
        assert_ne!(one.subject("a.example", "248289761002"), Some(subject));
    }
}
