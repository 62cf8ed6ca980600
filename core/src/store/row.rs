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
    user: Option<Box<str>>,
    client: Option<Box<str>>,
    scope: Option<Box<str>>,
    issued: Timestamp,
    expires: Option<Timestamp>,
    body: Box<str>,
    decoded: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl Row {
    /// A row made at `issued` that holds `body`, a JSON document.
    pub fn new(issued: Timestamp, body: impl Into<Box<str>>) -> Self {
        Self {
            user: None,
            client: None,
            scope: None,
            issued,
            expires: None,
            body: body.into(),
            decoded: OnceLock::new(),
        }
    }

    /// The same row, about this user (the subject).
    #[must_use]
    pub fn with_user(mut self, user: Option<&str>) -> Self {
        self.user = user.map(Into::into);
        self
    }

    /// The same row, about this client.
    #[must_use]
    pub fn with_client(mut self, client: Option<&str>) -> Self {
        self.client = client.map(Into::into);
        self
    }

    /// The same row, with this scope.
    #[must_use]
    pub fn with_scope(mut self, scope: Option<&str>) -> Self {
        self.scope = scope.map(Into::into);
        self
    }

    /// The same row, of no use from `expires` on: a sweeper may then remove it.
    #[must_use]
    pub fn with_expires(mut self, expires: Option<Timestamp>) -> Self {
        self.expires = expires;
        self
    }

    /// The subject that the row is about, if it is about one.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The client that the row is about, if it is about one.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The scope, if the row has one.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
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
        &self.body
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
            user: self.user.clone(),
            client: self.client.clone(),
            scope: self.scope.clone(),
            issued: self.issued,
            expires: self.expires,
            body: self.body.clone(),
            decoded: OnceLock::new(),
        }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user
            && self.client == other.client
            && self.scope == other.scope
            && self.issued == other.issued
            && self.expires == other.expires
            && self.body == other.body
    }
}

impl Eq for Row {}

/// Shows the columns and the size of the body, not the body: digests and password hashes do not belong in a log.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("user", &self.user)
            .field("client", &self.client)
            .field("scope", &self.scope)
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .field("body_bytes", &self.body.len())
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
