//! Rows as stored in GridDB.

use std::borrow::Cow;

use griddb_rs::{Timestamp as GridTimestamp, ToRow, ToValue, Value};
use sha2::{Digest, Sha256};

use crate::env::Timestamp;
use crate::store::{Columns, Key, Row, StoreError, StoreErrorKind};

/// A STRING has at most 31,744 bytes with blocks of 64 KB. A longer body continues in a BLOB, so that ordinary
/// bodies are readable in queries.
const BODY_BYTES: usize = 30_000;
/// The longest body. A node reads back BLOBs of 24 MiB, but not of 32 MiB.
const MORE_BYTES: usize = 16 << 20;
const COLUMN_BYTES: usize = 30_000;
/// The last moment of a TIMESTAMP, at the end of the year 9999.
const LAST_MOMENT: i64 = 253_402_300_799_999;

/// A row to be written.
pub(super) struct NewRow<'a> {
    id: &'a str,
    hash: i64,
    row: Cow<'a, Row>,
}

impl<'a> NewRow<'a> {
    pub(super) fn new(id: &'a str, row: &'a Row) -> Result<Self, StoreError> {
        check(id, row)?;
        Ok(Self { id, hash: hash(id), row: Cow::Borrowed(row) })
    }

    pub(super) fn owned(id: &'a str, row: Row) -> Result<Self, StoreError> {
        check(id, &row)?;
        Ok(Self { id, hash: hash(id), row: Cow::Owned(row) })
    }
}

fn check(id: &str, row: &Row) -> Result<(), StoreError> {
    let refused = |message| Err(StoreError::new(StoreErrorKind::Refused, message));
    let columns = [Some(id), row.user(), row.client(), row.scope(), Some(row.body())];
    if columns.iter().flatten().any(|text| text.contains('\0')) {
        return refused("a text with NUL cannot be stored");
    }
    if id.is_empty() || id.len() > Key::MAX_ID_BYTES {
        return refused("an id must have 1 to 1024 bytes");
    }
    if [row.user(), row.client(), row.scope()].iter().flatten().any(|text| text.len() > COLUMN_BYTES) {
        return refused("a column is too long");
    }
    if row.body().len() > MORE_BYTES {
        return refused("a row is too long");
    }
    Ok(())
}

impl ToRow for NewRow<'_> {
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        let row = &*self.row;
        let cut = row.body().floor_char_boundary(BODY_BYTES);
        let (body, more) = row.body().split_at(cut);
        let more = if more.is_empty() { Value::Null } else { Value::Blob(more.as_bytes().into()) };
        let expires = row.expires().map(moment);
        write(&[
            self.id.to_value(),
            row.user().to_value(),
            row.client().to_value(),
            row.scope().to_value(),
            moment(row.issued()).to_value(),
            expires.to_value(),
            self.hash.to_value(),
            body.to_value(),
            more,
        ])
    }
}

/// A row's position in listings. Any order works that is stable and that queries can compare.
pub(super) fn hash(id: &str) -> i64 {
    let digest = Sha256::digest(id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first) & i64::MAX
}

pub(super) fn moment(time: Timestamp) -> GridTimestamp {
    GridTimestamp::from_millis(time.as_millis().clamp(0, LAST_MOMENT))
}

/// Decodes a stored row.
pub(super) fn decode(row: &griddb_rs::Row) -> Result<Row, StoreError> {
    read(row).map_err(super::store_error)?
}

/// Like [`decode`]. If the body is damaged, returns the columns with an empty body, which nothing can be decoded
/// from. So the row does not hide others, and can be found and removed.
pub(super) fn readable(row: &griddb_rs::Row) -> Result<Row, StoreError> {
    match decode(row) {
        Err(error) if error.kind() == StoreErrorKind::Corrupt => {
            with_body(row, "").map_err(super::store_error)
        }
        decoded => decoded,
    }
}

fn read(row: &griddb_rs::Row) -> Result<Result<Row, StoreError>, griddb_rs::Error> {
    let body: &str = row.get("body")?;
    let more: Option<&[u8]> = row.get("more")?;
    let body: Cow<'_, str> = match more {
        None => body.into(),
        Some(more) => match std::str::from_utf8(more) {
            Ok(more) => [body, more].concat().into(),
            Err(_) => {
                return Ok(Err(StoreError::new(StoreErrorKind::Corrupt, "a stored row is not UTF-8")));
            }
        },
    };
    with_body(row, &body).map(Ok)
}

/// The columns of a row, with this body.
fn with_body(row: &griddb_rs::Row, body: &str) -> Result<Row, griddb_rs::Error> {
    let issued: GridTimestamp = row.get("issued")?;
    let expires: Option<GridTimestamp> = row.get("expires")?;
    let moment = |time: GridTimestamp| Timestamp::from_millis(time.as_millis());
    let columns = Columns {
        user: row.get("user")?,
        client: row.get("client")?,
        scope: row.get("scope")?,
        issued: moment(issued),
        expires: expires.map(moment),
    };
    Ok(Row::whole(columns, body))
}
