use std::error::Error;

use super::CorruptRow;

/// Why a store operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or does not answer in time. Endpoints answer 503.
    Unavailable,
    /// The operation was sent, but its answer was lost: it may have taken effect or not. A code then counts as used:
    /// where a second attempt cannot find out either, the client is told `invalid_grant`, not to try again.
    OutcomeUnknown,
    /// A row cannot be decoded.
    Corrupt,
    /// The store rejects the row or the key: too large, or with characters that it cannot store.
    Refused,
    /// Any other failure of the store.
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
    /// An error of `kind` with this message, which must not contain a secret.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The store cannot be reached.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unavailable, message)
    }

    /// The store failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Internal, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind of the failure.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl From<CorruptRow> for StoreError {
    fn from(corrupt: CorruptRow) -> Self {
        Self::new(StoreErrorKind::Corrupt, corrupt.to_string())
    }
}

/// A store could not be opened. The message contains its URL without the password.
#[derive(Debug, thiserror::Error)]
#[error("store {}: {reason}", place.trim_end_matches(':'))]
pub struct OpenError {
    /// The store's URL without its password.
    pub place: String,
    /// Why it could not be opened.
    pub reason: String,
    /// Whether the URL is invalid, rather than what it points to.
    pub bad_url: bool,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl OpenError {
    /// The URL is not valid for a store.
    pub fn bad_url(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into(), bad_url: true, source: None }
    }

    /// What the URL points to cannot be opened.
    pub fn cannot_open(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into(), bad_url: false, source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
