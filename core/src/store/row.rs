use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Kind;
use crate::env::Timestamp;

/// One stored row: a few columns that can be asked for, and a JSON body with the rest.
///
/// A row does not change once it is made. It is handed around behind an [`Arc`], and what its body decodes to is kept
/// with it, so a row that a store holds in memory is decoded once and not at every read.
pub struct Row {
    /// The columns that are texts, in the order of `lengths`, then the body: one piece of memory instead of four.
    text: Box<str>,
    lengths: [Length; 3],
    issued: Timestamp,
    expires: Option<Timestamp>,
    decoded: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// How many bytes a column has; no text has as many as `ABSENT` says.
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

/// All of a row but its body.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) user: Option<&'a str>,
    pub(crate) client: Option<&'a str>,
    pub(crate) scope: Option<&'a str>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}

impl Row {
    /// A row made at `issued` that holds `body`, a JSON document.
    pub fn new(issued: Timestamp, body: impl Into<Box<str>>) -> Self {
        Self {
            text: body.into(),
            lengths: [Length::ABSENT; 3],
            issued,
            expires: None,
            decoded: OnceLock::new(),
        }
    }

    /// A row of which everything is known: it is put together once.
    pub(crate) fn whole(columns: Columns<'_>, body: &str) -> Self {
        let Columns { user, client, scope, issued, expires } = columns;
        let texts = [user, client, scope];
        let lengths = texts.map(Length::of);
        let bytes = lengths.iter().map(|length| length.bytes()).sum::<usize>() + body.len();
        let mut text = String::with_capacity(bytes);
        texts.into_iter().flatten().for_each(|column| text.push_str(column));
        text.push_str(body);
        Self { text: text.into(), lengths, issued, expires, decoded: OnceLock::new() }
    }

    fn columns(&self) -> Columns<'_> {
        let (issued, expires) = (self.issued, self.expires);
        Columns { user: self.user(), client: self.client(), scope: self.scope(), issued, expires }
    }

    /// The same row, about this user (the subject).
    #[must_use]
    pub fn with_user(self, user: Option<&str>) -> Self {
        Self::whole(Columns { user, ..self.columns() }, self.body())
    }

    /// The same row, about this client.
    #[must_use]
    pub fn with_client(self, client: Option<&str>) -> Self {
        Self::whole(Columns { client, ..self.columns() }, self.body())
    }

    /// The same row, with this scope.
    #[must_use]
    pub fn with_scope(self, scope: Option<&str>) -> Self {
        Self::whole(Columns { scope, ..self.columns() }, self.body())
    }

    /// The same row, of no use from `expires` on: a sweeper may then remove it.
    #[must_use]
    pub fn with_expires(mut self, expires: Option<Timestamp>) -> Self {
        self.expires = expires;
        self
    }

    /// The subject that the row is about, if it is about one.
    pub fn user(&self) -> Option<&str> {
        self.column(0)
    }

    /// The client that the row is about, if it is about one.
    pub fn client(&self) -> Option<&str> {
        self.column(1)
    }

    /// The scope, if the row has one.
    pub fn scope(&self) -> Option<&str> {
        self.column(2)
    }

    fn column(&self, number: usize) -> Option<&str> {
        let length = *self.lengths.get(number)?;
        let start = self.starts_at(number);
        if length == Length::ABSENT { None } else { self.text.get(start..start + length.bytes()) }
    }

    /// Where the column of that number begins; behind the last one, the body.
    fn starts_at(&self, number: usize) -> usize {
        self.lengths.iter().take(number).map(|length| length.bytes()).sum()
    }

    /// When the row was made.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// From when on the row is of no use; `None` is for ever.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// The JSON body.
    pub fn body(&self) -> &str {
        self.text.get(self.starts_at(3)..).unwrap_or_default()
    }

    /// What the row says, decoded once and then kept with the row.
    ///
    /// # Errors
    /// [`CorruptRow`] where the body is not what `R` writes.
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

/// Shows the columns and the size of the body, not the body: digests and password hashes do not belong in a log.
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

/// A row's body is not what its kind should hold: the store was changed by another hand, or by a newer version.
#[derive(Debug, thiserror::Error)]
#[error("a stored {kind} row cannot be read: {reason}")]
pub struct CorruptRow {
    /// The kind of the row.
    pub kind: &'static str,
    /// What is wrong with it; holds no value of the row.
    pub reason: String,
}

/// Something that is kept as one row.
pub trait Record: Sized + Send + Sync + 'static {
    /// The kind of its rows.
    const KIND: Kind;

    /// Writes the row.
    fn to_row(&self) -> Row;

    /// Reads the row back.
    ///
    /// # Errors
    /// [`CorruptRow`] where the row is not one that [`to_row`](Self::to_row) wrote.
    fn from_row(row: &Row) -> Result<Self, CorruptRow>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_together_comes_apart(
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
            // What is in another column is another row, though the texts in a row are the same.
            let moved = Row::whole(Columns { user: client, client: user, ..row.columns() }, row.body());
            prop_assert_eq!(row == moved, user == client);
        }
    }
}
