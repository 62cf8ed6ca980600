use std::sync::Arc;

use super::{Kind, Row};
use crate::env::Timestamp;

/// Which rows of a kind are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// All of them.
    Any,
    /// Those about this user.
    User(&'a str),
    /// Those about this client.
    Client(&'a str),
    /// Those that expired at or before this moment.
    ExpiredAt(Timestamp),
}

/// One page of a listing is asked for.
///
/// ```
/// use gridauth::store::{By, Kind, Query};
///
/// let query = Query::new(Kind::Grant, By::User("israel"));
/// assert_eq!(query.limit, 100);
/// ```
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// The kind of rows.
    pub kind: Kind,
    /// Which of them.
    pub by: By<'a>,
    /// Where the page before ended; `None` for the first page.
    pub after: Option<Cursor>,
    /// The most rows a page may have, at least 1. A page may have fewer, though more come after it.
    pub limit: usize,
}

impl<'a> Query<'a> {
    /// The first page, of at most 100 rows.
    pub fn new(kind: Kind, by: By<'a>) -> Self {
        Self { kind, by, after: None, limit: 100 }
    }

    /// The page that begins after `cursor`.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// With at most `limit` rows in a page.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }
}

/// Where a page ended. Only the store that made it can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A row of a page, with its id.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The id within the kind that was asked for.
    pub id: String,
    /// The row.
    pub row: Arc<Row>,
}

/// A part of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows, in an order that the store chooses.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` where this is the last. A page may be empty and yet not be the last.
    pub next: Option<Cursor>,
}
