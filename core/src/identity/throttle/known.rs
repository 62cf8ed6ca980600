//! Which sources an account or client has succeeded from.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::env::Timestamp;

const SHARDS: usize = 16;

/// A bounded number of successes, by the hash of account and source. Only who has the right secret adds one.
pub(super) struct Known {
    room: usize,
    shards: Box<[Mutex<HashMap<u64, Timestamp>>]>,
}

impl Known {
    pub(super) fn new(max_tracked: usize) -> Self {
        let shards = SHARDS.min(max_tracked.max(1));
        Self {
            room: (max_tracked / shards).max(1),
            shards: std::iter::repeat_with(Mutex::default).take(shards).collect(),
        }
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.shard(key).contains_key(&key)
    }

    /// Remembers a success. Where there is no room, the eighth that succeeded longest ago goes.
    pub(super) fn insert(&self, key: u64, now: Timestamp) {
        let mut shard = self.shard(key);
        if shard.len() >= self.room && !shard.contains_key(&key) {
            let mut oldest: Vec<_> = shard.iter().map(|(key, at)| (*at, *key)).collect();
            oldest.sort_unstable();
            for (_, key) in oldest.iter().take(self.room.div_ceil(8)) {
                shard.remove(key);
            }
        }
        shard.insert(key, now);
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, HashMap<u64, Timestamp>> {
        let shard = &self.shards[(key % self.shards.len() as u64) as usize];
        // Whatever panicked here left successes that are still successes.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_are_bounded_and_the_oldest_goes_first() {
        let known = Known::new(160);
        for number in 0..10_000 {
            known.insert(number, Timestamp::from_millis(number.cast_signed()));
            assert!(known.contains(number));
        }
        let kept = (0..10_000).filter(|number| known.contains(*number)).count();
        assert!((100..=160).contains(&kept), "{kept}");
        assert!((9_900..10_000).all(|number| known.contains(number)));
    }
}
