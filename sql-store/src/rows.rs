//! What both databases have in common about rows.

use gridauth::env::Timestamp;
use gridauth::store::{Cursor, Key, Query, Row, StoreError};

use crate::error::refused;

/// The longest body.
const BODY_BYTES: usize = 16 << 20;
/// The longest of the other texts.
const COLUMN_BYTES: usize = 30_000;
/// The last moment of the year 9999.
const LAST_MOMENT: i64 = 253_402_300_799_999;
/// The most rows in a page.
const MOST_ROWS: usize = 200;

/// A row that was read, with what an update of it compares.
pub(crate) struct Found {
    pub(crate) seq: i64,
    pub(crate) version: i64,
    pub(crate) row: Row,
}

/// Whether a key can be stored at all: a row of another key does not exist.
pub(crate) fn can_exist(key: Key<'_>) -> bool {
    key.check().is_ok()
}

/// Rejects what cannot be stored.
pub(crate) fn check(key: Key<'_>, row: &Row) -> Result<(), StoreError> {
    key.check()?;
    check_row(row)
}

pub(crate) fn check_row(row: &Row) -> Result<(), StoreError> {
    let columns = [row.user(), row.client(), row.scope()];
    if columns.iter().flatten().any(|text| text.len() > COLUMN_BYTES) {
        return Err(refused("a column is too long"));
    }
    if row.body().len() > BODY_BYTES {
        return Err(refused("a row is too long"));
    }
    if columns.iter().flatten().chain([&row.body()]).any(|text| text.contains('\0')) {
        return Err(refused("a text with NUL cannot be stored"));
    }
    Ok(())
}

/// A time as it is stored, in milliseconds.
pub(crate) fn millis(time: Timestamp) -> i64 {
    time.as_millis().clamp(0, LAST_MOMENT)
}

/// The number of rows to ask for.
pub(crate) fn limit(query: &Query<'_>) -> i64 {
    i64::try_from(query.limit.clamp(1, MOST_ROWS)).unwrap_or(1)
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// After the row with this id, in a listing of all rows.
    Id(String),
    /// After the row with this number, in a listing by user or client.
    Seq(i64),
    /// After the row with this expiry and number.
    Expiry(i64, i64),
}

impl Position {
    pub(crate) fn write(&self) -> Cursor {
        Cursor(match self {
            Self::Id(id) => format!("id:{id}"),
            Self::Seq(seq) => format!("seq:{seq}"),
            Self::Expiry(millis, seq) => format!("expiry:{millis}:{seq}"),
        })
    }

    pub(crate) fn read(cursor: &Cursor) -> Result<Self, StoreError> {
        let read = match cursor.0.split_once(':') {
            Some(("id", id)) => Some(Self::Id(id.to_owned())),
            Some(("seq", seq)) => seq.parse().ok().map(Self::Seq),
            Some(("expiry", rest)) => rest
                .split_once(':')
                .and_then(|(millis, seq)| Some(Self::Expiry(millis.parse().ok()?, seq.parse().ok()?))),
            _ => None,
        };
        read.ok_or_else(|| refused("the cursor is of another store"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for position in [
            Position::Id("a:b".to_owned()),
            Position::Id(String::new()),
            Position::Seq(i64::MAX),
            Position::Expiry(253_402_300_799_999, 7),
        ] {
            assert_eq!(Position::read(&position.write()).unwrap(), position);
        }
        for other in ["", "3:h:1:x", "seq:x", "expiry:1", "nothing"] {
            assert!(Position::read(&Cursor(other.to_owned())).is_err(), "{other}");
        }
    }
}
