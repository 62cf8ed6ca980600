//! Recently read rows.

use std::hash::{Hash, RandomState};
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};

use crate::store::{Key, Kind, Row};

/// An owned [`Key`], with the same hash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct OwnedKey {
    pub(super) kind: Kind,
    pub(super) id: Arc<str>,
}

impl OwnedKey {
    pub(super) fn as_key(&self) -> Key<'_> {
        Key::new(self.kind, &self.id)
    }
}

impl From<Key<'_>> for OwnedKey {
    fn from(key: Key<'_>) -> Self {
        Self { kind: key.kind, id: key.id.into() }
    }
}

impl Equivalent<OwnedKey> for Key<'_> {
    fn equivalent(&self, key: &OwnedKey) -> bool {
        *self == key.as_key()
    }
}

/// A bounded cache of durable rows. The module `shared` explains why it is never stale.
pub(super) struct RowCache(Cache<OwnedKey, Arc<Row>, Footprint, RandomState>);

impl RowCache {
    /// A cache of at most about `bytes` of memory.
    pub(super) fn new(bytes: usize) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(bytes / TYPICAL_FOOTPRINT + 1)
            .weight_capacity(bytes as u64)
            .build();
        match options {
            // Keys come from clients, so each process hashes with its own random key.
            Ok(options) => {
                Self(Cache::with_options(options, Footprint, RandomState::new(), DefaultLifecycle::default()))
            }
            Err(_) => Self(Cache::with(
                bytes / TYPICAL_FOOTPRINT + 1,
                bytes as u64,
                Footprint,
                RandomState::new(),
                DefaultLifecycle::default(),
            )),
        }
    }

    pub(super) fn get(&self, key: Key<'_>) -> Option<Arc<Row>> {
        self.0.get(&key)
    }

    /// Caches the row and replaces an older version of it. A row that is too large is not cached, and the older version is
    /// removed.
    pub(super) fn put(&self, key: OwnedKey, row: Arc<Row>) {
        self.0.insert(key, row);
    }

    /// Replaces the row if it is cached. Most rows are not read soon after they were written, so writes do not fill the
    /// cache.
    pub(super) fn renew(&self, key: &OwnedKey, row: &Arc<Row>) {
        if self.0.contains_key(key) {
            self.put(key.clone(), Arc::clone(row));
        }
    }

    pub(super) fn remove(&self, key: Key<'_>) {
        self.0.remove(&key);
    }

    #[cfg(test)]
    pub(super) fn weight(&self) -> u64 {
        self.0.weight()
    }
}

/// About the footprint of a grant.
const TYPICAL_FOOTPRINT: usize = 1024;

/// Estimates the memory that a row uses with its key, the cache's own entry, and the record decoded from it, which is
/// about as large as the body.
#[derive(Clone)]
struct Footprint;

impl Weighter<OwnedKey, Arc<Row>> for Footprint {
    fn weight(&self, key: &OwnedKey, row: &Arc<Row>) -> u64 {
        let texts =
            [row.user(), row.client(), row.scope()].into_iter().flatten().map(str::len).sum::<usize>();
        (300 + key.id.len() + texts + 2 * row.body().len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Timestamp;

    fn row(bytes: usize) -> Arc<Row> {
        Arc::new(Row::new(Timestamp::from_millis(0), "x".repeat(bytes)))
    }

    #[test]
    fn its_size_is_bounded() {
        let cache = RowCache::new(1 << 20);
        for number in 0..20_000 {
            cache.put(Key::new(Kind::Grant, &number.to_string()).into(), row(400));
        }
        assert!(cache.weight() <= 1 << 20, "{}", cache.weight());
        assert!(cache.weight() > 1 << 19, "{}", cache.weight());
    }

    #[test]
    fn a_row_that_is_too_large_evicts_the_old_version() {
        let cache = RowCache::new(1 << 20);
        let key = Key::new(Kind::Grant, "id");
        cache.put(key.into(), row(10));
        assert!(cache.get(key).is_some());
        cache.put(key.into(), row(4 << 20));
        assert!(cache.get(key).is_none());
    }
}
