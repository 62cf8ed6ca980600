//! A copy of the store as it is at one moment, made while it serves.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, Value,
};

use super::FileStore;
use super::create::{Unfinished, create_new};
use super::database_file::DatabaseFile;
use super::directory::sync_entry;
use super::error::{read_error, unreadable};
use super::layout::{BY_CLIENT, BY_EXPIRY, BY_USER, ROWS, decode};
use super::options::FileOptions;
use crate::store::{OpenError, StoreError, StoreErrorKind};

/// How many rows one transaction takes over.
const STEP: usize = 10_000;

impl FileStore {
    /// Writes the store, as it is now, to a new file that is a store of its own. The store goes on serving meanwhile; what is written
    /// after the call has begun may be missing in the snapshot, and is there completely or not at all. Every row's checksum is checked
    /// on the way. On Unix, only its owner can read the file.
    ///
    /// The new file appears under its name once it is complete and on the disk.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if there is a file with this name, which stays as it is; [`StoreErrorKind::Corrupt`] if a row is
    /// damaged; others if the file cannot be written.
    pub(super) async fn write_snapshot(&self, path: &Path) -> Result<(), StoreError> {
        let path = path.to_owned();
        if path.as_os_str().is_empty() {
            return Err(StoreError::new(StoreErrorKind::Refused, "the path of the snapshot is missing"));
        }
        let begin = |base: &super::base::Base| base.database().begin_read().map_err(read_error);
        let now = self.shared.read_all(begin).await?;
        let written = tokio::task::spawn_blocking(move || {
            let write = AssertUnwindSafe(|| write(&now, path));
            // redb may panic on damage.
            catch_unwind(write).unwrap_or_else(|_| Err(unreadable()))
        });
        written.await.map_err(|_| StoreError::internal("the writing of the snapshot did not finish"))?
    }
}

fn write(now: &ReadTransaction, path: PathBuf) -> Result<(), StoreError> {
    let options = FileOptions::default();
    let file = DatabaseFile {
        path,
        page_cache_bytes: options.page_cache_bytes,
        wait: options.wait,
        accept_lost_log: false,
    };
    // Before the work, for whoever has mistaken the name. The link decides.
    if fs::symlink_metadata(&file.path).is_ok() {
        return Err(exists(&file));
    }
    let new = file.unfinished().map_err(failed)?;
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => failed(file.error("its directory does not exist")),
        _ => failed(file.io_error("it cannot be created", error)),
    };
    let created = create_new(new.path()).map_err(cannot)?;
    let database = FileBackend::new(created).and_then(|created| file.open_backend(created));
    let database = database.map_err(|error| failed(file.database_error(error)))?;
    file.set_up(&database).map_err(failed)?;
    take_over(&database, now, ROWS, |key, value| decode(key, value).map(drop))?;
    for index in [BY_USER, BY_CLIENT, BY_EXPIRY] {
        take_over(&database, now, index, |_, ()| Ok(()))?;
    }
    database.close().map_err(|error| failed(file.database_error(error)))?;
    publish(&new, &file)?;
    sync_entry(&file.path).map_err(|error| failed(file.io_error("its directory cannot be synced", error)))
}

/// Gives the complete file its name, if nothing else has it.
fn publish(new: &Unfinished, file: &DatabaseFile) -> Result<(), StoreError> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(file),
        _ => failed(file.io_error("it cannot be created", error)),
    };
    match fs::hard_link(new.path(), &file.path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(cannot(error)),
        Ok(()) => Ok(()),
        // A file system without hard links: an empty file takes the name, and gives way to the complete one.
        Err(_) => {
            create_new(&file.path).map_err(cannot)?;
            fs::rename(new.path(), &file.path).map_err(cannot)
        }
    }
}

/// Copies a table, some thousands of entries at a time.
fn take_over<V: Value + 'static>(
    database: &Database,
    now: &ReadTransaction,
    table: TableDefinition<'static, &'static [u8], V>,
    check: impl for<'v> Fn(&[u8], V::SelfType<'v>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let source = now.open_table(table).map_err(read_error)?;
    let mut entries = source.iter().map_err(read_error)?.peekable();
    while entries.peek().is_some() {
        let mut transaction = database.begin_write().map_err(write_error)?;
        transaction.set_quick_repair(true);
        let mut target = transaction.open_table(table).map_err(write_error)?;
        for entry in entries.by_ref().take(STEP) {
            let (key, value) = entry.map_err(read_error)?;
            check(key.value(), value.value())?;
            target.insert(key.value(), value.value()).map_err(write_error)?;
        }
        drop(target);
        transaction.commit().map_err(write_error)?;
    }
    let copied = database.begin_read().map_err(write_error)?.open_table(table).map_err(write_error)?;
    let is_complete = copied.len().map_err(write_error)? == source.len().map_err(read_error)?;
    if is_complete { Ok(()) } else { Err(unreadable()) }
}

fn exists(file: &DatabaseFile) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, file.error("there is a file already, which stays").to_string())
}

fn failed(error: OpenError) -> StoreError {
    StoreError::internal(error.to_string()).with_source(error)
}

fn write_error(error: impl Into<redb::Error>) -> StoreError {
    let error = error.into();
    StoreError::internal(format!("the snapshot cannot be written: {error}")).with_source(error)
}
