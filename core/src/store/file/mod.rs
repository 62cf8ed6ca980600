//! The embedded store: one durable file, owned by one process.
//!
//! A write is answered once it is on the disk. Writers do not wait in line for it: one thread takes all that callers have
//! queued and writes it to a log at once, so callers who write at the same time share one sync. The database in the file
//! takes what is in the log later, thousands of rows at a time. Reads come from a bounded cache, which is exact as no other
//! process can change the file, and otherwise from what the log has and the database has not, or from the database.
//!
//! The log is in two files beside the store's own, `.log1` and `.log2` behind its name. They go when the store is closed;
//! when it was not, they are needed: whoever moves the file then moves all three.
//!
//! An error of the disk is answered as such to everyone who waited, and the file is opened again; the store goes on as soon
//! as that succeeds.
//!
#![doc = include_str!("format.md")]

mod applier;
mod base;
mod cache;
mod deferred_writes;
mod error;
mod journal;
mod layout;
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
use self::error::{closed, unreadable};
use self::open::{Opened, Place};
use self::shared::{Shared, Step, wait};
use self::writer::Writer;
use super::{Backend, Change, Key, Kind, OpenError, Page, Query, Row, StoreFuture, Updated};
use crate::env::Timestamp;

/// How much memory a [`FileStore`] may use.
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
    /// The most memory that rows are kept in, in bytes; 96 MiB by default, which is about 70,000 grants. It is taken as rows
    /// are read and written, not in advance. Rows that are in the log alone are kept besides: those of some 8 MiB of log
    /// while much is written, and of up to 32 MiB where the disk is slow.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The most memory that pages of the file are kept in, in bytes; 32 MiB by default. It is taken as they are read, not in
    /// advance.
    #[must_use]
    pub fn page_cache_bytes(mut self, bytes: usize) -> Self {
        self.page_cache_bytes = bytes;
        self
    }

    /// Opens the file at `path`. Where there is none, or an empty one, it is made; on Unix only its owner may read a file
    /// that is made.
    ///
    /// # Errors
    /// [`OpenError`] where the file cannot be read, written or made, is in use by another process, is damaged, was written
    /// by a newer version, or is something else. It is then left as it is.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<FileStore, OpenError> {
        let path = path.as_ref().to_owned();
        if path.as_os_str().is_empty() {
            return Err(OpenError::bad_url("file:", "names no file: use file:PATH"));
        }
        let place = Place { path: path.clone(), page_cache_bytes: self.page_cache_bytes };
        let again = place.clone();
        FileStore::start(path, self.cache_bytes, move || place.open_or_create(), move || again.open()).await
    }
}

/// Rows in one durable file.
///
/// Dropping it waits until the file is closed, which takes milliseconds; nothing that was answered depends on it.
pub struct FileStore {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl FileStore {
    /// Opens the file at `path` with the default [`FileOptions`].
    ///
    /// # Errors
    /// As [`FileOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        FileOptions::default().open(path).await
    }

    /// Starts the writer, which opens the database: off the async threads, as a large file may have to be checked.
    async fn start(
        path: PathBuf,
        cache_bytes: usize,
        open: impl FnOnce() -> Result<Opened, OpenError> + Send + 'static,
        open_again: impl Fn() -> Result<Opened, OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let place = format!("file:{}", path.display());
        let failed = move |reason: String| OpenError::cannot_open(place.clone(), reason);
        let (opened, is_open) = oneshot::channel();
        let no_thread = {
            let failed = failed.clone();
            move |error| failed(format!("no thread to write it: {error}"))
        };
        let work = move || {
            let begun = open().and_then(|Opened { base, journal, recovered, wait }| {
                let shared = Arc::new(Shared::new(base, cache_bytes));
                let generation = journal.generation() - 1;
                for write in &recovered {
                    shared.pending.recovered(write.key.clone(), write.after.clone(), generation);
                }
                shared.ahead.store(recovered.len(), Ordering::Release);
                let applier = Applier::start(Arc::clone(&shared)).map_err(&no_thread)?;
                Ok((
                    Writer::new(Arc::clone(&shared), Box::new(open_again), journal, applier),
                    shared,
                    recovered,
                    wait,
                ))
            });
            match begun {
                Ok((writer, shared, recovered, wait)) => {
                    if opened.send(Ok(shared)).is_ok() {
                        writer.run(recovered, wait);
                    }
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            }
        };
        let writer = thread::Builder::new().name("gridauth-store".to_owned()).spawn(work);
        let writer = writer.map_err(|error| failed(format!("no thread to write it: {error}")))?;
        match is_open.await {
            Ok(shared) => Ok(Self { shared: shared?, writer: Some(writer) }),
            Err(_) => Err(failed("the thread that opens it died".to_owned())),
        }
    }
}

/// Rows that a sweep looks for at a time.
const SWEEP: usize = 1024;
/// Rows of these that it decides on in one go: few enough to leave others room in the queue.
const STEP: usize = 256;
/// Steps of a sweep in a row that find nothing to do where the index says there is.
const MOST_FRUITLESS: usize = 100;

impl Backend for FileStore {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        StoreFuture::ready(self.shared.get(key))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.shared.change(key, |before| match before {
            Some(_) => (false, Step::Stay),
            None => (true, Step::Become(Some(Arc::new(row)))),
        }))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        StoreFuture::new(self.shared.change(key, |_| ((), Step::Become(Some(Arc::new(row))))))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        StoreFuture::new(self.shared.change(key, |before| {
            let Some(row) = before else { return (Updated::Missing, Step::Stay) };
            match decide(row) {
                Change::Keep => (Updated::Kept, Step::Stay),
                Change::Replace(row) => (Updated::Replaced, Step::Become(Some(Arc::new(row)))),
                Change::Remove => (Updated::Removed, Step::Become(None)),
            }
        }))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.shared.change(key, |before| match before {
            Some(_) => (true, Step::Become(None)),
            None => (false, Step::Stay),
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
                        // Looks again: it may have been prolonged or swept since.
                        let look = |before: Option<&Arc<Row>>| match before.and_then(|row| row.expires()) {
                            Some(expires) if expires <= now => (true, Step::Become(None)),
                            _ => (false, Step::Stay),
                        };
                        let (expired, told) = self.shared.decide(Key::new(kind, id), room, look)?;
                        removed += usize::from(expired);
                        waiting.extend(told);
                    }
                }
                // Each row was prolonged just now, which does not go on for ever; an entry of a row that is not there would.
                fruitless = if waiting.is_empty() { fruitless + 1 } else { 0 };
                if fruitless == MOST_FRUITLESS {
                    return Err(unreadable());
                }
                for told in waiting {
                    wait(told).await?;
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
