//! Which sources an account or client has succeeded from.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::env::Timestamp;

const SHARDS: usize = 16;

/// How many successes of one account or client are remembered.
const MAX_OF_ONE: usize = 64;

/// A bounded number of successes, by the hashes of the account and of account and source. Only who has the right secret adds one, and
/// whoever succeeds often with one account displaces those of that account alone.
pub(super) struct Known {
    /// Successes in one shard, at most.
    room: usize,
    /// Successes of one account, at most.
    room_of_one: usize,
    shards: Box<[Mutex<Shard>]>,
}

#[derive(Default)]
struct Shard {
    accounts: HashMap<u64, Vec<Success>>,
    /// How many there are of all accounts.
    total: usize,
}

struct Success {
    key: u64,
    at: Timestamp,
}

impl Known {
    pub(super) fn new(max_tracked: usize) -> Self {
        let shards = SHARDS.min(max_tracked.max(1));
        let room = (max_tracked / shards).max(1);
        Self {
            room,
            room_of_one: (room / 8).clamp(1, MAX_OF_ONE),
            shards: std::iter::repeat_with(Mutex::default).take(shards).collect(),
        }
    }

    pub(super) fn contains(&self, account: u64, key: u64) -> bool {
        let shard = self.shard(account);
        shard.accounts.get(&account).is_some_and(|known| known.iter().any(|success| success.key == key))
    }

    /// Remembers a success. Where the account has too many, its oldest goes; where there is no room, the eighth that succeeded longest
    /// ago.
    pub(super) fn insert(&self, account: u64, key: u64, now: Timestamp) {
        let mut shard = self.shard(account);
        if let Some(known) = shard.accounts.get_mut(&account) {
            if let Some(success) = known.iter_mut().find(|success| success.key == key) {
                success.at = now;
                return;
            }
            if known.len() >= self.room_of_one
                && let Some(oldest) = known.iter_mut().min_by_key(|success| success.at)
            {
                *oldest = Success { key, at: now };
                return;
            }
        }
        if shard.total >= self.room {
            shard.forget_oldest(self.room.div_ceil(8));
        }
        shard.accounts.entry(account).or_default().push(Success { key, at: now });
        shard.total += 1;
    }

    fn shard(&self, account: u64) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[(account % self.shards.len() as u64) as usize];
        // Whatever panicked here left successes that are still successes.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn forget_oldest(&mut self, number: usize) {
        let all = self
            .accounts
            .iter()
            .flat_map(|(account, known)| known.iter().map(|success| (success.at, *account, success.key)));
        let mut oldest: Vec<_> = all.collect();
        oldest.sort_unstable();
        for (_, account, key) in oldest.into_iter().take(number) {
            let Some(known) = self.accounts.get_mut(&account) else { continue };
            known.retain(|success| success.key != key);
            self.total -= 1;
            if known.is_empty() {
                self.accounts.remove(&account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_are_bounded_and_the_oldest_goes_first() {
        let known = Known::new(160);
        for number in 0..10_000 {
            known.insert(number, number, Timestamp::from_millis(number.cast_signed()));
            assert!(known.contains(number, number));
        }
        let kept = (0..10_000).filter(|number| known.contains(*number, *number)).count();
        assert!((100..=160).contains(&kept), "{kept}");
        assert!((9_900..10_000).all(|number| known.contains(number, number)));
    }

    #[test]
    fn one_account_displaces_its_own_successes_alone() {
        let known = Known::new(16_000);
        known.insert(16, 1, Timestamp::from_millis(0));
        for number in 0..10_000 {
            known.insert(32, number, Timestamp::from_millis(1 + number.cast_signed()));
        }
        assert!(known.contains(16, 1));
        let kept: Vec<_> = (0..10_000).filter(|number| known.contains(32, *number)).collect();
        assert_eq!(kept, (10_000 - MAX_OF_ONE as u64..10_000).collect::<Vec<_>>());
        // One that succeeds again is no longer the oldest.
        known.insert(32, kept[0], Timestamp::from_millis(20_000));
        known.insert(32, 10_000, Timestamp::from_millis(20_001));
        assert!(known.contains(32, kept[0]) && !known.contains(32, kept[1]));
    }
}
