//! A bounded table of subjects of one kind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::retry_after::RetryAfter;
use crate::env::Timestamp;

const SHARDS: usize = 64;

/// What is counted for one subject.
pub(super) trait Counter: Default {
    /// The limits.
    type Rule: Copy;

    /// Forgets what has expired. To be called before the others.
    fn settle(&mut self, now: Timestamp, rule: Self::Rule);

    /// How long to wait, where a limit is reached.
    fn check(&self, now: Timestamp, rule: Self::Rule) -> Result<(), RetryAfter>;

    /// Adds a failure made now.
    fn add(&mut self, now: Timestamp, rule: Self::Rule);

    /// Whether there is nothing to remember.
    fn is_empty(&self) -> bool;

    /// What to forget first: the fewest failures, of these the oldest.
    fn rank(&self, rule: Self::Rule) -> (u32, Timestamp);

    /// How often to look for what has expired.
    fn sweep_every(rule: Self::Rule) -> Duration;
}

/// Counters by the hash of their subject's name.
pub(super) struct Table<C: Counter> {
    rule: C::Rule,
    /// Subjects in one shard, at most.
    room: usize,
    shards: Box<[Mutex<Shard<C>>]>,
}

struct Shard<C> {
    subjects: HashMap<u64, C>,
    /// When to look for what has expired.
    sweep: Timestamp,
}

impl<C: Counter> Table<C> {
    pub(super) fn new(rule: C::Rule, max_tracked: usize) -> Self {
        let shards = SHARDS.min(max_tracked.max(1));
        let shard =
            || Mutex::new(Shard { subjects: HashMap::new(), sweep: Timestamp::from_millis(i64::MIN) });
        Self {
            rule,
            room: (max_tracked / shards).max(1),
            shards: std::iter::repeat_with(shard).take(shards).collect(),
        }
    }

    pub(super) fn check(&self, key: u64, now: Timestamp) -> Result<(), RetryAfter> {
        let mut shard = self.shard(key);
        let Some(failures) = shard.subjects.get_mut(&key) else { return Ok(()) };
        failures.settle(now, self.rule);
        failures.check(now, self.rule)
    }

    pub(super) fn failed(&self, key: u64, now: Timestamp) -> Result<(), RetryAfter> {
        let mut shard = self.shard(key);
        shard.sweep_if_due(now, self.rule);
        if let Some(failures) = shard.subjects.get_mut(&key) {
            failures.settle(now, self.rule);
            failures.check(now, self.rule)?;
            failures.add(now, self.rule);
            return Ok(());
        }
        if shard.subjects.len() >= self.room {
            shard.make_room(now, self.rule, self.room);
        }
        shard.subjects.entry(key).or_default().add(now, self.rule);
        Ok(())
    }

    pub(super) fn succeeded(&self, key: u64, now: Timestamp) -> Result<(), RetryAfter> {
        let mut shard = self.shard(key);
        let Some(failures) = shard.subjects.get_mut(&key) else { return Ok(()) };
        failures.settle(now, self.rule);
        failures.check(now, self.rule)?;
        shard.subjects.remove(&key);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn tracked(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().subjects.len()).sum()
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard<C>> {
        // The keys are keyed hashes, as good in one part as in another; the map hashes them once more.
        let shard = &self.shards[(key % self.shards.len() as u64) as usize];
        // A panic here leaves the counts usable.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Counter> Shard<C> {
    /// Forgets what has expired, once per window, so that a flood that is over does not keep its memory.
    fn sweep_if_due(&mut self, now: Timestamp, rule: C::Rule) {
        let next = now.after(C::sweep_every(rule));
        if self.sweep <= now || self.sweep > next {
            self.forget_expired(now, rule);
            self.subjects.shrink_to(2 * self.subjects.len());
            self.sweep = next;
        }
    }

    fn forget_expired(&mut self, now: Timestamp, rule: C::Rule) {
        self.subjects.retain(|_, failures| {
            failures.settle(now, rule);
            !failures.is_empty()
        });
    }

    /// Forgets what has expired and, where all is alive, the eighth with the fewest failures: an eighth, not one, so
    /// that a flood of names pays for the search once in many.
    fn make_room(&mut self, now: Timestamp, rule: C::Rule, room: usize) {
        self.forget_expired(now, rule);
        if self.subjects.len() < room {
            return;
        }
        let mut ranked: Vec<_> =
            self.subjects.iter().map(|(key, failures)| (failures.rank(rule), *key)).collect();
        let (fewest, last, _) = ranked.select_nth_unstable(room / 8);
        for (_, key) in fewest.iter().chain([&*last]) {
            self.subjects.remove(key);
        }
    }
}
