//! Rows as they will be: decided on, and not yet durable.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::cache::OwnedKey;
use crate::store::{Key, Row};

/// The rows that queued writes will leave, in shards by key. Who holds a shard's lock decides alone on the rows of that
/// shard: nobody else can queue a write to one of them.
pub(super) struct Pending {
    shards: Box<[Mutex<HashTable<Slot>>]>,
    hasher: RandomState,
}

struct Slot {
    key: OwnedKey,
    /// What the last of the queued writes leaves.
    row: Option<Arc<Row>>,
    /// How many writes are queued.
    writes: usize,
}

/// A locked shard, for one key.
pub(super) struct Deciding<'a> {
    slots: MutexGuard<'a, HashTable<Slot>>,
    hash: u64,
    hasher: &'a RandomState,
}

const SHARDS: usize = 128;

impl Pending {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    /// Locks the shard of `key`.
    pub(super) fn lock(&self, key: Key<'_>) -> Deciding<'_> {
        let hash = self.hasher.hash_one(key);
        let shard = &self.shards[(hash >> 40) as usize % SHARDS];
        // Nothing is changed before a decision is made, so one that panicked left the shard whole.
        Deciding { slots: shard.lock().unwrap_or_else(PoisonError::into_inner), hash, hasher: &self.hasher }
    }

    /// Takes `writes` writes off a row's queue: they are in the file.
    pub(super) fn settle(&self, key: Key<'_>, writes: usize) {
        let mut shard = self.lock(key);
        let hash = shard.hash;
        if let Ok(mut slot) = shard.slots.find_entry(hash, |slot| slot.key.as_key() == key) {
            slot.get_mut().writes = slot.get().writes.saturating_sub(writes);
            if slot.get().writes == 0 {
                slot.remove();
            }
        }
    }

    /// Locks every shard: nobody decides on anything.
    pub(super) fn stop(&self) -> Stopped<'_> {
        Stopped(
            self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner)).collect(),
        )
    }
}

impl Deciding<'_> {
    /// What the queued writes will leave of the row, if there are any.
    pub(super) fn row(&self, key: Key<'_>) -> Option<Option<Arc<Row>>> {
        self.slots.find(self.hash, |slot| slot.key.as_key() == key).map(|slot| slot.row.clone())
    }

    /// A write that leaves `row` was queued.
    pub(super) fn queued(&mut self, key: OwnedKey, row: Option<Arc<Row>>) {
        match self.slots.find_mut(self.hash, |slot| slot.key == key) {
            Some(slot) => {
                slot.row = row;
                slot.writes += 1;
            }
            None => {
                let slot = Slot { key, row, writes: 1 };
                self.slots.insert_unique(self.hash, slot, |slot| self.hasher.hash_one(slot.key.as_key()));
            }
        }
    }
}

/// All shards, locked.
pub(super) struct Stopped<'a>(Vec<MutexGuard<'a, HashTable<Slot>>>);

impl Stopped<'_> {
    /// No write is queued any more.
    pub(super) fn clear(&mut self) {
        for shard in &mut self.0 {
            shard.clear();
        }
    }
}
