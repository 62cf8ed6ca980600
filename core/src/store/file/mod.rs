//! The embedded store: one durable file, owned by one process.
//!
//! A write is answered once it is on the disk. One thread takes all queued writes and appends them to a log at once, so
//! concurrent callers share one sync. The database in the file applies the log later, thousands of rows at a time. Reads come
//! from a bounded cache, which is never stale because no other process can change the file, then from the part of the log
//! that the database has not applied yet, then from the database.
//!
//! The log is in two files beside the database, with `.log1` and `.log2` appended to its name. They are removed on a clean
//! shutdown. After a crash they are part of the store: move all three files together.
//!
//! A disk error is returned to all callers whose writes it hit. The file is then reopened, and the store continues as soon as
//! that succeeds.
//!
#![doc = include_str!("format.md")]

mod applier;
mod base;
mod cache;
mod create;
mod database_file;
mod deferred_writes;
mod error;
mod identify;
mod layout;
mod log;
mod open;
mod pages;
mod pending;
mod queue;
mod shared;
#[cfg(test)]
mod tests;
mod transaction;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use self::applier::Applier;
use self::database_file::DatabaseFile;
use self::error::{closed, unreadable};
use self::open::Opened;
use self::shared::{Decision, Shared, wait};
use self::writer::Writer;
use super::{Backend, Change, Key, Kind, OpenError, Page, Query, Row, StoreFuture, Updated};
use crate::env::Timestamp;

/// The memory limits of a [`FileStore`].
///
/// ```no_run
/// # async fn open() -> Result<(), gridauth::store::OpenError> {
/// use gridauth::Store;
/// use gridauth::store::file::FileOptions;
///
/// let store = Store::new(FileOptions::default().cache_bytes(256 << 20).open("auth.db").await?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct FileOptions {
    cache_bytes: usize,
    page_cache_bytes: usize,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { cache_bytes: 96 << 20, page_cache_bytes: 32 << 20 }
    }
}

impl FileOptions {
    /// The size limit of the row cache, in bytes; 96 MiB by default, enough for about 70,000 grants. The memory is allocated as
    /// rows are read and written. Rows that only the log has are kept in addition: those of about 8 MiB of log under load, and
    /// of up to 32 MiB on a slow disk.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The size limit of the cache of database pages, in bytes; 32 MiB by default. The memory is allocated as pages are read.
    #[must_use]
    pub fn page_cache_bytes(mut self, bytes: usize) -> Self {
        self.page_cache_bytes = bytes;
        self
    }

    /// Opens the file at `path`. Creates a store if there is no file or an empty one. On Unix, only its owner can read a file
    /// that is created here.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be read, written or created, is in use by another process, is damaged, was written by
    /// a newer version, or is not a store. The file is then not changed.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<FileStore, OpenError> {
        let path = path.as_ref().to_owned();
        if path.as_os_str().is_empty() {
            return Err(OpenError::bad_url("file:", "the path is missing: use file:PATH"));
        }
        let file = DatabaseFile { path: path.clone(), page_cache_bytes: self.page_cache_bytes };
        let reopened = file.clone();
        FileStore::start(path, self.cache_bytes, move || file.open_or_create(), move || reopened.open()).await
    }
}

/// A store in one durable file.
///
/// Dropping it waits until the file is closed, which takes milliseconds. Answered writes are durable without that.
pub struct FileStore {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl FileStore {
    /// Opens the file at `path` with the default [`FileOptions`].
    ///
    /// # Errors
    /// See [`FileOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        FileOptions::default().open(path).await
    }

    /// Starts the writer's thread, which opens the database, since checking a large file may take long.
    async fn start(
        path: PathBuf,
        cache_bytes: usize,
        open: impl FnOnce() -> Result<Opened, OpenError> + Send + 'static,
        reopen: impl Fn() -> Result<Opened, OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let url = format!("file:{}", path.display());
        let failed = move |reason: String| OpenError::cannot_open(url.clone(), reason);
        let (opened, is_open) = oneshot::channel();
        let no_thread = {
            let failed = failed.clone();
            move |error| failed(format!("cannot start a thread: {error}"))
        };
        let work = move || {
            let started = open().and_then(|Opened { base, log, recovered }| {
                let shared = Arc::new(Shared::new(base, cache_bytes));
                for write in &recovered.records {
                    shared.pending.recovered(write.key.clone(), write.after.clone(), recovered.checkpoint);
                }
                shared.ahead.store(recovered.records.len(), Ordering::Release);
                let applier = Applier::start(Arc::clone(&shared)).map_err(&no_thread)?;
                let writer = Writer::new(Arc::clone(&shared), Box::new(reopen), log, applier);
                Ok((writer, shared, recovered))
            });
            match started {
                Ok((writer, shared, recovered)) => {
                    if opened.send(Ok(shared)).is_ok() {
                        writer.run(recovered);
                    }
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            }
        };
        let writer = thread::Builder::new().name("gridauth-store".to_owned()).spawn(work);
        let writer = writer.map_err(|error| failed(format!("cannot start a thread: {error}")))?;
        match is_open.await {
            Ok(shared) => Ok(Self { shared: shared?, writer: Some(writer) }),
            Err(_) => Err(failed("the thread that opens it ended".to_owned())),
        }
    }
}

/// How many expired rows a sweep looks up at a time.
const SWEEP: usize = 1024;
/// How many of them it removes at a time: few enough to leave room for others in the queue.
const STEP: usize = 256;
/// A sweep fails after this many rounds in which the index listed rows and none was expired.
const MOST_FRUITLESS: usize = 100;

impl Backend for FileStore {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        StoreFuture::ready(self.shared.get(key))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.shared.change(key, |before| match before {
            Some(_) => (false, Decision::Keep),
            None => (true, Decision::Write(Some(Arc::new(row)))),
        }))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        StoreFuture::new(self.shared.change(key, |_| ((), Decision::Write(Some(Arc::new(row))))))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        StoreFuture::new(self.shared.change(key, |before| {
            let Some(row) = before else { return (Updated::Missing, Decision::Keep) };
            match decide(row) {
                Change::Keep => (Updated::Kept, Decision::Keep),
                Change::Replace(row) => (Updated::Replaced, Decision::Write(Some(Arc::new(row)))),
                Change::Remove => (Updated::Removed, Decision::Write(None)),
            }
        }))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.shared.change(key, |before| match before {
            Some(_) => (true, Decision::Write(None)),
            None => (false, Decision::Keep),
        }))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        StoreFuture::new(
            async move { self.shared.read_all(|base| pages::page(&base.database, &query)).await },
        )
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        StoreFuture::ready(if self.shared.base().is_some() { Ok(()) } else { Err(closed()) })
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let (mut removed, mut fruitless) = (0, 0);
            while removed < limit {
                let most = SWEEP.min(limit - removed);
                let ids =
                    self.shared.read_all(|base| pages::expired_ids(&base.database, kind, now, most)).await?;
                if ids.is_empty() {
                    break;
                }
                let mut waiting = Vec::with_capacity(ids.len());
                for ids in ids.chunks(STEP) {
                    let mut room = self.shared.queue.room_for(ids.len()).await?;
                    for id in ids {
                        let Some(room) = room.split(1) else { break };
                        // The row may have been extended or removed since it was listed.
                        let look = |before: Option<&Arc<Row>>| match before.and_then(|row| row.expires()) {
                            Some(expires) if expires <= now => (true, Decision::Write(None)),
                            _ => (false, Decision::Keep),
                        };
                        let (expired, outcome) = self.shared.decide(Key::new(kind, id), room, look)?;
                        removed += usize::from(expired);
                        waiting.extend(outcome);
                    }
                }
                // Rows that were extended just now are rare. An index entry without a row would make this loop endless.
                fruitless = if waiting.is_empty() { fruitless + 1 } else { 0 };
                if fruitless == MOST_FRUITLESS {
                    return Err(unreadable());
                }
                for outcome in waiting {
                    wait(outcome).await?;
                }
            }
            Ok(removed)
        })
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
