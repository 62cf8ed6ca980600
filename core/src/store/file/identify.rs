//! Finding out what a file is.

use redb::{
    Database, Key, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError,
    TableError, Value,
};
use uuid::Uuid;

use super::database_file::DatabaseFile;
use super::deferred_writes::Start;
use super::layout::{
    APPLICATION, APPLIED, BY_CLIENT, BY_EXPIRY, BY_USER, FORMAT, LOG, ROWS, SETTINGS, STORE,
};
use super::log::{Checkpoint, LogState, Owner};
use crate::store::OpenError;

/// What a database contains.
pub(super) enum Found {
    /// A store that this version can read.
    Store {
        owner: Owner,
        /// No row was ever written.
        new: bool,
    },
    /// Nothing: no transaction was ever committed.
    Nothing,
}

/// The start of every redb file.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// redb's two commit slots (redb's design, "Commit slot"), as they are before the first commit: version 3, no roots,
/// transaction 0, and the checksum of that.
const SLOTS: [usize; 2] = [64, 192];
const UNUSED_SLOT: [u8; 128] = {
    let mut slot = [0; 128];
    slot[0] = 3;
    let checksum = [26, 106, 181, 239, 97, 209, 128, 141, 7, 44, 3, 147, 134, 251, 188, 63];
    let mut at = 0;
    while at < checksum.len() {
        slot[112 + at] = checksum[at];
        at += 1;
    }
    slot
};

/// Whether nothing was ever committed to a file with this start. Damage cannot make a store look like this: both of its slots
/// would have to be overwritten.
fn is_unused(start: &Start) -> bool {
    let unused = |slot: &usize| start.bytes.get(*slot..slot + UNUSED_SLOT.len()) == Some(&UNUSED_SLOT);
    start.length == 0 || start.bytes.starts_with(&MAGIC) && SLOTS.iter().all(unused)
}

impl DatabaseFile {
    /// Checks that a file with this start can be a store: it is empty, or a redb database that is not truncated.
    pub(super) fn check_start(&self, start: &Start) -> Result<(), OpenError> {
        if start.length == 0 {
            return Ok(());
        }
        if !start.bytes.starts_with(&MAGIC) {
            return Err(self.foreign());
        }
        if expected_length(&start.bytes).is_none_or(|expected| start.length < expected) {
            return Err(self.damaged("its end is missing"));
        }
        Ok(())
    }

    /// Checks that the database is a store which this version can read, or that nothing was ever committed to it.
    pub(super) fn identify(&self, database: &Database, start: Option<&Start>) -> Result<Found, OpenError> {
        let storage = |error: StorageError| self.damaged(error);
        let transaction = database.begin_read().map_err(|error| self.damaged(error))?;
        let tables = transaction.list_tables().map_err(storage)?.count();
        let multimap_tables = transaction.list_multimap_tables().map_err(storage)?.count();
        if tables + multimap_tables == 0 {
            return match start {
                Some(start) if is_unused(start) => Ok(Found::Nothing),
                _ => Err(self.error(
                    "there is no store in it: it is damaged, or setting it up was interrupted; if it never held a store, \
                     replace it with an empty file",
                )),
            };
        }
        let settings = transaction.open_table(SETTINGS).map_err(|error| match error {
            TableError::Storage(error) => self.damaged(error),
            _ => self.foreign(),
        })?;
        let setting = |name: &str| -> Result<Option<String>, OpenError> {
            Ok(settings.get(name).map_err(storage)?.map(|value| value.value().to_owned()))
        };
        if setting("application")?.as_deref() != Some(APPLICATION) {
            return Err(self.foreign());
        }
        let format = setting("format")?.unwrap_or_default();
        match format.parse::<u32>() {
            Ok(FORMAT) => {}
            Ok(newer) if newer > FORMAT => {
                return Err(self.error(format!(
                    "it was written by a newer gridauth: its format is {newer}, and this version reads {FORMAT}"
                )));
            }
            _ => return Err(self.damaged("the setting `format` is missing")),
        }
        let store = setting(STORE)?.and_then(|store| Uuid::try_parse(&store).ok());
        let store = store.ok_or_else(|| self.damaged("the setting `store` is missing"))?.into_bytes();
        let applied = setting(APPLIED)?.and_then(|applied| applied.parse().ok());
        let applied = applied.ok_or_else(|| self.damaged("the setting `applied` is missing"))?;
        let log = setting(LOG)?.and_then(|log| log.parse().ok());
        let log = log.ok_or_else(|| self.damaged("the setting `log` is missing"))?;
        let rows = transaction.open_table(ROWS).map_err(|error| self.damaged(error))?;
        let new =
            applied == Checkpoint::START && log == LogState::None && rows.is_empty().map_err(storage)?;
        let mut lost_entries = lost_entries(&rows).map_err(storage)?;
        for index in [BY_USER, BY_CLIENT, BY_EXPIRY] {
            let index = transaction.open_table(index).map_err(|error| self.damaged(error))?;
            lost_entries |= self::lost_entries(&index).map_err(storage)?;
        }
        if lost_entries {
            return Err(self.damaged("a table has lost its entries"));
        }
        Ok(Found::Store { owner: Owner { store, log, applied }, new })
    }
}

/// Whether the table looks empty although it is not: its root page is damaged. The number of entries is stored elsewhere.
fn lost_entries<K: Key, V: Value>(table: &ReadOnlyTable<K, V>) -> Result<bool, StorageError> {
    Ok(!table.is_empty()? && table.first()?.is_none())
}

/// The least length of a redb file that starts like this (redb's design, "Header"): the page of the header, then regions,
/// each with header pages of its own. redb extends a file before the header says so, and truncates it after; a file that
/// is shorter than its header says was cut off, even if all pages in use happen to be there.
fn expected_length(start: &[u8]) -> Option<u64> {
    let number = |at: usize| Some(u64::from(u32::from_le_bytes(start.get(at..at + 4)?.try_into().ok()?)));
    let (page, region_header, region_data) = (number(12)?, number(16)?, number(20)?);
    let (full_regions, trailing_data) = (number(24)?, number(28)?);
    let trailing = if trailing_data > 0 { region_header + trailing_data } else { 0 };
    let pages =
        full_regions.checked_mul(region_header + region_data)?.checked_add(trailing)?.checked_add(1)?;
    pages.checked_mul(page)
}
