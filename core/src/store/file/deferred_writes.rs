//! A file that is not changed until it is known to be ours.

use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use redb::StorageBackend;
use redb::backends::FileBackend;

/// Opening a database writes to it. Until [`release`](Self::release), what is written is held in memory and read back
/// from there, so that a file which turns out to be foreign or damaged is as it was; from then on the file is written.
#[derive(Clone)]
pub(super) struct DeferredWrites(Arc<Inner>);

struct Inner {
    file: FileBackend,
    /// Whether writes go to the file.
    released: AtomicBool,
    /// What was done while they did not, in order.
    held: Mutex<Vec<Step>>,
}

enum Step {
    Write(u64, Vec<u8>),
    SetLength(u64),
    Sync,
}

impl DeferredWrites {
    pub(super) fn new(file: FileBackend) -> Self {
        Self(Arc::new(Inner { file, released: AtomicBool::new(false), held: Mutex::default() }))
    }

    /// Does to the file what was held back, step by step as the database did it, so that it is as safe against a crash
    /// in between; and lets all that comes later through.
    pub(super) fn release(&self) -> io::Result<()> {
        let mut held = self.0.held();
        for step in held.drain(..) {
            match step {
                Step::Write(offset, data) => self.0.file.write(offset, &data)?,
                Step::SetLength(length) => self.0.set_length(length)?,
                Step::Sync => self.0.file.sync_data()?,
            }
        }
        self.0.released.store(true, Ordering::Release);
        Ok(())
    }
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, Vec<Step>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds the step back; `false` where it may be done.
    fn hold(&self, step: impl FnOnce() -> Step) -> bool {
        if self.released.load(Ordering::Acquire) {
            return false;
        }
        let mut held = self.held();
        // Released since.
        if self.released.load(Ordering::Acquire) {
            return false;
        }
        held.push(step());
        true
    }

    /// Makes the length durable before the head can say it, which the database does not: a file that a power cut left
    /// shorter than its head says could not be told from one that was cut, which is refused. It happens at each doubling.
    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_data()
    }

    fn read_held(&self, held: &[Step], offset: u64, out: &mut [u8]) -> io::Result<()> {
        let length = held.iter().rev().find_map(|step| match step {
            Step::SetLength(length) => Some(*length),
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
        for step in held {
            match step {
                Step::Write(at, data) => {
                    let (from, to) = ((*at).max(offset), (at + data.len() as u64).min(end));
                    if from < to {
                        let data = &data[(from - at) as usize..(to - at) as usize];
                        out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(data);
                    }
                }
                Step::SetLength(length) if *length < end => {
                    out[length.saturating_sub(offset) as usize..].fill(0);
                }
                Step::SetLength(_) | Step::Sync => {}
            }
        }
        Ok(())
    }
}

impl StorageBackend for DeferredWrites {
    fn len(&self) -> io::Result<u64> {
        if !self.0.released.load(Ordering::Acquire) {
            for step in self.0.held().iter().rev() {
                if let Step::SetLength(length) = step {
                    return Ok(*length);
                }
            }
        }
        self.0.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if !self.0.released.load(Ordering::Acquire) {
            let held = self.0.held();
            if !held.is_empty() {
                return self.0.read_held(&held, offset, out);
            }
        }
        self.0.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if self.0.hold(|| Step::SetLength(length)) { Ok(()) } else { self.0.set_length(length) }
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.0.hold(|| Step::Sync) { Ok(()) } else { self.0.file.sync_data() }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.hold(|| Step::Write(offset, data.to_vec())) {
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

impl fmt::Debug for DeferredWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredWrites").field("file", &self.0.file).finish_non_exhaustive()
    }
}
