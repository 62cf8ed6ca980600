//! The open database.

use std::io;

use redb::{AccessGuard, Database, ReadOnlyTable, ReadableDatabase, StorageBackend, StorageError};

use super::deferred_writes::DeferredWrites;
use super::error::Failure;
use super::layout::{ROWS, is_of, kind_end};
use crate::store::Kind;

/// The table of rows as of one transaction.
pub(super) struct Rows {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// The last grant's key. New grants sort after it because their ids rise with time, so whether one exists can be
    /// answered without a search.
    last_grant: Vec<u8>,
}

impl Rows {
    fn newest(database: &Database) -> Result<Self, redb::Error> {
        let table = database.begin_read()?.open_table(ROWS)?;
        let last = table.range(..&*kind_end(Kind::Grant))?.next_back().transpose()?;
        let last_grant = last.map_or_else(Vec::new, |(key, _)| key.value().to_vec());
        Ok(Self { table, last_grant })
    }

    /// The value under a key.
    pub(super) fn get(
        &self,
        key: &[u8],
    ) -> Result<Option<AccessGuard<'static, &'static [u8]>>, StorageError> {
        if is_of(Kind::Grant, key) && *key > *self.last_grant {
            return Ok(None);
        }
        self.table.get(key)
    }
}

/// A database and its rows as of the latest transaction. A read transaction per row would cost more than the read.
pub(super) struct Base {
    // Declared first, so it is dropped before the database.
    rows: Rows,
    database: Database,
    /// Performs the writes that redb made when it opened the file.
    release: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl Base {
    /// Starts reading from `database`, which is in `file`.
    pub(super) fn new<B: StorageBackend>(
        database: Database,
        file: &DeferredWrites<B>,
    ) -> Result<Self, redb::Error> {
        let file = file.clone();
        let release = Box::new(move || file.release());
        Ok(Self { rows: Rows::newest(&database)?, database, release })
    }

    /// The database, for reading.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// The database, for writing. The file may be changed from here on.
    pub(super) fn writable(&self) -> Result<&Database, Failure> {
        match (self.release)() {
            Ok(()) => Ok(&self.database),
            Err(error) => Err(Failure::not_done(format!("cannot write the store's file: {error}"))),
        }
    }

    /// The rows as of the latest call of [`set_rows`](Self::set_rows).
    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The current rows, for [`set_rows`](Self::set_rows) after a transaction.
    pub(super) fn newest_rows(&self) -> Result<Rows, redb::Error> {
        Rows::newest(&self.database)
    }

    /// Makes [`rows`](Self::rows) return `rows`.
    pub(super) fn set_rows(&mut self, rows: Rows) {
        self.rows = rows;
    }
}
