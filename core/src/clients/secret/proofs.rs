//! Remembers which secrets were correct.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::env::{Entropy, EntropyError};

const SHARDS: usize = 16;

/// A MAC that proves that a secret matches the stored hash of a client.
pub(super) struct Proof([u8; 32]);

impl Proof {
    /// The key of the proof in the map. To whoever chose the input, a MAC under an unknown key is a random number, so it
    /// may be looked up as it is. The whole proof is then compared in constant time.
    fn place(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A bounded number of proofs.
pub(super) struct Proofs {
    /// HMAC with its key already absorbed, to be cloned for each use.
    mac: Hmac<Sha256>,
    shards: Box<[Mutex<Shard>]>,
    room: usize,
}

#[derive(Default)]
struct Shard {
    proofs: HashMap<u64, Remembered>,
    uses: u64,
}

struct Remembered {
    proof: Proof,
    used: u64,
}

impl Proofs {
    /// Remembers `at_most` proofs. When it is full, the least recently used one is dropped.
    pub(super) fn new(at_most: usize, entropy: &(impl Entropy + ?Sized)) -> Result<Self, EntropyError> {
        let mut key = Zeroizing::new([0; 64]);
        entropy.fill(key.as_mut())?;
        let shards = SHARDS.min(at_most.max(1));
        Ok(Self {
            mac: Hmac::new(&(*key).into()),
            shards: std::iter::repeat_with(Mutex::default).take(shards).collect(),
            room: (at_most / shards).max(1),
        })
    }

    pub(super) fn of(&self, client_id: &str, stored: &str, secret: &str) -> Proof {
        let mut mac = self.mac.clone();
        for part in [client_id, stored, secret] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Proof(mac.finalize().into_bytes().into())
    }

    pub(super) fn contain(&self, proof: &Proof) -> bool {
        let mut shard = self.shard(proof);
        let Shard { proofs, uses } = &mut *shard;
        *uses += 1;
        let found = proofs.get_mut(&proof.place()).filter(|known| known.proof.0.ct_eq(&proof.0).into());
        found.is_some_and(|known| {
            known.used = *uses;
            true
        })
    }

    pub(super) fn remember(&self, proof: Proof) {
        let mut shard = self.shard(&proof);
        if shard.proofs.len() >= self.room && !shard.proofs.contains_key(&proof.place()) {
            let longest_unused =
                shard.proofs.iter().min_by_key(|(_, known)| known.used).map(|(place, _)| *place);
            longest_unused.and_then(|place| shard.proofs.remove(&place));
        }
        shard.uses += 1;
        let used = shard.uses;
        shard.proofs.insert(proof.place(), Remembered { proof, used });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().proofs.len()).sum()
    }

    fn shard(&self, proof: &Proof) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[(proof.place() % self.shards.len() as u64) as usize];
        // A panic here cannot leave a proof that was never added.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
