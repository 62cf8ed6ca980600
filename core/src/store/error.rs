use std::error::Error;

use super::CorruptRow;

/// Why a store operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or does not answer in time: try again later. Endpoints answer 503.
    Unavailable,
    /// The operation was sent and its answer was lost: it may have happened or not. What may be used once counts as used.
    OutcomeUnknown,
    /// A row cannot be read as what it should be.
    Corrupt,
    /// The store refuses the row or the key: too large, or with characters that it cannot keep.
    Refused,
    /// Anything else: a fault in the store.
    Internal,
}

/// A store operation failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind`, described by `message`, which must not hold a secret.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The store cannot be reached now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unavailable, message)
    }

    /// The store is at fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Internal, message)
    }

    /// The same error, with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl From<CorruptRow> for StoreError {
    fn from(corrupt: CorruptRow) -> Self {
        Self::new(StoreErrorKind::Corrupt, corrupt.to_string())
    }
}

/// A store could not be opened. The text names the place, never a password.
#[derive(Debug, thiserror::Error)]
#[error("store {}: {reason}", place.trim_end_matches(':'))]
pub struct OpenError {
    /// The store's URL without its password.
    pub place: String,
    /// Why it could not be opened.
    pub reason: String,
    /// Whether the URL itself is at fault, rather than what it points to.
    pub bad_url: bool,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl OpenError {
    /// The URL is not one that a store can be opened from.
    pub fn bad_url(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into(), bad_url: true, source: None }
    }

    /// What the URL points to cannot be opened.
    pub fn cannot_open(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into(), bad_url: false, source: None }
    }

    /// The same error, with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
