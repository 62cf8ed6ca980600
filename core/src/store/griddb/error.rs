use std::error::Error;
use std::fmt;

use crate::store::{StoreError, StoreErrorKind};

pub(super) fn late() -> StoreError {
    StoreError::unavailable("GridDB: no answer in time")
}

/// Converts a client error. Its text contains no data.
pub(super) fn store_error(error: griddb_rs::Error) -> StoreError {
    use griddb_rs::ErrorKind as Of;

    let kind = if error.is_outcome_unknown() {
        StoreErrorKind::OutcomeUnknown
    } else {
        match error.kind() {
            Of::Input => StoreErrorKind::Refused,
            Of::SchemaMismatch => StoreErrorKind::Corrupt,
            Of::Query | Of::AnswerTooLong | Of::ContainerMissing | Of::KeyExists | Of::KeyMissing => {
                StoreErrorKind::Internal
            }
            // A server that is full, busy, or refuses the login may recover. So may a port where something else
            // answers for now: a node of another cluster, or no node at all.
            _ => StoreErrorKind::Unavailable,
        }
    };
    let shown = StoreError::new(kind, format!("GridDB: {error}"));
    if error.source().is_some() { shown.with_source(CauseOf(error)) } else { shown }
}

/// The causes of a client error whose own text is already shown, so that a chain of errors says each thing once.
#[derive(Debug)]
pub(super) struct CauseOf(pub(super) griddb_rs::Error);

impl fmt::Display for CauseOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().map_or(Ok(()), |cause| fmt::Display::fmt(cause, f))
    }
}

impl Error for CauseOf {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}
