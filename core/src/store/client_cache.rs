//! Client rows, cached for a short time after they were read.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::{Key, Kind, Row};

/// The capacity of the cache.
const MOST: usize = 10_000;

/// Client rows, cached for a short time after they were read, for stores in which a read is a round trip.
///
/// A token request needs the client's row, which rarely changes. A process sees its own writes at once, and those of other
/// processes when the cached row expires at the latest.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use gridauth::env::Timestamp;
/// use gridauth::store::{ClientCache, Key, Kind, Row};
///
/// let cache = ClientCache::new(Duration::from_secs(5));
/// let reading = cache.reading(); // before the row is read
/// # let row = Arc::new(Row::new(Timestamp::from_millis(1), "{}"));
/// cache.keep("web", &row, reading);
/// assert!(cache.get("web").is_some());
/// let writing = cache.writing(Key::new(Kind::Client, "web")); // until the row is written
/// assert!(cache.get("web").is_none());
/// ```
pub struct ClientCache {
    keep_for: Duration,
    rows: RwLock<HashMap<Box<str>, Kept>>,
    /// Counts the starts and ends of writes. A row that was read while one happened is not cached.
    epoch: AtomicU64,
}

/// A read that is about to start.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    epoch: u64,
    began: Instant,
}

/// A row, and when it expires.
type Kept = (Arc<Row>, Instant);

/// A write of a client row in progress. It ends when this is dropped.
#[must_use = "the write ends when this is dropped"]
pub struct Writing<'a> {
    cache: &'a ClientCache,
    id: &'a str,
}

impl fmt::Debug for ClientCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCache").field("keep_for", &self.keep_for).finish_non_exhaustive()
    }
}

impl fmt::Debug for Writing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writing")
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.cache.forget(self.id);
    }
}

impl ClientCache {
    /// A cache that keeps rows for this long. Zero turns it off.
    pub fn new(keep_for: Duration) -> Self {
        Self { keep_for, rows: RwLock::default(), epoch: AtomicU64::new(0) }
    }

    /// The cached row of the client with this id.
    pub fn get(&self, id: &str) -> Option<Arc<Row>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let (row, until) = rows.get(id)?;
        (Instant::now() < *until).then(|| Arc::clone(row))
    }

    /// Call it before reading a row to be cached: the row may be as old as this moment.
    pub fn reading(&self) -> Reading {
        Reading { epoch: self.epoch.load(Ordering::SeqCst), began: Instant::now() }
    }

    /// Caches a row that was read, unless a client row was written since `reading`.
    pub fn keep(&self, id: &str, row: &Arc<Row>, reading: Reading) {
        if self.keep_for.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch.load(Ordering::SeqCst) != reading.epoch {
            return;
        }
        if rows.len() >= MOST {
            rows.retain(|_, (_, until)| now < *until);
            if rows.len() >= MOST {
                rows.clear();
            }
        }
        rows.insert(id.into(), (Arc::clone(row), reading.began + self.keep_for));
    }

    /// Hold it while a row is written. Rows of other kinds are ignored.
    pub fn writing<'a>(&'a self, key: Key<'a>) -> Option<Writing<'a>> {
        (key.kind == Kind::Client).then(|| {
            self.forget(key.id);
            Writing { cache: self, id: key.id }
        })
    }

    fn forget(&self, id: &str) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        rows.remove(id);
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::env::Timestamp;

    fn row() -> Arc<Row> {
        Arc::new(Row::new(Timestamp::from_millis(1), "{}"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_is_cached_for_its_time_only() {
        let cache = ClientCache::new(Duration::from_secs(5));
        cache.keep("web", &row(), cache.reading());
        assert!(cache.get("web").is_some());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(cache.get("web").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_time_starts_before_the_read() {
        let cache = ClientCache::new(Duration::from_secs(5));
        let reading = cache.reading();
        // The answer of a slow database may be outdated when it arrives.
        tokio::time::advance(Duration::from_secs(3)).await;
        cache.keep("web", &row(), reading);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(cache.get("web").is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(cache.get("web").is_none());
    }

    #[tokio::test]
    async fn a_row_read_during_a_write_is_not_cached() {
        let cache = ClientCache::new(Duration::from_secs(5));
        let before = cache.reading();
        let writing = cache.writing(Key::new(Kind::Client, "web"));
        let during = cache.reading();
        cache.keep("web", &row(), before);
        assert!(cache.get("web").is_none());
        drop(writing);
        cache.keep("web", &row(), during);
        assert!(cache.get("web").is_none());
    }

    #[tokio::test]
    async fn a_write_removes_the_cached_row() {
        let cache = ClientCache::new(Duration::from_secs(5));
        cache.keep("web", &row(), cache.reading());
        drop(cache.writing(Key::new(Kind::Client, "web")));
        assert!(cache.get("web").is_none());
    }
}
