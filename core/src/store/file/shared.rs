//! What callers and the writer share: how rows are read, and how writes are decided on.
//!
//! # Why the cache is never stale
//!
//! What a row will be is decided by its caller, under the lock of the row's shard in [`Pending`], from what the row is by
//! then: what the last queued write leaves, or else what the log has of it, or else what is in the database. Deciding and
//! queueing are one step under that lock, so the writer needs to check nothing: it writes in the order of the queue.
//!
//! The writer makes a batch durable in the log, then puts its rows where [`Pending`] has those that the database has not,
//! then into the cache in the place of those that it has, and only then answers. They leave `Pending` when the database has
//! them. Nobody but the writer replaces a row in the cache. A reader who misses adds one, but only under the lock of the row's shard and where
//! `Pending` has nothing of that row: then no write of it is under way, none can be decided on before the reader is done,
//! and the database has the row as it is. What is in the cache is therefore always the row as it is durably; between that
//! and the answer it may still be the row before, which is what a caller who has no answer yet may see.
//!
//! A listing is read from the database, which is first given what the log has.
//!
//! # Why reads wait for the disk where they are
//!
//! A read that misses the cache takes microseconds where the page is in memory, the system's or ours. Handing it to another
//! thread would cost more than that each time, and would make reads queue behind it. A page that has to come from the disk
//! holds up one worker thread for as long, as it would in any database that maps its file.

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

pub(super) struct Shared {
    /// Nothing while it is opened again. Readers are kept out only for as long as replacing takes.
    base: RwLock<Option<Base>>,
    pub(super) cache: RowCache,
    pub(super) pending: Pending,
    pub(super) queue: Queue,
    /// Writes that are durable in the log, and not in the database.
    pub(super) ahead: AtomicUsize,
}

/// What is to become of a row.
pub(super) enum Step {
    /// It stays as it is.
    Stay,
    /// It becomes this, or goes.
    Become(Option<Arc<Row>>),
}

/// Who was told what, once it is durable.
pub(super) type Told = oneshot::Receiver<Result<(), Failure>>;

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

    /// The database, which stays open for as long as the guard lives.
    pub(super) fn base(&self) -> RwLockReadGuard<'_, Option<Base>> {
        self.base.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `base` in the place of the one that is open, which is closed.
    pub(super) fn replace_base(&self, base: Option<Base>) {
        let mut current = self.base.write().unwrap_or_else(PoisonError::into_inner);
        // A database that panicked may do so again as it is closed.
        let before = std::mem::replace(&mut *current, base);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(before)));
    }

    /// From now on rows are read as they are after the transaction that was just made.
    pub(super) fn set_rows(&self, rows: Rows) {
        let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = &mut *base {
            base.set_rows(rows);
        }
    }

    /// Reads from the database. Where the database panics over what it finds, that is an error like any other; where it can
    /// no longer be used, the writer is asked to open it again.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Base) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let guard = self.base();
        let base = guard.as_ref().ok_or_else(closed)?;
        let answer = catch_unwind(AssertUnwindSafe(|| read(base)));
        let usable = match &answer {
            Ok(Err(error)) => error.kind() != StoreErrorKind::Unavailable,
            Ok(Ok(_)) => true,
            Err(_) => catch_unwind(AssertUnwindSafe(|| can_be_read(&base.database))).unwrap_or(false),
        };
        if !usable {
            self.queue.ask_to_reopen();
        }
        answer.unwrap_or_else(|_| Err(unreadable()))
    }

    /// The row as it is in the database, by its key there.
    fn in_file(&self, place: &[u8]) -> Result<Option<Arc<Row>>, StoreError> {
        self.read(|base| {
            let value = base.rows().get(place).map_err(read_error)?;
            value.map(|value| decode(place, value.value()).map(Arc::new)).transpose()
        })
    }

    /// The row as it is in the database; or as the log has it, if it came there meanwhile.
    fn in_file_or_since(&self, key: Key<'_>) -> Result<Option<Arc<Row>>, StoreError> {
        let row = self.in_file(&row_key(key))?;
        Ok(self.pending.lock(key).durable(key).unwrap_or(row))
    }

    /// The row, from the cache or from the file; then it is in the cache.
    pub(super) fn get(&self, key: Key<'_>) -> Result<Option<Arc<Row>>, StoreError> {
        if let Some(row) = self.cache.get(key) {
            return Ok(Some(row));
        }
        let pending = self.pending.lock(key);
        if let Some(row) = pending.durable(key) {
            return Ok(row);
        }
        if pending.ahead(key).is_some() {
            // What is queued does not count yet.
            drop(pending);
            return self.in_file_or_since(key);
        }
        // Another reader may have been here.
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

    /// Decides what becomes of a row, from what it is, and queues that. Returns what `decide` returned, and whom to wait for
    /// before it may be told.
    pub(super) fn decide<T>(
        &self,
        key: Key<'_>,
        room: SemaphorePermit<'_>,
        decide: impl FnOnce(Option<&Arc<Row>>) -> (T, Step),
    ) -> Result<(T, Option<Told>), StoreError> {
        let place = row_key(key);
        let mut pending = self.pending.lock(key);
        let ahead = pending.ahead(key);
        let in_flight = ahead.as_ref().is_some_and(|ahead| ahead.queued);
        let before = match ahead {
            Some(ahead) => ahead.row,
            None => match self.cache.get(key) {
                Some(row) => Some(row),
                None => self.in_file(&place)?,
            },
        };
        let (value, step) = decide(before.as_ref());
        let (answer, told) = oneshot::channel();
        match step {
            Step::Stay if !in_flight => return Ok((value, None)),
            // What the answer rests on must be durable before it is given.
            Step::Stay => self.queue.push(Operation { until: Until::Durable, answer }, room)?,
            Step::Become(after) => {
                if let Some(row) = &after {
                    check(key, row)?;
                }
                let key = OwnedKey::from(key);
                let write =
                    Write { key: key.clone(), place, before: Before::Was(before), after: after.clone() };
                self.queue.push(Operation { until: Until::Written(write), answer }, room)?;
                pending.queued(key, after);
            }
        }
        Ok((value, Some(told)))
    }

    /// As [`decide`](Self::decide), and waits until the answer may be told.
    pub(super) async fn change<T>(
        &self,
        key: Key<'_>,
        decide: impl FnOnce(Option<&Arc<Row>>) -> (T, Step),
    ) -> Result<T, StoreError> {
        let room = self.queue.room_for(1).await?;
        let (value, told) = self.decide(key, room, decide)?;
        if let Some(told) = told {
            wait(told).await?;
        }
        Ok(value)
    }
}

impl Shared {
    /// As [`read`](Self::read), from a database that has all that was answered before.
    pub(super) async fn read_all<T>(
        &self,
        read: impl FnOnce(&Base) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.ahead.load(Ordering::Acquire) > 0 && self.base().is_some() {
            let room = self.queue.room_for(1).await?;
            let (answer, told) = oneshot::channel();
            self.queue.push(Operation { until: Until::InDatabase, answer }, room)?;
            wait(told).await?;
        }
        self.read(read)
    }
}

/// Waits until an operation is durable, or has failed.
pub(super) async fn wait(told: Told) -> Result<(), StoreError> {
    match told.await {
        Ok(answer) => answer.map_err(StoreError::from),
        Err(_) => Err(Failure::unknown("the store stopped before it answered").into()),
    }
}

/// Whether the database can be used at all.
fn can_be_read(database: &Database) -> bool {
    let settings = || -> Result<bool, redb::Error> {
        Ok(database.begin_read()?.open_table(SETTINGS)?.get("format")?.is_some())
    };
    settings().unwrap_or(false)
}
