//! A file that stays locked, and is never replaced by another one, for as long as the store is open.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::open_files::OpenFile;

type Range = (Bound<u64>, Bound<u64>);

/// A file for redb. When redb closes the database after an error, the lock stays: no other process can open the file before
/// the database is reopened. The lock goes with the last clone.
#[derive(Clone, Debug)]
pub(super) struct LockedFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: FileBackend,
    locked: Mutex<HashSet<Range>>,
    /// Declared last: the file is closed, and its lock released, before it counts as closed.
    registered: Mutex<Option<OpenFile>>,
}

impl LockedFile {
    /// Takes over an open file, which redb locks.
    pub(super) fn new(file: File) -> Result<Self, redb::DatabaseError> {
        let file = FileBackend::new(file)?;
        Ok(Self(Arc::new(Inner { file, locked: Mutex::default(), registered: Mutex::default() })))
    }

    /// Registers the file as open in this process, once it is locked.
    pub(super) fn register(&self, file: OpenFile) {
        *self.0.registered.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    }
}

impl StorageBackend for LockedFile {
    fn len(&self) -> io::Result<u64> {
        self.0.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.file.write(offset, data)
    }

    /// Keeps the lock.
    fn close(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let mut locked = self.0.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if locked.contains(&(start, end)) {
            return Ok(true);
        }
        let got = self.0.file.try_lock_range(start, end)?;
        if got {
            locked.insert((start, end));
        }
        Ok(got)
    }

    /// Keeps the lock.
    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }
}
