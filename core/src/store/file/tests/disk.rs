//! A disk for tests: a power cut loses writes that were not synced, and tests can make it fail or block. It has three files:
//! the database and the two files of the log.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use redb::StorageBackend;

use super::super::applier::THREAD;
use super::super::log::Storage;
use super::super::open_files::Holder;

/// A disk. It is a backend for the database and storage for the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The files as the store sees them.
    content: Mutex<[Vec<u8>; 3]>,
    /// The files as of their latest sync.
    durable: Mutex<[Vec<u8>; 3]>,
    syncs: [AtomicUsize; 3],
    full: AtomicBool,
    broken: AtomicBool,
    gate: Mutex<Gate>,
    moved: Condvar,
}

/// The number of the database among the files.
const DATABASE: usize = 0;

/// The name of the thread whose reads tests can block.
pub(super) const HELD_READER: &str = "held reader";

#[derive(Debug, Default)]
struct Gate {
    closed: bool,
    /// Closed for the applier's thread only.
    closed_to_applier: bool,
    waiting: usize,
    /// Closed for reads of the thread [`HELD_READER`].
    closed_to_reads: bool,
    waiting_reads: usize,
}

impl Disk {
    /// The disk after a power cut.
    pub(super) fn after_power_cut(&self) -> Self {
        let durable = self.inner.durable.lock().unwrap().clone();
        let disk = Self::default();
        *disk.inner.content.lock().unwrap() = durable.clone();
        *disk.inner.durable.lock().unwrap() = durable;
        disk
    }

    /// The number of syncs of the database.
    pub(super) fn database_syncs(&self) -> usize {
        self.inner.syncs[0].load(Ordering::SeqCst)
    }

    /// The number of syncs of the log.
    pub(super) fn log_syncs(&self) -> usize {
        self.inner.syncs[1].load(Ordering::SeqCst) + self.inner.syncs[2].load(Ordering::SeqCst)
    }

    /// The files of the log.
    pub(super) fn log_files(&self) -> [Vec<u8>; 2] {
        let [_, first, second] = self.inner.content.lock().unwrap().clone();
        [first, second]
    }

    /// Lets no file grow, or lets them grow again.
    pub(super) fn set_full(&self, full: bool) {
        self.inner.full.store(full, Ordering::SeqCst);
    }

    /// Makes all writes and syncs fail, or succeed again.
    pub(super) fn set_broken(&self, broken: bool) {
        self.inner.broken.store(broken, Ordering::SeqCst);
    }

    /// Blocks syncs until the returned gate is dropped.
    pub(super) fn close_gate(&self) -> ClosedGate {
        self.inner.gate.lock().unwrap().closed = true;
        ClosedGate(self.clone())
    }

    /// Blocks syncs of the applier's thread until the returned gate is dropped.
    pub(super) fn close_gate_of_applier(&self) -> ClosedGate {
        self.inner.gate.lock().unwrap().closed_to_applier = true;
        ClosedGate(self.clone())
    }

    /// Waits until a sync is blocked.
    pub(super) fn wait_for_sync(&self) {
        let gate = self.inner.gate.lock().unwrap();
        let _gate = self.inner.moved.wait_while(gate, |gate| gate.waiting == 0).unwrap();
    }

    /// Blocks reads of the thread [`HELD_READER`] until the returned gate is dropped.
    pub(super) fn hold_reads(&self) -> ClosedGate {
        self.inner.gate.lock().unwrap().closed_to_reads = true;
        ClosedGate(self.clone())
    }

    /// Whether a read is blocked.
    pub(super) fn holds_a_read(&self) -> bool {
        self.inner.gate.lock().unwrap().waiting_reads > 0
    }

    /// Changes the database (0) or a file of the log (1 or 2) without the store knowing.
    pub(super) fn damage(&self, file: usize, work: impl FnOnce(&mut Vec<u8>)) {
        let mut content = self.inner.content.lock().unwrap();
        work(&mut content[file]);
        self.inner.durable.lock().unwrap().clone_from(&content);
    }

    fn sync_file(&self, file: usize) -> io::Result<()> {
        {
            let mut gate = self.inner.gate.lock().unwrap();
            let in_applier = std::thread::current().name() == Some(THREAD);
            let closed = |gate: &mut Gate| gate.closed || gate.closed_to_applier && in_applier;
            if closed(&mut gate) {
                gate.waiting += 1;
                self.inner.moved.notify_all();
                gate = self.inner.moved.wait_while(gate, closed).unwrap();
                gate.waiting -= 1;
            }
        }
        if self.inner.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        let content = self.inner.content.lock().unwrap();
        self.inner.durable.lock().unwrap()[file].clone_from(&content[file]);
        self.inner.syncs[file].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn set_file_length(&self, file: usize, length: u64) -> io::Result<()> {
        self.may_write(file, length)?;
        self.inner.content.lock().unwrap()[file].resize(length as usize, 0);
        Ok(())
    }

    /// Whether a file may be written up to `end`.
    fn may_write(&self, file: usize, end: u64) -> io::Result<()> {
        if self.inner.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        let grows = end > self.inner.content.lock().unwrap()[file].len() as u64;
        if grows && self.inner.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

pub(super) struct ClosedGate(Disk);

impl Drop for ClosedGate {
    fn drop(&mut self) {
        let mut gate = self.0.inner.gate.lock().unwrap();
        (gate.closed, gate.closed_to_applier, gate.closed_to_reads) = (false, false, false);
        drop(gate);
        self.0.inner.moved.notify_all();
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner.content.lock().unwrap()[DATABASE].len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if std::thread::current().name() == Some(HELD_READER) {
            let mut gate = self.inner.gate.lock().unwrap();
            gate.waiting_reads += 1;
            gate = self.inner.moved.wait_while(gate, |gate| gate.closed_to_reads).unwrap();
            gate.waiting_reads -= 1;
        }
        let content = &self.inner.content.lock().unwrap()[DATABASE];
        let range = offset as usize..offset as usize + out.len();
        out.copy_from_slice(content.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.set_file_length(DATABASE, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync_file(DATABASE)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.may_write(DATABASE, 0)?;
        let content = &mut self.inner.content.lock().unwrap()[DATABASE];
        let range = offset as usize..offset as usize + data.len();
        content.get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}

impl Storage for Disk {
    fn claim(&mut self, _: usize) -> io::Result<Option<Holder>> {
        Ok(None)
    }

    fn check_place(&self) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, file: usize) -> io::Result<Option<Vec<u8>>> {
        let content = self.inner.content.lock().unwrap()[1 + file].clone();
        // A file that is empty counts as missing.
        Ok(Some(content).filter(|content| !content.is_empty()))
    }

    fn open(&mut self) -> io::Result<[u64; 2]> {
        self.sync_file(1)?;
        self.sync_file(2)?;
        Ok(self.log_files().map(|file| file.len() as u64))
    }

    fn create(&mut self, content: &[u8]) -> io::Result<()> {
        for file in [1, 2] {
            self.may_write(file, content.len() as u64)?;
            self.inner.content.lock().unwrap()[file] = content.to_vec();
            self.sync_file(file)?;
        }
        Ok(())
    }

    fn write(&self, file: usize, at: u64, data: &[u8]) -> io::Result<()> {
        let end = at as usize + data.len();
        self.may_write(1 + file, end as u64)?;
        let content = &mut self.inner.content.lock().unwrap()[1 + file];
        if content.len() < end {
            content.resize(end, 0);
        }
        content[at as usize..end].copy_from_slice(data);
        Ok(())
    }

    fn sync(&self, file: usize) -> io::Result<()> {
        self.sync_file(1 + file)
    }

    fn set_length(&self, file: usize, length: u64) -> io::Result<()> {
        self.set_file_length(1 + file, length)
    }

    fn remove(&mut self, file: usize) -> io::Result<()> {
        self.set_file_length(1 + file, 0)?;
        self.sync_file(1 + file)
    }

    fn set_aside(&mut self, file: usize, _: &str) -> io::Result<()> {
        self.remove(file)
    }

    fn name(&self, file: usize) -> String {
        format!("log{}", file + 1)
    }
}
