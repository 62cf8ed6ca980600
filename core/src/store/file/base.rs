//! The open database.

use redb::{AccessGuard, Database, ReadOnlyTable, ReadableDatabase, StorageError};

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
    pub(super) database: Database,
}

impl Base {
    /// Starts reading from `database`.
    pub(super) fn new(database: Database) -> Result<Self, redb::Error> {
        Ok(Self { rows: Rows::newest(&database)?, database })
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
