//! A store in memory, which ends with the process.
//!
//! The rows of each kind are spread over shards. Each shard has a lock, rows and indexes, so callers contend only if
//! their keys fall into the same shard and one of them writes. A row and its index entries change under one lock.

mod shard;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::shard::Shard;
use super::{Backend, Change, Cursor, Key, Kind, Page, Query, Row, StoreError, StoreFuture, Updated};
use crate::env::Timestamp;

/// A store in memory, for tests and first steps.
///
/// ```
/// use gridauth::Store;
/// use gridauth::store::memory::MemoryStore;
///
/// let store = Store::new(MemoryStore::new());
/// ```
pub struct MemoryStore {
    /// The shards of each kind, in the order of [`Kind::ALL`].
    shards: Box<[RwLock<Shard>]>,
    /// Randomly keyed in each store: ids come from outside, and nobody must be able to choose them so that they
    /// collide.
    hasher: RandomState,
    /// The shard where the next sweep begins. Each sweep begins at another one, so that a shard with many expired
    /// rows does not starve the others.
    next_sweep: AtomicUsize,
}

/// The number of shards of each kind, a power of two.
const SHARDS: usize = 32;

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            shards: (0..Kind::ALL.len() * SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            next_sweep: AtomicUsize::new(0),
        }
    }

    /// The hash of an id, and the shard that its row belongs to.
    fn locate(&self, key: Key<'_>) -> (u64, &RwLock<Shard>) {
        // `hash_one` would also hash an end mark, which a single id does not need.
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key.id.as_bytes());
        let hash = hasher.finish();
        // The hash table within the shard uses the low and the highest bits.
        let shard = (hash >> 40) as usize % SHARDS;
        (hash, &self.shards[first_shard(key.kind) + shard])
    }

    fn of_kind(&self, kind: Kind) -> &[RwLock<Shard>] {
        &self.shards[first_shard(kind)..][..SHARDS]
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

fn first_shard(kind: Kind) -> usize {
    kind as usize * SHARDS
}

/// Locks a shard. A panic cannot leave it inconsistent: `decide` is called before anything is changed.
fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

impl Backend for MemoryStore {
    fn name(&self) -> &str {
        "memory"
    }

    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        let (hash, shard) = self.locate(key);
        StoreFuture::ready(Ok(read(shard).get(hash, key.id).cloned()))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        StoreFuture::ready(key.check().map(|()| {
            let (hash, shard) = self.locate(key);
            let mut shard = write(shard);
            let absent = shard.get(hash, key.id).is_none();
            if absent {
                shard.put(hash, key.id, Arc::new(row), &self.hasher);
            }
            absent
        }))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        StoreFuture::ready(key.check().map(|()| {
            let (hash, shard) = self.locate(key);
            write(shard).put(hash, key.id, Arc::new(row), &self.hasher);
        }))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        let (hash, shard) = self.locate(key);
        let mut shard = write(shard);
        let Some(row) = shard.get(hash, key.id) else { return StoreFuture::ready(Ok(Updated::Missing)) };
        StoreFuture::ready(Ok(match decide(row) {
            Change::Keep => Updated::Kept,
            Change::Replace(row) => {
                shard.put(hash, key.id, Arc::new(row), &self.hasher);
                Updated::Replaced
            }
            Change::Remove => {
                shard.remove(hash, key.id, &self.hasher);
                Updated::Removed
            }
        }))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        let (hash, shard) = self.locate(key);
        StoreFuture::ready(Ok(write(shard).remove(hash, key.id, &self.hasher)))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        StoreFuture::ready(self.page(&query))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        StoreFuture::ready(Ok(()))
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        let shards = self.of_kind(kind);
        let first = self.next_sweep.fetch_add(1, Ordering::Relaxed);
        let mut removed = 0;
        for number in 0..SHARDS {
            let shard = &shards[(first + number) % SHARDS];
            if removed < limit && read(shard).has_expired(now) {
                removed += write(shard).remove_expired(now, limit - removed, &self.hasher);
            }
        }
        StoreFuture::ready(Ok(removed))
    }
}

impl MemoryStore {
    /// Reads a page, shard by shard. The cursor names the shard and the position in it where the page ended.
    fn page(&self, query: &Query<'_>) -> Result<Page, StoreError> {
        let (first, mut after) = match &query.after {
            None => (0, None),
            Some(Cursor(cursor)) => match cursor.split_once('/').map(|(shard, after)| (shard.parse(), after))
            {
                Some((Ok(shard), after)) => (shard, Some(after)),
                _ => return Err(StoreError::internal("the cursor is not from this store")),
            },
        };
        let mut entries = Vec::new();
        for (number, shard) in self.of_kind(query.kind).iter().enumerate().skip(first) {
            let room = query.limit.max(1) - entries.len();
            let ended = read(shard).list(query.by, after.take(), room, &self.hasher, &mut entries)?;
            if let Some(ended) = ended {
                return Ok(Page { entries, next: Some(Cursor(format!("{number}/{ended}"))) });
            }
        }
        Ok(Page { entries, next: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_shards_of_its_own() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(first_shard(kind), number * SHARDS);
        }
    }

    #[test]
    fn sweeps_begin_at_different_shards() {
        let store = MemoryStore::new();
        let now = Timestamp::from_millis(5);
        let block_on = |future: StoreFuture<'_, usize>| {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future).unwrap()
        };
        for number in 0..SHARDS * 20 {
            let row = Arc::new(Row::new(now, "{}").with_expires(Some(now)));
            let id = number.to_string();
            let (hash, shard) = store.locate(Key::new(Kind::Grant, &id));
            write(shard).put(hash, &id, row, &store.hasher);
        }
        let rows =
            || -> Vec<usize> { store.of_kind(Kind::Grant).iter().map(|shard| read(shard).rows()).collect() };
        let before = rows();
        for _ in 0..SHARDS {
            assert_eq!(block_on(store.remove_expired(Kind::Grant, now, 1)), 1);
        }
        let swept = before.iter().zip(rows()).filter(|(before, after)| *before > after).count();
        assert!(swept > SHARDS / 2, "only {swept} shards were swept");
    }
}
