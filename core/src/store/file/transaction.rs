//! Giving the database what the log has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::{Database, ReadableTable, Table};

use super::cache::OwnedKey;
use super::error::Failure;
use super::layout::{
    APPLIED, BY_CLIENT, BY_EXPIRY, BY_USER, ROWS, SETTINGS, decode, encode, expiry_prefix, name_prefix,
    row_key, with_id,
};
use super::queue::{Before, Write};
use crate::store::Row;

/// What becomes of one row in a transaction.
struct Change<'a> {
    key: &'a OwnedKey,
    /// The key in `rows`.
    place: Vec<u8>,
    before: Option<Arc<Row>>,
    after: Option<Arc<Row>>,
}

/// Does `writes`, which are all of the log's generations up to `generation`, in one durable transaction.
///
/// It also saves which pages are free, so that the file need not be walked through when it is opened after a crash.
pub(super) fn apply(database: &Database, writes: &[Write], generation: u64) -> Result<(), Failure> {
    let failure = |reason: &dyn std::fmt::Display| {
        Failure::not_done(format!("the store's file could not be written: {reason}"))
    };
    match catch_unwind(AssertUnwindSafe(|| transact(database, writes, generation))) {
        Ok(done) => done.map_err(|error| failure(&error)),
        Err(_) => Err(failure(&"it is damaged")),
    }
}

fn transact(database: &Database, writes: &[Write], generation: u64) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let mut rows = transaction.open_table(ROWS)?;
        let changes = merge(writes, &rows)?;
        for Change { place, before, after, .. } in &changes {
            match after {
                Some(row) => {
                    rows.insert(&**place, &*encode(place, row))?;
                }
                None if before.is_some() => {
                    rows.remove(&**place)?;
                }
                None => {}
            }
        }
        let name = |key: &OwnedKey, name: &str| with_id(name_prefix(key.kind, name), &key.id);
        index(&mut transaction.open_table(BY_USER)?, &changes, |key, row| Some(name(key, row.user()?)))?;
        index(&mut transaction.open_table(BY_CLIENT)?, &changes, |key, row| Some(name(key, row.client()?)))?;
        index(&mut transaction.open_table(BY_EXPIRY)?, &changes, |key, row| {
            Some(with_id(expiry_prefix(key.kind, row.expires()?), &key.id))
        })?;
        transaction.open_table(SETTINGS)?.insert(APPLIED, &*generation.to_string())?;
    }
    Ok(transaction.commit()?)
}

/// The changes that `writes` amount to, one for each row, in the order of the rows in the file: pages are then written
/// one after the other, each once.
fn merge<'a>(
    writes: &'a [Write],
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Vec<Change<'a>>, redb::Error> {
    let mut writes: Vec<_> = writes.iter().map(|write| (row_key(write.key.as_key()), write)).collect();
    // Stable: writes of one row stay in their order.
    writes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut changes: Vec<Change<'_>> = Vec::with_capacity(writes.len());
    for (place, Write { key, before, after }) in writes {
        match changes.last_mut() {
            Some(change) if change.place == place => change.after.clone_from(after),
            _ => {
                let before = match before {
                    Before::Was(row) => row.clone(),
                    // One that cannot be read any more is replaced like one that is not there.
                    Before::AsInFile => {
                        rows.get(&*place)?.and_then(|value| decode(&place, value.value()).ok()).map(Arc::new)
                    }
                };
                changes.push(Change { key, place, before, after: after.clone() });
            }
        }
    }
    Ok(changes)
}

/// Makes an index follow `changes`; `entry` is the entry that a row has there.
fn index(
    table: &mut Table<'_, &[u8], ()>,
    changes: &[Change<'_>],
    entry: impl Fn(&OwnedKey, &Row) -> Option<Vec<u8>>,
) -> Result<(), redb::Error> {
    let mut entries = Vec::new();
    for Change { key, before, after, .. } in changes {
        let before = before.as_ref().and_then(|row| entry(key, row));
        let after = after.as_ref().and_then(|row| entry(key, row));
        if before != after {
            entries.extend(before.map(|entry| (entry, false)));
            entries.extend(after.map(|entry| (entry, true)));
        }
    }
    entries.sort();
    for (entry, there) in entries {
        if there {
            table.insert(&*entry, ())?;
        } else {
            table.remove(&*entry)?;
        }
    }
    Ok(())
}
