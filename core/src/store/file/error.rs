//! Failures of the file, and the errors that callers of the store get for them.

use std::sync::Arc;

use crate::store::{StoreError, StoreErrorKind};

/// Why writes failed: one failure for all callers whose writes it hit.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: StoreErrorKind,
    message: Arc<str>,
}

impl Failure {
    /// None of the writes was done.
    pub(super) fn not_done(message: impl Into<Arc<str>>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, message: message.into() }
    }

    /// Either all of the writes were done or none.
    pub(super) fn unknown(message: impl Into<Arc<str>>) -> Self {
        Self { kind: StoreErrorKind::OutcomeUnknown, message: message.into() }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, &*failure.message)
    }
}

/// The error for a read that failed in the database.
pub(super) fn read_error(error: impl Into<redb::Error>) -> StoreError {
    use redb::Error;

    let error = error.into();
    let kind = match error {
        Error::Io(_) | Error::PreviousIo | Error::DatabaseClosed => StoreErrorKind::Unavailable,
        Error::Corrupted(_)
        | Error::TableTypeMismatch { .. }
        | Error::TableDoesNotExist(_)
        | Error::TableIsMultimap(_)
        | Error::TypeDefinitionChanged { .. } => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Internal,
    };
    StoreError::new(kind, format!("cannot read the store's file: {error}"))
}

/// The file could not be reopened after an error yet, or the store is shutting down.
pub(super) fn closed() -> StoreError {
    StoreError::unavailable("the store's file is not open")
}

/// The database panicked on what it read.
pub(super) fn unreadable() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the store's file is damaged")
}
