//! A bounded table of subjects of one kind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::failures::{Failures, Window};
use super::retry_after::RetryAfter;
use crate::env::Timestamp;

const SHARDS: usize = 64;

/// Failures, by the hash of the subject's name.
pub(super) struct Table {
    window: Window,
    /// The maximum number of subjects in one shard.
    room: usize,
    shards: Box<[Mutex<Shard>]>,
}

struct Shard {
    subjects: HashMap<u64, Failures>,
    /// The time of the next sweep: everything that was here at the last one has expired by then.
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
        // The keys are keyed hashes, so they spread evenly over the shards. The map hashes them again.
        let shard = &self.shards[(key % self.shards.len() as u64) as usize];
        // A panic here leaves the counts usable.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Drops what has expired, once per window, so that the memory of a past flood is freed.
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

    /// Drops what has expired. If nothing has, drops the eighth of the subjects that has the fewest failures: an eighth, not
    /// one, so that the search runs only once for many new names.
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
