//! Rows that are ahead of the database: queued, or durable in the log, but not in the database yet.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::cache::OwnedKey;
use super::log::Checkpoint;
use crate::store::{Key, Row};

/// The results of queued writes, and rows that are in the log but not in the database, sharded by key. While a caller
/// holds a shard's lock, nobody else can queue a write to a row of that shard.
pub(super) struct Pending {
    shards: Box<[Mutex<HashTable<Slot>>]>,
    hasher: RandomState,
}

struct Slot {
    key: OwnedKey,
    /// The row after the latest write, queued or durable.
    row: Option<Arc<Row>>,
    /// The number of queued writes.
    writes: usize,
    durable: Option<Durable>,
}

/// A row in the log.
struct Durable {
    row: Option<Arc<Row>>,
    /// The database has the row when it has reached this point of the log.
    checkpoint: Checkpoint,
}

/// A row that is ahead of the database.
pub(super) struct Ahead {
    /// The row after the latest write.
    pub(super) row: Option<Arc<Row>>,
    /// Whether that write is still queued.
    pub(super) queued: bool,
}

/// A shard, locked for one key.
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
        // A shard is only changed after the caller's closure returned, so a panic in one leaves it intact.
        Deciding { slots: shard.lock().unwrap_or_else(PoisonError::into_inner), hash, hasher: &self.hasher }
    }

    /// Marks a queued write as durable: `row` is in the log, before `checkpoint`.
    pub(super) fn written(&self, key: Key<'_>, row: Option<Arc<Row>>, checkpoint: Checkpoint) {
        let mut shard = self.lock(key);
        if let Some(slot) = shard.slots.find_mut(shard.hash, |slot| slot.key.as_key() == key) {
            slot.writes = slot.writes.saturating_sub(1);
            slot.durable = Some(Durable { row, checkpoint });
        }
    }

    /// Adds a row that an earlier process left in the log, before `checkpoint`.
    pub(super) fn recovered(&self, key: OwnedKey, row: Option<Arc<Row>>, checkpoint: Checkpoint) {
        let hash = self.hasher.hash_one(key.as_key());
        let mut shard = self.lock(key.as_key());
        let durable = Some(Durable { row: row.clone(), checkpoint });
        match shard.slots.find_mut(hash, |slot| slot.key == key) {
            Some(slot) => (slot.row, slot.durable) = (row, durable),
            None => {
                let slot = Slot { key, row, writes: 0, durable };
                shard.slots.insert_unique(hash, slot, |slot| self.hasher.hash_one(slot.key.as_key()));
            }
        }
    }

    /// Removes the row if the database has its latest version, having reached `checkpoint`.
    pub(super) fn applied(&self, key: Key<'_>, checkpoint: Checkpoint) {
        let mut shard = self.lock(key);
        let hash = shard.hash;
        if let Ok(mut slot) = shard.slots.find_entry(hash, |slot| slot.key.as_key() == key)
            && slot.get().durable.as_ref().is_some_and(|durable| durable.checkpoint <= checkpoint)
        {
            slot.get_mut().durable = None;
            if slot.get().writes == 0 {
                slot.remove();
            }
        }
    }

    /// Locks all shards, so no writes are queued.
    pub(super) fn stop(&self) -> Stopped<'_> {
        Stopped(
            self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner)).collect(),
        )
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.stop().0.iter().all(|shard| shard.is_empty())
    }
}

impl Deciding<'_> {
    fn slot(&self, key: Key<'_>) -> Option<&Slot> {
        self.slots.find(self.hash, |slot| slot.key.as_key() == key)
    }

    /// The row, if it is ahead of the database.
    pub(super) fn ahead(&self, key: Key<'_>) -> Option<Ahead> {
        self.slot(key).map(|slot| Ahead { row: slot.row.clone(), queued: slot.writes > 0 })
    }

    /// The row in the log, if the database does not have it yet.
    pub(super) fn durable(&self, key: Key<'_>) -> Option<Option<Arc<Row>>> {
        Some(self.slot(key)?.durable.as_ref()?.row.clone())
    }

    /// Adds a queued write with the result `row`.
    pub(super) fn queued(&mut self, key: OwnedKey, row: Option<Arc<Row>>) {
        match self.slots.find_mut(self.hash, |slot| slot.key == key) {
            Some(slot) => {
                slot.row = row;
                slot.writes += 1;
            }
            None => {
                let slot = Slot { key, row, writes: 1, durable: None };
                self.slots.insert_unique(self.hash, slot, |slot| self.hasher.hash_one(slot.key.as_key()));
            }
        }
    }
}

/// All shards, locked.
pub(super) struct Stopped<'a>(Vec<MutexGuard<'a, HashTable<Slot>>>);

impl Stopped<'_> {
    /// Forgets all queued writes. Rows are again as the log or the database has them.
    pub(super) fn discard_queued(&mut self) {
        for shard in &mut self.0 {
            shard.retain(|slot| match &slot.durable {
                Some(durable) => {
                    slot.row.clone_from(&durable.row);
                    slot.writes = 0;
                    true
                }
                None => false,
            });
        }
    }
}
