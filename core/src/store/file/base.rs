//! The database, ready to be read.

use redb::{AccessGuard, Database, ReadOnlyTable, ReadableDatabase, StorageError};

use super::layout::{ROWS, is_of, kind_end};
use crate::store::Kind;

/// All rows as of one transaction.
pub(super) struct Rows {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// Behind this key there is no grant. The ids of grants rise with time, so a new one is there, and the database need
    /// not be searched for what it does not have.
    last_grant: Vec<u8>,
}

impl Rows {
    fn newest(database: &Database) -> Result<Self, redb::Error> {
        let table = database.begin_read()?.open_table(ROWS)?;
        let last = table.range(..&*kind_end(Kind::Grant))?.next_back().transpose()?;
        let last_grant = last.map_or_else(Vec::new, |(key, _)| key.value().to_vec());
        Ok(Self { table, last_grant })
    }

    /// What is under a key.
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

/// A database and its rows as they are after its last transaction. Beginning a transaction for each row that is read would
/// take longer than the reading.
pub(super) struct Base {
    // Dropped before the database is.
    rows: Rows,
    pub(super) database: Database,
}

impl Base {
    pub(super) fn new(database: Database) -> Result<Self, redb::Error> {
        Ok(Self { rows: Rows::newest(&database)?, database })
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The rows as they are now: to be given to [`set_rows`](Self::set_rows) after each transaction.
    pub(super) fn newest_rows(&self) -> Result<Rows, redb::Error> {
        Rows::newest(&self.database)
    }

    pub(super) fn set_rows(&mut self, rows: Rows) {
        self.rows = rows;
    }
}
