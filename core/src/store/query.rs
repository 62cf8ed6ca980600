use std::sync::Arc;

use super::{Kind, Row};
use crate::env::Timestamp;

/// Which rows of a kind to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// All rows.
    Any,
    /// The rows of this user.
    User(&'a str),
    /// The rows of this client.
    Client(&'a str),
    /// The rows that expired at or before this moment.
    ExpiredAt(Timestamp),
}

/// A query for one page of a listing.
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
    /// Which of them to list.
    pub by: By<'a>,
    /// Where the previous page ended; `None` for the first page.
    pub after: Option<Cursor>,
    /// The maximum number of rows in a page, at least 1. A page may have fewer even if more follow.
    pub limit: usize,
}

impl<'a> Query<'a> {
    /// A query for the first page, with at most 100 rows.
    pub fn new(kind: Kind, by: By<'a>) -> Self {
        Self { kind, by, after: None, limit: 100 }
    }

    /// Continues after `cursor`.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Sets the maximum number of rows in a page.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }
}

/// The position where a page ended. Only the store that created it can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A row of a page, with its id.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The id within the kind of the query.
    pub id: String,
    /// The row.
    pub row: Arc<Row>,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows, in an order that the store chooses.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` on the last page. An empty page need not be the last.
    pub next: Option<Cursor>,
}
