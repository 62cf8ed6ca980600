//! The state that callers and the writer share: how rows are read, and how writes are decided.
//!
//! # Why the cache is never stale
//!
//! A caller decides a write under the lock of the row's shard in [`Pending`]. It sees the result of the latest queued write,
//! or else the row in the log, or else the row in the database. Deciding and queueing are one step under that lock, so the
//! writer checks nothing and writes in the order of the queue.
//!
//! The writer makes a batch durable in the log, marks its rows as durable in [`Pending`], replaces those that are cached, and
//! then answers. Rows leave `Pending` once the database has them. Only the writer replaces a cached row. A reader that misses
//! adds the row under the lock of its shard, and only if `Pending` has nothing about it: then no write of the row is under
//! way, none can be decided before the reader is done, and the database has the latest version. So the cache always holds the
//! durable version. A caller whose write is durable but not answered yet may still see the previous version.
//!
//! Listings are read from the database, after it has applied the log.
//!
//! # Why reads block
//!
//! A read that misses the cache takes microseconds if the page is in memory. Moving it to another thread would cost more than
//! that on every miss and would make reads queue. A page that has to come from the disk blocks one worker thread for that
//! long, as in any database that maps its file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadableDatabase};
use tokio::sync::{SemaphorePermit, oneshot};

use super::base::{Base, Rows};
use super::cache::{OwnedKey, RowCache};
use super::error::{Failure, closed, read_error, unreadable};
use super::layout::{SETTINGS, check, decode, row_key};
use super::pending::Pending;
use super::queue::{Before, Operation, Queue, Until, Write};
use crate::store::{Key, Row, StoreError, StoreErrorKind};

/// The state that callers and the writer share.
pub(super) struct Shared {
    /// `None` if it could not be reopened after an error. The lock is only held for writing during a replacement.
    base: RwLock<Option<Base>>,
    pub(super) cache: RowCache,
    pub(super) pending: Pending,
    pub(super) queue: Queue,
    /// The number of writes in the log that the database does not have yet.
    pub(super) ahead: AtomicUsize,
}

/// The decision about a row.
pub(super) enum Decision {
    /// Keep it.
    Keep,
    /// Write this version, or remove the row.
    Write(Option<Arc<Row>>),
}

/// Receives the result of an operation.
pub(super) type Outcome = oneshot::Receiver<Result<(), Failure>>;

impl Shared {
    pub(super) fn new(base: Base, cache_bytes: usize) -> Self {
        Self {
            base: RwLock::new(Some(base)),
            cache: RowCache::new(cache_bytes),
            pending: Pending::new(),
            queue: Queue::new(),
            ahead: AtomicUsize::new(0),
        }
    }

    /// The database. It stays open while the guard lives.
    pub(super) fn base(&self) -> RwLockReadGuard<'_, Option<Base>> {
        self.base.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the database, and opens it again by `open`. Readers wait meanwhile.
    pub(super) fn reopen_base<E>(&self, open: impl FnOnce() -> Result<Base, E>) -> Result<(), E> {
        let mut current = self.base.write().unwrap_or_else(PoisonError::into_inner);
        let before = current.take();
        // A database that panicked may panic again when it is closed.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(before)));
        *current = Some(open()?);
        Ok(())
    }

    /// Closes the database.
    pub(super) fn close_base(&self) {
        let _ = self.reopen_base(|| Err(()));
    }

    /// Makes the rows after the latest transaction visible to readers.
    pub(super) fn set_rows(&self, rows: Rows) {
        let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = &mut *base {
            base.set_rows(rows);
        }
    }

    /// Reads from the database. A panic in redb counts as an error. If the database cannot be used any more, the writer is
    /// asked to reopen it.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Base) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let guard = self.base();
        let base = guard.as_ref().ok_or_else(closed)?;
        let answer = catch_unwind(AssertUnwindSafe(|| read(base)));
        let usable = match &answer {
            Ok(Err(error)) => error.kind() != StoreErrorKind::Unavailable,
            Ok(Ok(_)) => true,
            Err(_) => catch_unwind(AssertUnwindSafe(|| can_be_read(base.database()))).unwrap_or(false),
        };
        if !usable {
            self.queue.ask_to_reopen();
        }
        answer.unwrap_or_else(|_| Err(unreadable()))
    }

    /// Reads a row from the database.
    fn in_file(&self, table_key: &[u8]) -> Result<Option<Arc<Row>>, StoreError> {
        self.read(|base| {
            let value = base.rows().get(table_key).map_err(read_error)?;
            value.map(|value| decode(table_key, value.value()).map(Arc::new)).transpose()
        })
    }

    /// Reads a row from the database, or from the log if it was written there in the meantime.
    fn in_file_or_since(&self, key: Key<'_>) -> Result<Option<Arc<Row>>, StoreError> {
        let row = self.in_file(&row_key(key))?;
        Ok(self.pending.lock(key).durable(key).unwrap_or(row))
    }

    /// Reads a row from the cache or the file, and caches it.
    pub(super) fn get(&self, key: Key<'_>) -> Result<Option<Arc<Row>>, StoreError> {
        if let Some(row) = self.cache.get(key) {
            return Ok(Some(row));
        }
        let pending = self.pending.lock(key);
        if let Some(row) = pending.durable(key) {
            return Ok(row);
        }
        if pending.ahead(key).is_some() {
            // A queued write is not visible yet.
            drop(pending);
            return self.in_file_or_since(key);
        }
        // Another reader may have cached it.
        if let Some(row) = self.cache.get(key) {
            return Ok(Some(row));
        }
        let row = self.in_file(&row_key(key))?;
        if let Some(row) = &row {
            self.cache.put(key.into(), Arc::clone(row));
        }
        drop(pending);
        Ok(row)
    }

    /// Decides about a row from its latest version and queues the write. Returns the value of `decide`, which must not be
    /// used before the operation, if there is one, has succeeded.
    pub(super) fn decide<T>(
        &self,
        key: Key<'_>,
        room: SemaphorePermit<'_>,
        decide: impl FnOnce(Option<&Arc<Row>>) -> (T, Decision),
    ) -> Result<(T, Option<Outcome>), StoreError> {
        let table_key = row_key(key);
        let mut pending = self.pending.lock(key);
        let ahead = pending.ahead(key);
        let in_flight = ahead.as_ref().is_some_and(|ahead| ahead.queued);
        let before = match ahead {
            Some(ahead) => ahead.row,
            None => match self.cache.get(key) {
                Some(row) => Some(row),
                None => self.in_file(&table_key)?,
            },
        };
        let (value, decision) = decide(before.as_ref());
        let (answer, outcome) = oneshot::channel();
        match decision {
            Decision::Keep if !in_flight => return Ok((value, None)),
            // The answer depends on a queued write, so that must be durable first.
            Decision::Keep => self.queue.push(Operation { until: Until::Durable, answer }, room)?,
            Decision::Write(after) => {
                if let Some(row) = &after {
                    check(key, row)?;
                }
                let key = OwnedKey::from(key);
                let write = Write {
                    key: key.clone(),
                    table_key,
                    before: Before::Known(before),
                    after: after.clone(),
                };
                self.queue.push(Operation { until: Until::Written(write), answer }, room)?;
                pending.queued(key, after);
            }
        }
        Ok((value, Some(outcome)))
    }

    /// [`decide`](Self::decide)s and waits until the operation has succeeded.
    pub(super) async fn change<T>(
        &self,
        key: Key<'_>,
        decide: impl FnOnce(Option<&Arc<Row>>) -> (T, Decision),
    ) -> Result<T, StoreError> {
        let room = self.queue.room_for(1).await?;
        let (value, outcome) = self.decide(key, room, decide)?;
        if let Some(outcome) = outcome {
            wait(outcome).await?;
        }
        Ok(value)
    }
}

impl Shared {
    /// [`read`](Self::read)s from the database once it has every write that was answered before.
    pub(super) async fn read_all<T>(
        &self,
        read: impl FnOnce(&Base) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.ahead.load(Ordering::Acquire) > 0 && self.base().is_some() {
            let room = self.queue.room_for(1).await?;
            let (answer, outcome) = oneshot::channel();
            self.queue.push(Operation { until: Until::InDatabase, answer }, room)?;
            wait(outcome).await?;
        }
        self.read(read)
    }
}

/// Waits for the result of an operation.
pub(super) async fn wait(outcome: Outcome) -> Result<(), StoreError> {
    match outcome.await {
        Ok(answer) => answer.map_err(StoreError::from),
        Err(_) => Err(Failure::unknown("the store stopped before it answered").into()),
    }
}

/// Whether the database can still be read.
fn can_be_read(database: &Database) -> bool {
    let settings = || -> Result<bool, redb::Error> {
        Ok(database.begin_read()?.open_table(SETTINGS)?.get("format")?.is_some())
    };
    settings().unwrap_or(false)
}
