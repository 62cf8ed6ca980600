//! The database, ready to be read.

use redb::{Database, ReadOnlyTable, ReadableDatabase};

use super::layout::ROWS;

/// All rows as of one transaction.
pub(super) type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// A database and its rows as they are after its last transaction. Beginning a transaction for each row that is read would
/// take longer than the reading.
pub(super) struct Base {
    // Dropped before the database is.
    rows: Rows,
    pub(super) database: Database,
}

impl Base {
    pub(super) fn new(database: Database) -> Result<Self, redb::Error> {
        Ok(Self { rows: newest(&database)?, database })
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The rows as they are now: to be given to [`set_rows`](Self::set_rows) after each transaction.
    pub(super) fn newest_rows(&self) -> Result<Rows, redb::Error> {
        newest(&self.database)
    }

    pub(super) fn set_rows(&mut self, rows: Rows) {
        self.rows = rows;
    }
}

fn newest(database: &Database) -> Result<Rows, redb::Error> {
    Ok(database.begin_read()?.open_table(ROWS)?)
}
