//! The subjects of one kind, a bounded number of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::failures::{Failures, Window};
use super::retry_after::RetryAfter;
use crate::env::Timestamp;

const SHARDS: usize = 64;

/// Failures by the hash of their subject's name.
pub(super) struct Table {
    window: Window,
    /// Subjects in one shard, at most.
    room: usize,
    shards: Box<[Mutex<Shard>]>,
}

struct Shard {
    subjects: HashMap<u64, Failures>,
    /// When everything that is here now will have expired.
    sweep: Timestamp,
}

impl Table {
    pub(super) fn new(window: Window, max_tracked: usize) -> Self {
        let shards = SHARDS.min(max_tracked.max(1));
        let shard =
            || Mutex::new(Shard { subjects: HashMap::new(), sweep: Timestamp::from_millis(i64::MIN) });
        Self {
            window,
            room: (max_tracked / shards).max(1),
            shards: std::iter::repeat_with(shard).take(shards).collect(),
        }
    }

    pub(super) fn check(&self, key: u64, now: Timestamp) -> Result<(), RetryAfter> {
        let mut shard = self.shard(key);
        let Some(failures) = shard.subjects.get_mut(&key) else { return Ok(()) };
        failures.settle(now, self.window);
        failures.check(now, self.window)
    }

    pub(super) fn failed(&self, key: u64, now: Timestamp) -> Result<(), RetryAfter> {
        let mut shard = self.shard(key);
        shard.sweep_if_due(now, self.window);
        if let Some(failures) = shard.subjects.get_mut(&key) {
            failures.settle(now, self.window);
            failures.check(now, self.window)?;
            failures.add(now, self.window);
            return Ok(());
        }
        if shard.subjects.len() >= self.room {
            shard.make_room(now, self.window, self.room);
        }
        shard.subjects.entry(key).or_default().add(now, self.window);
        Ok(())
    }

    pub(super) fn succeeded(&self, key: u64, now: Timestamp) -> Result<(), RetryAfter> {
        let mut shard = self.shard(key);
        let Some(failures) = shard.subjects.get_mut(&key) else { return Ok(()) };
        failures.settle(now, self.window);
        failures.check(now, self.window)?;
        shard.subjects.remove(&key);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn tracked(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().subjects.len()).sum()
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        // The keys are keyed hashes, as good in one part as in another; the map hashes them once more.
        let shard = &self.shards[(key % self.shards.len() as u64) as usize];
        // Whatever panicked here left counts that are still counts.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Forgets what has expired, once per window, so that a flood that is over does not keep its memory.
    fn sweep_if_due(&mut self, now: Timestamp, window: Window) {
        if self.sweep <= now || self.sweep > window.end(now) {
            self.forget_expired(now, window);
            self.subjects.shrink_to(2 * self.subjects.len());
            self.sweep = window.end(now);
        }
    }

    fn forget_expired(&mut self, now: Timestamp, window: Window) {
        self.subjects.retain(|_, failures| {
            failures.settle(now, window);
            !failures.is_empty()
        });
    }

    /// Forgets what has expired and, where all is alive, the eighth with the fewest failures: an eighth, not one, so
    /// that a flood of names pays for the search once in many.
    fn make_room(&mut self, now: Timestamp, window: Window, room: usize) {
        self.forget_expired(now, window);
        if self.subjects.len() < room {
            return;
        }
        let mut ranked: Vec<_> =
            self.subjects.iter().map(|(key, failures)| (failures.rank(), *key)).collect();
        let (fewest, last, _) = ranked.select_nth_unstable(room / 8);
        for (_, key) in fewest.iter().chain([&*last]) {
            self.subjects.remove(key);
        }
    }
}
