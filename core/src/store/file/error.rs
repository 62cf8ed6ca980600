//! What goes wrong in the file, as the store's callers see it.

use std::sync::Arc;

use crate::store::{StoreError, StoreErrorKind};

/// What a failed transaction tells everyone who waited for it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: StoreErrorKind,
    message: Arc<str>,
}

impl Failure {
    /// Nothing of it was done.
    pub(super) fn not_done(message: impl Into<Arc<str>>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, message: message.into() }
    }

    /// All of it was done, or nothing.
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

/// What a read that the database failed is answered with.
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
    StoreError::new(kind, format!("the store's file: {error}"))
}

/// The file is being opened again after an error, or the store is stopping.
pub(super) fn closed() -> StoreError {
    StoreError::unavailable("the store's file is not open at the moment")
}

/// The database panicked over what it read.
pub(super) fn unreadable() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the store's file is damaged")
}
