//! The database file, before it is known to be a store: where it is, how redb opens it, and how errors name it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use redb::{Database, DatabaseError, StorageBackend, StorageError};

use crate::env::{Entropy, SystemEntropy};
use crate::store::OpenError;

/// The path of a database file, and how it is opened.
#[derive(Clone)]
pub(super) struct DatabaseFile {
    /// The path as it was given.
    pub(super) path: PathBuf,
    /// The most memory that redb uses for pages.
    pub(super) page_cache_bytes: usize,
    /// How long to wait for another process to close the file.
    pub(super) wait: Duration,
    /// Open the store without its log if that is lost.
    pub(super) accept_lost_log: bool,
}

impl DatabaseFile {
    /// Opens the database in `backend`, or creates one there if it is empty.
    pub(super) fn open_backend(&self, backend: impl StorageBackend) -> Result<Database, DatabaseError> {
        let path = self.path.clone();
        Database::builder()
            .set_cache_size(self.page_cache_bytes)
            .set_repair_callback(move |session| {
                if session.progress() == 0.0 {
                    tracing::warn!(file = %path.display(), "the store was not closed cleanly: checking all of it");
                }
            })
            .create_with_backend(backend)
    }

    /// Random bytes.
    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], OpenError> {
        let mut bytes = [0; N];
        SystemEntropy.fill(&mut bytes).map_err(|error| self.error(error.to_string()))?;
        Ok(bytes)
    }

    /// The file cannot be opened.
    pub(super) fn error(&self, reason: impl Into<String>) -> OpenError {
        OpenError::cannot_open(format!("file:{}", self.path.display()), reason)
    }

    /// The file is something else.
    pub(super) fn foreign(&self) -> OpenError {
        self.error("it is not a gridauth store; the file was not changed")
    }

    /// The file is a store, or part of one, and cannot be read.
    pub(super) fn damaged(&self, how: impl std::fmt::Display) -> OpenError {
        self.error(format!("it is damaged: {how}; the file was not changed"))
    }

    /// A call of the operating system failed.
    pub(super) fn io_error(&self, what: &str, error: io::Error) -> OpenError {
        self.error(format!("{what}: {error}")).with_source(error)
    }

    /// redb could not open the file.
    pub(super) fn database_error(&self, error: DatabaseError) -> OpenError {
        match error {
            DatabaseError::UpgradeRequired(_) => self.foreign(),
            DatabaseError::Storage(StorageError::Io(error)) => self.io_error("it cannot be read", error),
            error => self.damaged(error),
        }
    }
}
