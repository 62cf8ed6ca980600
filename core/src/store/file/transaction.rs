//! Giving the database what the log has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::{Database, ReadableTable, Table};

use super::base::{Base, Rows};
use super::error::Failure;
use super::layout::{
    APPLIED, BY_CLIENT, BY_EXPIRY, BY_USER, ROWS, SETTINGS, decode, encode, expiry_prefix, name_prefix,
    with_id_of,
};
use super::queue::{Before, Write};
use crate::store::{Kind, Row};

/// What becomes of one row in a transaction.
struct Change<'a> {
    kind: Kind,
    /// The key in `rows`.
    place: &'a [u8],
    before: Option<Arc<Row>>,
    after: Option<Arc<Row>>,
}

/// Does `writes`, which are all of the log's generations up to `generation`, in one durable transaction.
///
/// It also saves which pages are free, so that the file need not be walked through when it is opened after a crash.
/// Returns the rows as they are then.
pub(super) fn apply(base: &Base, writes: &[Write], generation: u64) -> Result<Rows, Failure> {
    let failure = |reason: &dyn std::fmt::Display| {
        Failure::not_done(format!("the store's file could not be written: {reason}"))
    };
    let apply = || {
        transact(&base.database, writes, generation)?;
        base.newest_rows()
    };
    match catch_unwind(AssertUnwindSafe(apply)) {
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
                    rows.insert(*place, &*encode(place, row))?;
                }
                None if before.is_some() => {
                    rows.remove(*place)?;
                }
                None => {}
            }
        }
        index(&mut transaction.open_table(BY_USER)?, &changes, |kind, row| {
            Some(name_prefix(kind, row.user()?))
        })?;
        index(&mut transaction.open_table(BY_CLIENT)?, &changes, |kind, row| {
            Some(name_prefix(kind, row.client()?))
        })?;
        index(&mut transaction.open_table(BY_EXPIRY)?, &changes, |kind, row| {
            Some(expiry_prefix(kind, row.expires()?))
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
    let mut writes: Vec<_> = writes.iter().collect();
    // Stable: writes of one row stay in their order.
    writes.sort_by(|one, other| one.place.cmp(&other.place));
    let mut changes: Vec<Change<'_>> = Vec::with_capacity(writes.len());
    for Write { key, place, before, after } in writes {
        match changes.last_mut() {
            Some(change) if change.place == place => change.after.clone_from(after),
            _ => {
                let before = match before {
                    Before::Was(row) => row.clone(),
                    // One that cannot be read any more is replaced like one that is not there.
                    Before::AsInFile => {
                        rows.get(&**place)?.and_then(|value| decode(place, value.value()).ok()).map(Arc::new)
                    }
                };
                changes.push(Change { kind: key.kind, place, before, after: after.clone() });
            }
        }
    }
    Ok(changes)
}

/// Makes an index follow `changes`; `prefix` is what a row's entry there has before the id.
fn index(
    table: &mut Table<'_, &[u8], ()>,
    changes: &[Change<'_>],
    prefix: impl Fn(Kind, &Row) -> Option<Vec<u8>>,
) -> Result<(), redb::Error> {
    let mut entries = Vec::new();
    for Change { kind, place, before, after } in changes {
        let entry = |row: &Option<Arc<Row>>| {
            let prefix = prefix(*kind, row.as_ref()?)?;
            Some(with_id_of(prefix, place))
        };
        let (before, after) = (entry(before), entry(after));
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
