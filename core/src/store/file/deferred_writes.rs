//! A database file that stays unchanged until it is known to be a store.

use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{fmt, io};

use redb::StorageBackend;

/// Opening a database writes to it. Until [`release`](Self::release), writes are kept in memory and read back from there,
/// so a file that turns out to be foreign or damaged is not changed. After it, writes go to the file.
pub(super) struct DeferredWrites<B>(Arc<Inner<B>>);

struct Inner<B> {
    file: B,
    /// What the file was like when redb had locked it.
    found: OnceLock<Start>,
    /// Writes go to the file.
    released: AtomicBool,
    /// The deferred operations, in order.
    deferred: RwLock<Vec<Operation>>,
    /// Held while they are performed.
    releasing: Mutex<()>,
}

/// The start of a file, before anything was written to it.
pub(super) struct Start {
    /// The length of the file.
    pub(super) length: u64,
    /// Its first bytes, at most [`Start::BYTES`].
    pub(super) bytes: Vec<u8>,
}

impl Start {
    /// redb's header.
    pub(super) const BYTES: usize = 320;
}

enum Operation {
    Write(u64, Vec<u8>),
    SetLength(u64),
    Sync,
}

impl<B> Clone for DeferredWrites<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: StorageBackend> DeferredWrites<B> {
    /// Defers writes to `file`.
    pub(super) fn new(file: B) -> Self {
        Self(Arc::new(Inner {
            file,
            found: OnceLock::new(),
            released: AtomicBool::new(false),
            deferred: RwLock::default(),
            releasing: Mutex::default(),
        }))
    }

    /// The file itself.
    pub(super) fn file(&self) -> &B {
        &self.0.file
    }

    /// What the file was like when redb had locked it; `None` if redb could not lock it.
    pub(super) fn found(&self) -> Option<&Start> {
        self.0.found.get()
    }

    /// Performs the deferred operations in their order, which keeps them as crash-safe as redb made them. Later operations
    /// go to the file directly. After an error it can be called again, and everything is still deferred. Reads go on meanwhile,
    /// as syncing a file that a crashed process wrote to can take long.
    pub(super) fn release(&self) -> io::Result<()> {
        if self.0.released.load(Ordering::Acquire) {
            return Ok(());
        }
        let _one_at_a_time = self.0.releasing.lock().unwrap_or_else(PoisonError::into_inner);
        let performed = {
            let deferred = self.0.deferred();
            self.0.perform(&deferred)?;
            deferred.len()
        };
        let mut deferred = self.0.deferred_mut();
        self.0.perform(deferred.get(performed..).unwrap_or_default())?;
        deferred.clear();
        self.0.released.store(true, Ordering::Release);
        Ok(())
    }
}

impl<B: StorageBackend> Inner<B> {
    /// Remembers the start of the file. redb asks for the length first, once it has locked the file, so no other process is
    /// writing.
    fn look_at_start(&self) -> io::Result<()> {
        if self.found.get().is_none() {
            let length = self.file.len()?;
            let mut bytes = vec![0; length.min(Start::BYTES as u64) as usize];
            self.file.read(0, &mut bytes)?;
            let _ = self.found.set(Start { length, bytes });
        }
        Ok(())
    }

    fn deferred(&self) -> RwLockReadGuard<'_, Vec<Operation>> {
        self.deferred.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn deferred_mut(&self) -> RwLockWriteGuard<'_, Vec<Operation>> {
        self.deferred.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn perform(&self, operations: &[Operation]) -> io::Result<()> {
        for operation in operations {
            match operation {
                Operation::Write(offset, data) => self.file.write(*offset, data)?,
                Operation::SetLength(length) => self.set_length(*length)?,
                Operation::Sync => self.file.sync_data()?,
            }
        }
        Ok(())
    }

    /// Defers an operation; `false` if it may be performed.
    fn defer(&self, operation: impl FnOnce() -> Operation) -> bool {
        if self.released.load(Ordering::Acquire) {
            return false;
        }
        let mut deferred = self.deferred_mut();
        // Released in the meantime.
        if self.released.load(Ordering::Acquire) {
            return false;
        }
        deferred.push(operation());
        true
    }

    /// Makes the new length durable before redb writes a header that contains it. Otherwise a power cut could leave a file
    /// that is shorter than its header says, which is refused as truncated. Files grow by doubling, so this is rare.
    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_data()
    }

    fn read_deferred(&self, deferred: &[Operation], offset: u64, out: &mut [u8]) -> io::Result<()> {
        let length = deferred.iter().rev().find_map(|operation| match operation {
            Operation::SetLength(length) => Some(*length),
            _ => None,
        });
        let end = offset.checked_add(out.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let in_file = self.file.len()?;
        if end > length.unwrap_or(in_file) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.fill(0);
        let from_file = usize::try_from(in_file.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        self.file.read(offset, &mut out[..from_file])?;
        for operation in deferred {
            match operation {
                Operation::Write(at, data) => {
                    let (from, to) = ((*at).max(offset), (at + data.len() as u64).min(end));
                    if from < to {
                        let data = &data[(from - at) as usize..(to - at) as usize];
                        out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(data);
                    }
                }
                Operation::SetLength(length) if *length < end => {
                    out[length.saturating_sub(offset) as usize..].fill(0);
                }
                Operation::SetLength(_) | Operation::Sync => {}
            }
        }
        Ok(())
    }
}

impl<B: StorageBackend> StorageBackend for DeferredWrites<B> {
    fn len(&self) -> io::Result<u64> {
        self.0.look_at_start()?;
        if !self.0.released.load(Ordering::Acquire) {
            for operation in self.0.deferred().iter().rev() {
                if let Operation::SetLength(length) = operation {
                    return Ok(*length);
                }
            }
        }
        self.0.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if !self.0.released.load(Ordering::Acquire) {
            let deferred = self.0.deferred();
            if !deferred.is_empty() {
                return self.0.read_deferred(&deferred, offset, out);
            }
        }
        self.0.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if self.0.defer(|| Operation::SetLength(length)) { Ok(()) } else { self.0.set_length(length) }
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.0.defer(|| Operation::Sync) { Ok(()) } else { self.0.file.sync_data() }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.defer(|| Operation::Write(offset, data.to_vec())) {
            Ok(())
        } else {
            self.0.file.write(offset, data)
        }
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}

impl<B: StorageBackend> fmt::Debug for DeferredWrites<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredWrites").field("file", &self.0.file).finish_non_exhaustive()
    }
}
