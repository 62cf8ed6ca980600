//! Applying the log's records to the database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::{Database, ReadableTable, Table};

use super::base::{Base, Rows};
use super::error::Failure;
use super::layout::{
    APPLIED, BY_CLIENT, BY_EXPIRY, BY_USER, LOG, ROWS, SETTINGS, decode, encode, expiry_prefix, name_prefix,
    with_id_of,
};
use super::log::{Checkpoint, LogState};
use super::queue::{Before, Write};
use crate::store::{Kind, Row};

/// The net change of one row in a transaction.
struct Change<'a> {
    kind: Kind,
    /// The key in `rows`.
    table_key: &'a [u8],
    before: Option<Arc<Row>>,
    after: Option<Arc<Row>>,
}

/// Applies `writes`, which are all of the log's records up to `checkpoint`, in one durable transaction, which also records
/// `log`, if given. Returns the rows afterwards. Applying the same writes again has no effect.
///
/// The transaction also saves the list of free pages, so opening the file after a crash needs no scan of it.
pub(super) fn apply(
    base: &Base,
    writes: &[Write],
    checkpoint: Checkpoint,
    log: Option<LogState>,
) -> Result<Rows, Failure> {
    let failure = |reason: &dyn std::fmt::Display| {
        Failure::not_done(format!("cannot write the store's file: {reason}"))
    };
    let database = base.writable()?;
    let apply = || {
        transact(database, writes, checkpoint, log)?;
        base.newest_rows()
    };
    match catch_unwind(AssertUnwindSafe(apply)) {
        Ok(done) => done.map_err(|error| failure(&error)),
        Err(_) => Err(failure(&"it is damaged")),
    }
}

fn transact(
    database: &Database,
    writes: &[Write],
    checkpoint: Checkpoint,
    log: Option<LogState>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        // One table at a time: redb aborts the process if it panics, on damage, while it opens a table and another is open.
        let mut rows = transaction.open_table(ROWS)?;
        let changes = merge(writes, &rows)?;
        for Change { table_key, before, after, .. } in &changes {
            match after {
                Some(row) => {
                    rows.insert(*table_key, &*encode(table_key, row))?;
                }
                None if before.is_some() => {
                    rows.remove(*table_key)?;
                }
                None => {}
            }
        }
        drop(rows);
        index(&mut transaction.open_table(BY_USER)?, &changes, |kind, row| {
            Some(name_prefix(kind, row.user()?))
        })?;
        index(&mut transaction.open_table(BY_CLIENT)?, &changes, |kind, row| {
            Some(name_prefix(kind, row.client()?))
        })?;
        index(&mut transaction.open_table(BY_EXPIRY)?, &changes, |kind, row| {
            Some(expiry_prefix(kind, row.expires()?))
        })?;
        let mut settings = transaction.open_table(SETTINGS)?;
        settings.insert(APPLIED, &*checkpoint.to_string())?;
        if let Some(log) = log {
            settings.insert(LOG, &*log.to_string())?;
        }
    }
    Ok(transaction.commit()?)
}

/// Durably records what the database has to know about its log.
pub(super) fn record_log_state(base: &Base, log: LogState) -> Result<(), Failure> {
    let database = base.writable()?;
    let record = || -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.open_table(SETTINGS)?.insert(LOG, &*log.to_string())?;
        Ok(transaction.commit()?)
    };
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::not_done(format!("cannot write the store's file: {reason}"))
    };
    match catch_unwind(AssertUnwindSafe(record)) {
        Ok(recorded) => recorded.map_err(|error| failed(&error)),
        Err(_) => Err(failed(&"it is damaged")),
    }
}

/// Merges `writes` into one change per row, sorted by key, so that each page is changed once, in order.
fn merge<'a>(
    writes: &'a [Write],
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Vec<Change<'a>>, redb::Error> {
    let mut writes: Vec<_> = writes.iter().collect();
    // Stable: writes of one row stay in their order.
    writes.sort_by(|one, other| one.table_key.cmp(&other.table_key));
    let mut changes: Vec<Change<'_>> = Vec::with_capacity(writes.len());
    for Write { key, table_key, before, after } in writes {
        match changes.last_mut() {
            Some(change) if change.table_key == table_key => change.after.clone_from(after),
            _ => {
                let before = match before {
                    Before::Known(row) => row.clone(),
                    // A damaged row is replaced as if it were missing.
                    Before::Unknown => {
                        let value = rows.get(&**table_key)?;
                        value.and_then(|value| decode(table_key, value.value()).ok()).map(Arc::new)
                    }
                };
                changes.push(Change { kind: key.kind, table_key, before, after: after.clone() });
            }
        }
    }
    Ok(changes)
}

/// Updates an index for `changes`; `prefix` gives the part of a row's entry before the id.
fn index(
    table: &mut Table<'_, &[u8], ()>,
    changes: &[Change<'_>],
    prefix: impl Fn(Kind, &Row) -> Option<Vec<u8>>,
) -> Result<(), redb::Error> {
    let mut entries = Vec::new();
    for Change { kind, table_key, before, after } in changes {
        let entry = |row: &Option<Arc<Row>>| {
            let prefix = prefix(*kind, row.as_ref()?)?;
            Some(with_id_of(prefix, table_key))
        };
        let (before, after) = (entry(before), entry(after));
        if before != after {
            entries.extend(before.map(|entry| (entry, false)));
            entries.extend(after.map(|entry| (entry, true)));
        }
    }
    entries.sort();
    for (entry, add) in entries {
        if add {
            table.insert(&*entry, ())?;
        } else {
            table.remove(&*entry)?;
        }
    }
    Ok(())
}
