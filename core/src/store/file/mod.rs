//! The embedded store: one durable file, owned by one process.
//!
//! A write is answered once it is on the disk. One thread takes all queued writes and appends them to a log at once, so
//! concurrent callers share one sync. The database in the file applies the log later, thousands of rows at a time. Reads come
//! from a bounded cache, which is never stale because no other process can change the file, then from the part of the log
//! that the database has not applied yet, then from the database.
//!
//! The log is in two files beside the database, with `.log1` and `.log2` appended to its name. They are created by the first
//! write and removed on a clean shutdown. After a crash they are part of the store: move all three files together. The database
//! knows its log, and is not opened without it.
//!
//! A disk error is returned to the callers whose writes it hit. Reads go on, and writes succeed again as soon as the disk lets
//! them.
//!
#![doc = include_str!("format.md")]

mod applier;
mod base;
mod cache;
mod create;
mod database_file;
mod deferred_writes;
mod directory;
mod error;
mod identify;
mod layout;
mod locked_file;
mod log;
mod open;
mod open_files;
mod options;
mod pace;
mod pages;
mod pending;
mod queue;
mod shared;
mod snapshot;
#[cfg(test)]
mod tests;
mod transaction;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

pub use self::options::FileOptions;

use self::applier::Applier;
use self::database_file::DatabaseFile;
use self::error::{closed, unreadable};
use self::open::Opened;
use self::shared::{Decision, Shared, wait};
use self::writer::Writer;
use super::{Backend, Change, Key, Kind, OpenError, Page, Query, Row, StoreFuture, Updated};
use crate::env::Timestamp;

impl FileOptions {
    /// Opens the file at `path`. Creates a store if there is no file or an empty one. On Unix, only its owner can read a file
    /// that is created here.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be read, written or created, is still in use by another process after the
    /// [wait](Self::wait), is damaged, was written by a newer version, or is not a store. The file is then not changed. Nor is
    /// it if its log is missing, damaged or not its own.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<FileStore, OpenError> {
        let path = path.as_ref().to_owned();
        if path.as_os_str().is_empty() {
            return Err(OpenError::bad_url("file:", "the path is missing: use file:PATH"));
        }
        let file = DatabaseFile {
            path: path.clone(),
            page_cache_bytes: self.page_cache_bytes,
            wait: self.wait,
            accept_lost_log: self.accept_lost_log,
        };
        FileStore::start(path, self.cache_bytes, move |given_up| file.open_or_create(given_up)).await
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

    /// Opens the store of the URL `file:` and `rest`.
    pub(crate) async fn open_url(rest: &str) -> Result<Self, OpenError> {
        let (options, path) = FileOptions::of_url(rest)?;
        options.open(path).await
    }

    /// Starts the writer's thread, which opens the database by `open`, since that may take long. `open` is given a function
    /// that tells whether the caller has given up.
    async fn start(
        path: PathBuf,
        cache_bytes: usize,
        open: impl FnOnce(&dyn Fn() -> bool) -> Result<Opened, OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let url = format!("file:{}", path.display());
        let failed = move |reason: String| OpenError::cannot_open(url.clone(), reason);
        let (opened, is_open) = oneshot::channel();
        let no_thread = {
            let failed = failed.clone();
            move |error| failed(format!("cannot start a thread: {error}"))
        };
        let work = move || {
            let given_up = || opened.is_closed();
            let started = open(&given_up).and_then(|Opened { base, log, recovered, applied, reopen }| {
                let shared = Arc::new(Shared::new(base, cache_bytes));
                for write in &recovered.records {
                    shared.pending.recovered(write.key.clone(), write.after.clone(), recovered.checkpoint);
                }
                shared.ahead.store(recovered.records.len(), Ordering::Release);
                let applier = Applier::start(Arc::clone(&shared)).map_err(&no_thread)?;
                let writer = Writer::new(Arc::clone(&shared), reopen, log, applied, applier);
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
    fn name(&self) -> &str {
        "file"
    }

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
            async move { self.shared.read_all(|base| pages::page(base.database(), &query)).await },
        )
    }

    fn snapshot<'a>(&'a self, path: &'a Path) -> StoreFuture<'a, ()> {
        StoreFuture::new(self.write_snapshot(path))
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
                    self.shared.read_all(|base| pages::expired_ids(base.database(), kind, now, most)).await?;
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
