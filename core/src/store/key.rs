use std::fmt;

use super::{Kind, StoreError, StoreErrorKind};

/// Identifies a row by its kind and its id within the kind.
///
/// An id is any text of 1 to 1024 bytes without NUL. Ids are compared byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// The kind of the row.
    pub kind: Kind,
    /// Its id within the kind.
    pub id: &'a str,
}

impl<'a> Key<'a> {
    /// The maximum length of an id, in bytes.
    pub const MAX_ID_BYTES: usize = 1024;

    /// The key of the row `id` of `kind`.
    pub const fn new(kind: Kind, id: &'a str) -> Self {
        Self { kind, id }
    }

    /// Rejects an id that stores need not support.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if the id is empty, too long or has a NUL.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.id.is_empty() || self.id.len() > Self::MAX_ID_BYTES || self.id.contains('\0') {
            return Err(StoreError::new(
                StoreErrorKind::Refused,
                format!("invalid id for a {} row", self.kind.name()),
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.kind.name(), self.id)
    }
}
