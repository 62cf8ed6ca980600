use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{DpopNonces, VerifiedProof};
use crate::env::Timestamp;
use crate::token::Digest;

/// The proofs that a guard has seen, for as long as they could be shown again. It is a bounded window in memory and no record: each
/// process has its own, and where proofs come faster than it can hold them, the oldest are forgotten first. Only the holder of the
/// key can make the proofs that fill it.
#[derive(Debug)]
pub(crate) struct Seen {
    shards: [Mutex<Window>; SHARDS],
    /// The most proofs of half a window.
    capacity: usize,
}

const SHARDS: usize = 16;

/// The most proofs of half a window in a shard: all shards together remember a million, in about 20 MB.
const CAPACITY: usize = 32 * 1024;

/// No proof can be shown again after this time.
const LONGEST: Duration = Duration::from_secs(DpopNonces::LIFETIME.as_secs() + DpopNonces::AHEAD.as_secs());

/// Two halves. Once the newer half is old enough, it becomes the older one, whose proofs have all expired.
#[derive(Debug, Default)]
struct Window {
    begun: Option<Timestamp>,
    newer: HashSet<u128>,
    older: HashSet<u128>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), capacity: CAPACITY }
    }

    /// Whether this is the first time that the proof is shown. From now on it has been.
    pub(crate) fn is_first(&self, proof: &VerifiedProof, now: Timestamp) -> bool {
        // A thumbprint always has the same length, so no two pairs have one digest.
        let digest = Digest::of(b'P', &[proof.thumbprint.as_bytes(), proof.jti.as_bytes()]);
        let (id, _) = digest.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        let id = u128::from_ne_bytes(*id);
        let mut window =
            self.shards[(id % SHARDS as u128) as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let begun = *window.begun.get_or_insert(now);
        if now.since(begun) >= LONGEST || window.newer.len() >= self.capacity {
            // After twice that time the newer half is of no use either.
            let is_long_ago = now.since(begun) >= 2 * LONGEST;
            let newer = std::mem::take(&mut window.newer);
            window.older = if is_long_ago { HashSet::new() } else { newer };
            window.begun = Some(now);
        }
        !window.older.contains(&id) && window.newer.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(jti: &str) -> VerifiedProof {
        VerifiedProof {
            thumbprint: "k".repeat(43),
            jti: jti.to_owned(),
            expires: Timestamp::from_millis(i64::MAX),
        }
    }

    #[test]
    fn a_proof_counts_once_while_it_could_be_shown_again() {
        let seen = Seen::new();
        let start = Timestamp::from_millis(1_700_000_000_000);
        assert!(seen.is_first(&proof("a"), start) && !seen.is_first(&proof("a"), start));
        assert!(seen.is_first(&proof("b"), start));
        let last = start.after(LONGEST - Duration::from_secs(1));
        assert!(seen.is_first(&proof("c"), last));
        for late in [last, last.after(LONGEST - Duration::from_secs(1))] {
            assert!(!seen.is_first(&proof("c"), late));
        }
        // A clock that is set back forgets nothing.
        assert!(!seen.is_first(&proof("c"), start.before(Duration::from_secs(3600))));
        assert!(seen.is_first(&proof("c"), start.after(4 * LONGEST)));
    }

    #[test]
    fn the_window_is_bounded() {
        let seen = Seen { shards: std::array::from_fn(|_| Mutex::default()), capacity: 4 };
        let now = Timestamp::from_millis(0);
        for number in 0..10_000 {
            assert!(seen.is_first(&proof(&number.to_string()), now));
        }
        let held: usize = seen
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap())
            .map(|window| window.newer.len() + window.older.len())
            .sum();
        assert!(held <= 2 * 4 * SHARDS, "{held}");
        assert!(!seen.is_first(&proof("9999"), now));
    }
}
