//! The embedded store: one durable file.

use std::path::Path;

use super::OpenError;
use super::memory::MemoryStore;

/// Opens the file at a path.
pub struct FileStore;

impl FileStore {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`OpenError`] where it cannot be opened.
    pub async fn open(path: impl AsRef<Path>) -> Result<MemoryStore, OpenError> {
        Err(OpenError::cannot_open(format!("file:{}", path.as_ref().display()), "not built yet"))
    }
}
