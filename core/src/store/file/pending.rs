//! Rows that are ahead of the database: decided on, or durable in the log, and not in it yet.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::cache::OwnedKey;
use crate::store::{Key, Row};

/// The rows that queued writes will leave, and those that the log has and the database has not, in shards by key. Who
/// holds a shard's lock decides alone on the rows of that shard: nobody else can queue a write to one of them.
pub(super) struct Pending {
    shards: Box<[Mutex<HashTable<Slot>>]>,
    hasher: RandomState,
}

struct Slot {
    key: OwnedKey,
    /// What the last of the writes leaves, queued or durable.
    row: Option<Arc<Row>>,
    /// How many writes are queued.
    writes: usize,
    durable: Option<Durable>,
}

/// A row as it is in the log.
struct Durable {
    row: Option<Arc<Row>>,
    /// The log's generation that has it.
    generation: u64,
}

/// What is ahead of the database about a row.
pub(super) struct Ahead {
    /// What the last of the writes leaves.
    pub(super) row: Option<Arc<Row>>,
    /// Whether that is queued, and not durable.
    pub(super) queued: bool,
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

    /// A queued write, which leaves `row`, is durable: the log has it, in `generation`.
    pub(super) fn written(&self, key: Key<'_>, row: Option<Arc<Row>>, generation: u64) {
        let mut shard = self.lock(key);
        if let Some(slot) = shard.slots.find_mut(shard.hash, |slot| slot.key.as_key() == key) {
            slot.writes = slot.writes.saturating_sub(1);
            slot.durable = Some(Durable { row, generation });
        }
    }

    /// The log of a process before this one has this row, and the database has not.
    pub(super) fn recovered(&self, key: OwnedKey, row: Option<Arc<Row>>, generation: u64) {
        let hash = self.hasher.hash_one(key.as_key());
        let mut shard = self.lock(key.as_key());
        let durable = Some(Durable { row: row.clone(), generation });
        match shard.slots.find_mut(hash, |slot| slot.key == key) {
            Some(slot) => (slot.row, slot.durable) = (row, durable),
            None => {
                let slot = Slot { key, row, writes: 0, durable };
                shard.slots.insert_unique(hash, slot, |slot| self.hasher.hash_one(slot.key.as_key()));
            }
        }
    }

    /// The database has the row as it was in `generation`.
    pub(super) fn applied(&self, key: Key<'_>, generation: u64) {
        let mut shard = self.lock(key);
        let hash = shard.hash;
        if let Ok(mut slot) = shard.slots.find_entry(hash, |slot| slot.key.as_key() == key)
            && slot.get().durable.as_ref().is_some_and(|durable| durable.generation <= generation)
        {
            slot.get_mut().durable = None;
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

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.stop().0.iter().all(|shard| shard.is_empty())
    }
}

impl Deciding<'_> {
    fn slot(&self, key: Key<'_>) -> Option<&Slot> {
        self.slots.find(self.hash, |slot| slot.key.as_key() == key)
    }

    /// What is ahead of the database about the row, if anything is.
    pub(super) fn ahead(&self, key: Key<'_>) -> Option<Ahead> {
        self.slot(key).map(|slot| Ahead { row: slot.row.clone(), queued: slot.writes > 0 })
    }

    /// The row as the log has it, where the database has not.
    pub(super) fn durable(&self, key: Key<'_>) -> Option<Option<Arc<Row>>> {
        Some(self.slot(key)?.durable.as_ref()?.row.clone())
    }

    /// A write that leaves `row` was queued.
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
    /// Nothing is ahead of the database any more.
    pub(super) fn clear(&mut self) {
        for shard in &mut self.0 {
            shard.clear();
        }
    }
}
