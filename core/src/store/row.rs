use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Kind;
use crate::env::Timestamp;

/// A stored row: a few columns that can be queried, and a JSON body with the rest.
///
/// A row is immutable and is passed around in an [`Arc`]. It caches what its body decodes to. So a store that keeps
/// rows in memory decodes a row once, not on every read.
pub struct Row {
    /// The text columns, in the order of `lengths`, then the body: one allocation instead of four.
    text: Box<str>,
    lengths: [Length; 3],
    issued: Timestamp,
    expires: Option<Timestamp>,
    decoded: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// The length of a column in bytes. `ABSENT` is longer than any text.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Length(usize);

impl Length {
    const ABSENT: Self = Self(usize::MAX);

    fn of(column: Option<&str>) -> Self {
        column.map_or(Self::ABSENT, |text| Self(text.len()))
    }

    fn bytes(self) -> usize {
        if self == Self::ABSENT { 0 } else { self.0 }
    }
}

/// Everything in a row except the body.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// The subject of the row, if it has one.
    pub user: Option<&'a str>,
    /// The client of the row, if it has one.
    pub client: Option<&'a str>,
    /// The scope of the row, if it has one.
    pub scope: Option<&'a str>,
    /// When the row was created.
    pub issued: Timestamp,
    /// When the row expires; `None` means never.
    pub expires: Option<Timestamp>,
}

impl Row {
    /// A row created at `issued`, with `body`, a JSON document.
    pub fn new(issued: Timestamp, body: impl Into<Box<str>>) -> Self {
        Self {
            text: body.into(),
            lengths: [Length::ABSENT; 3],
            issued,
            expires: None,
            decoded: OnceLock::new(),
        }
    }

    /// A row with all columns and a body, built in one go: what a store makes of a row that it has read.
    pub fn whole(columns: Columns<'_>, body: &str) -> Self {
        let Columns { user, client, scope, issued, expires } = columns;
        let texts = [user, client, scope];
        let lengths = texts.map(Length::of);
        let bytes = lengths.iter().map(|length| length.bytes()).sum::<usize>() + body.len();
        let mut text = String::with_capacity(bytes);
        texts.into_iter().flatten().for_each(|column| text.push_str(column));
        text.push_str(body);
        Self { text: text.into(), lengths, issued, expires, decoded: OnceLock::new() }
    }

    /// The columns.
    pub fn columns(&self) -> Columns<'_> {
        let (issued, expires) = (self.issued, self.expires);
        Columns { user: self.user(), client: self.client(), scope: self.scope(), issued, expires }
    }

    /// Sets the user (the subject) of the row.
    #[must_use]
    pub fn with_user(self, user: Option<&str>) -> Self {
        Self::whole(Columns { user, ..self.columns() }, self.body())
    }

    /// Sets the client of the row.
    #[must_use]
    pub fn with_client(self, client: Option<&str>) -> Self {
        Self::whole(Columns { client, ..self.columns() }, self.body())
    }

    /// Sets the scope of the row.
    #[must_use]
    pub fn with_scope(self, scope: Option<&str>) -> Self {
        Self::whole(Columns { scope, ..self.columns() }, self.body())
    }

    /// Sets when the row expires. From then on, it may be removed.
    #[must_use]
    pub fn with_expires(mut self, expires: Option<Timestamp>) -> Self {
        self.expires = expires;
        self
    }

    /// The subject of the row, if it has one.
    pub fn user(&self) -> Option<&str> {
        self.column(0)
    }

    /// The client of the row, if it has one.
    pub fn client(&self) -> Option<&str> {
        self.column(1)
    }

    /// The scope of the row, if it has one.
    pub fn scope(&self) -> Option<&str> {
        self.column(2)
    }

    fn column(&self, number: usize) -> Option<&str> {
        let length = *self.lengths.get(number)?;
        let start = self.starts_at(number);
        if length == Length::ABSENT { None } else { self.text.get(start..start + length.bytes()) }
    }

    /// Where the column with this number begins. The body comes after the last column.
    fn starts_at(&self, number: usize) -> usize {
        self.lengths.iter().take(number).map(|length| length.bytes()).sum()
    }

    /// When the row was created.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// When the row expires; `None` means never.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// The JSON body.
    pub fn body(&self) -> &str {
        self.text.get(self.starts_at(3)..).unwrap_or_default()
    }

    /// Decodes the row. The result is cached in the row.
    ///
    /// # Errors
    /// [`CorruptRow`] if the row cannot be decoded as an `R`.
    pub fn decoded<R: Record>(&self) -> Result<Arc<R>, CorruptRow> {
        if let Some(kept) = self.decoded.get()
            && let Ok(record) = Arc::clone(kept).downcast::<R>()
        {
            return Ok(record);
        }
        let record = Arc::new(R::from_row(self)?);
        let _ = self.decoded.set(Arc::clone(&record) as Arc<dyn Any + Send + Sync>);
        Ok(record)
    }
}

impl Clone for Row {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            lengths: self.lengths,
            issued: self.issued,
            expires: self.expires,
            decoded: OnceLock::new(),
        }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.lengths == other.lengths
            && self.text == other.text
            && self.issued == other.issued
            && self.expires == other.expires
    }
}

impl Eq for Row {}

/// Shows the columns and the size of the body. The body itself may contain digests and password hashes, which do not
/// belong in a log.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("user", &self.user())
            .field("client", &self.client())
            .field("scope", &self.scope())
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .field("body_bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}

/// A row cannot be decoded: it was written by something else, or by a newer version.
#[derive(Debug, thiserror::Error)]
#[error("a stored {kind} row cannot be read: {reason}")]
pub struct CorruptRow {
    /// The kind of the row.
    pub kind: &'static str,
    /// Why it cannot be decoded. Contains no value of the row.
    pub reason: String,
}

/// A value that is stored as one row.
pub trait Record: Sized + Send + Sync + 'static {
    /// The kind of its rows.
    const KIND: Kind;

    /// Encodes the value as a row.
    fn to_row(&self) -> Row;

    /// Decodes the value from a row.
    ///
    /// # Errors
    /// [`CorruptRow`] if the row is not one that [`to_row`](Self::to_row) encoded.
    fn from_row(row: &Row) -> Result<Self, CorruptRow>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_and_body_round_trip(
            texts in proptest::array::uniform3(proptest::option::of(".{0,6}")),
            body in ".{0,20}",
        ) {
            let [user, client, scope] = texts.each_ref().map(Option::as_deref);
            let now = Timestamp::from_millis(1);
            let row = Row::whole(Columns { user, client, scope, issued: now, expires: Some(now) }, &body);
            let parts = (row.user(), row.client(), row.scope(), row.body());
            prop_assert_eq!(parts, (user, client, scope, body.as_str()));
            let step_by_step = Row::new(now, body.as_str()).with_scope(scope).with_expires(Some(now));
            prop_assert_eq!(&row, &step_by_step.with_user(user).with_client(client));
            prop_assert_eq!(&row, &row.clone());
            // The same texts in other columns are another row.
            let moved = Row::whole(Columns { user: client, client: user, ..row.columns() }, row.body());
            prop_assert_eq!(row == moved, user == client);
        }
    }
}
