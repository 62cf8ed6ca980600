//! Reading pages of a listing, and expired rows, from the database.

use std::ops::Bound;
use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::error::read_error;
use super::layout::{
    BY_CLIENT, BY_EXPIRY, BY_USER, ROWS, decode, expiry_and_id, expiry_prefix, id_after, kind_prefix,
    name_prefix, row_key, with_id,
};
use crate::env::Timestamp;
use crate::store::{By, Cursor, Entry, Key, Kind, Page, Query, Row, StoreError, StoreErrorKind};

/// The most rows in a page, whatever the query's limit: a page is read without a pause.
const MOST_ROWS: usize = 1000;
/// A page ends when its bodies reach this size.
const MOST_BYTES: usize = 1 << 20;

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Reads one page of a listing from one snapshot.
pub(super) fn page(database: &Database, query: &Query<'_>) -> Result<Page, StoreError> {
    let transaction = database.begin_read().map_err(read_error)?;
    let open = |index: TableDefinition<'static, &'static [u8], ()>| {
        transaction.open_table(index).map_err(read_error)
    };
    let rows = transaction.open_table(ROWS).map_err(read_error)?;
    let mut page = Filling::new(query.limit);
    let kind = query.kind;
    let after = query.after.as_ref().map(|Cursor(after)| &**after);
    match query.by {
        By::Any => {
            let prefix = kind_prefix(kind);
            for entry in
                rows.range::<&[u8]>((from(&prefix, after).bound(), Bound::Unbounded)).map_err(read_error)?
            {
                let (key, value) = entry.map_err(read_error)?;
                if !key.value().starts_with(&prefix) {
                    break;
                }
                let id = id_after(key.value(), prefix.len())?;
                let row = decode(key.value(), value.value())?;
                if page.add(id.clone(), row, id) {
                    break;
                }
            }
        }
        By::User(name) => named(&open(BY_USER)?, &rows, kind, name, after, &mut page)?,
        By::Client(name) => named(&open(BY_CLIENT)?, &rows, kind, name, after, &mut page)?,
        By::ExpiredAt(now) => {
            let after = match after.map(|after| after.split_once('/')) {
                None => None,
                Some(Some((moment, id))) => match moment.parse() {
                    Ok(moment) => Some(with_id(expiry_prefix(kind, Timestamp::from_millis(moment)), id)),
                    Err(_) => return Err(StoreError::internal("the cursor is not one of this store")),
                },
                Some(None) => return Err(StoreError::internal("the cursor belongs to another listing")),
            };
            expired(&open(BY_EXPIRY)?, kind, now, after, |moment, id| {
                let row = row_of(&rows, kind, &id)?;
                Ok(page.add(id.clone(), row, format!("{}/{id}", moment.as_millis())))
            })?;
        }
    }
    Ok(page.page)
}

/// The ids of at most `limit` rows of `kind` that expired at or before `now`.
pub(super) fn expired_ids(
    database: &Database,
    kind: Kind,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let transaction = database.begin_read().map_err(read_error)?;
    let index = transaction.open_table(BY_EXPIRY).map_err(read_error)?;
    let mut ids = Vec::new();
    expired(&index, kind, now, None, |_, id| {
        ids.push(id);
        Ok(ids.len() >= limit)
    })?;
    Ok(ids)
}

/// Calls `found` with the index entries of expired rows, earliest first, until it returns `true`.
fn expired(
    index: &ReadOnlyTable<&'static [u8], ()>,
    kind: Kind,
    now: Timestamp,
    after: Option<Vec<u8>>,
    mut found: impl FnMut(Timestamp, String) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let prefix = kind_prefix(kind);
    let from = match after {
        Some(after) => From::After(after),
        None => From::At(prefix.clone()),
    };
    for entry in index.range::<&[u8]>((from.bound(), Bound::Unbounded)).map_err(read_error)? {
        let (key, _) = entry.map_err(read_error)?;
        if !key.value().starts_with(&prefix) {
            break;
        }
        let (moment, id) = expiry_and_id(key.value())?;
        if moment > now || found(moment, id)? {
            break;
        }
    }
    Ok(())
}

fn named(
    index: &ReadOnlyTable<&'static [u8], ()>,
    rows: &Rows,
    kind: Kind,
    name: &str,
    after: Option<&str>,
    page: &mut Filling,
) -> Result<(), StoreError> {
    let prefix = name_prefix(kind, name);
    for entry in index.range::<&[u8]>((from(&prefix, after).bound(), Bound::Unbounded)).map_err(read_error)? {
        let (key, _) = entry.map_err(read_error)?;
        if !key.value().starts_with(&prefix) {
            break;
        }
        let id = id_after(key.value(), prefix.len())?;
        let row = row_of(rows, kind, &id)?;
        if page.add(id.clone(), row, id) {
            break;
        }
    }
    Ok(())
}

/// The row that an index entry points to.
fn row_of(rows: &Rows, kind: Kind, id: &str) -> Result<Row, StoreError> {
    let table_key = row_key(Key::new(kind, id));
    let Some(value) = rows.get(&*table_key).map_err(read_error)? else {
        return Err(StoreError::new(
            StoreErrorKind::Corrupt,
            "an index in the store's file points to a missing row",
        ));
    };
    decode(&table_key, value.value())
}

/// Where a scan starts.
enum From {
    At(Vec<u8>),
    After(Vec<u8>),
}

fn from(prefix: &[u8], after: Option<&str>) -> From {
    match after {
        None => From::At(prefix.to_vec()),
        Some(id) => From::After(with_id(prefix.to_vec(), id)),
    }
}

impl From {
    fn bound(&self) -> Bound<&[u8]> {
        match self {
            Self::At(key) => Bound::Included(key),
            Self::After(key) => Bound::Excluded(key),
        }
    }
}

/// A page under construction.
struct Filling {
    page: Page,
    limit: usize,
    bytes: usize,
}

impl Filling {
    fn new(limit: usize) -> Self {
        Self { page: Page::default(), limit: limit.clamp(1, MOST_ROWS), bytes: 0 }
    }

    /// Adds a row; `next` is the cursor of a page that starts after it. Returns whether this page is full.
    fn add(&mut self, id: String, row: Row, next: String) -> bool {
        self.bytes += row.body().len();
        self.page.entries.push(Entry { id, row: Arc::new(row) });
        let full = self.page.entries.len() >= self.limit || self.bytes >= MOST_BYTES;
        if full {
            self.page.next = Some(Cursor(next));
        }
        full
    }
}
