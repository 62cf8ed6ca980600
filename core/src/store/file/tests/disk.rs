//! A disk for tests: it forgets at a power cut what was not synced, fails when it is told to, and can be made to wait. It
//! has three files: the database and the two logs.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use redb::StorageBackend;

use super::super::applier::THREAD;
use super::super::journal::{Media, Medium};

/// A disk; as a backend or a medium, one of its files: the database until another is chosen.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    inner: Arc<Inner>,
    file: usize,
}

#[derive(Debug, Default)]
struct Inner {
    /// What is read and written.
    content: Mutex<[Vec<u8>; 3]>,
    /// What the last sync of each made durable.
    durable: Mutex<[Vec<u8>; 3]>,
    syncs: [AtomicUsize; 3],
    full: AtomicBool,
    gate: Mutex<Gate>,
    moved: Condvar,
}

/// The name of a thread whose reads can be held up.
pub(super) const HELD_READER: &str = "held reader";

#[derive(Debug, Default)]
struct Gate {
    closed: bool,
    /// Only for the thread that gives the database what the log has.
    closed_to_applier: bool,
    waiting: usize,
    /// The same for reads of the thread [`HELD_READER`].
    closed_to_reads: bool,
    waiting_reads: usize,
}

impl Disk {
    /// What is on the disk after the power was cut.
    pub(super) fn after_power_cut(&self) -> Self {
        let durable = self.inner.durable.lock().unwrap().clone();
        let disk = Self::default();
        *disk.inner.content.lock().unwrap() = durable.clone();
        *disk.inner.durable.lock().unwrap() = durable;
        disk
    }

    /// How often the database was synced.
    pub(super) fn database_syncs(&self) -> usize {
        self.inner.syncs[0].load(Ordering::SeqCst)
    }

    /// How often the logs were synced.
    pub(super) fn log_syncs(&self) -> usize {
        self.inner.syncs[1].load(Ordering::SeqCst) + self.inner.syncs[2].load(Ordering::SeqCst)
    }

    /// What is in the logs.
    pub(super) fn logs(&self) -> [Vec<u8>; 2] {
        let [_, first, second] = self.inner.content.lock().unwrap().clone();
        [first, second]
    }

    /// The two logs, to be written.
    pub(super) fn media(&self) -> Media {
        [1, 2].map(|file| Box::new(Self { file, ..self.clone() }) as Box<dyn Medium>)
    }

    /// Lets nothing more be written, or all.
    pub(super) fn set_full(&self, full: bool) {
        self.inner.full.store(full, Ordering::SeqCst);
    }

    /// Makes syncs wait, until what is returned goes.
    pub(super) fn close_gate(&self) -> ClosedGate {
        self.inner.gate.lock().unwrap().closed = true;
        ClosedGate(self.clone())
    }

    /// Makes syncs wait of the thread that gives the database what the log has, until what is returned goes.
    pub(super) fn close_gate_of_applier(&self) -> ClosedGate {
        self.inner.gate.lock().unwrap().closed_to_applier = true;
        ClosedGate(self.clone())
    }

    /// Waits until a sync waits at the gate.
    pub(super) fn wait_for_sync(&self) {
        let gate = self.inner.gate.lock().unwrap();
        let _gate = self.inner.moved.wait_while(gate, |gate| gate.waiting == 0).unwrap();
    }

    /// Makes reads of the thread [`HELD_READER`] wait, until what is returned goes.
    pub(super) fn hold_reads(&self) -> ClosedGate {
        self.inner.gate.lock().unwrap().closed_to_reads = true;
        ClosedGate(self.clone())
    }

    /// Whether a read waits.
    pub(super) fn holds_a_read(&self) -> bool {
        self.inner.gate.lock().unwrap().waiting_reads > 0
    }

    /// Changes the database or, with 1 or 2, a log, behind the store's back.
    pub(super) fn damage(&self, file: usize, work: impl FnOnce(&mut Vec<u8>)) {
        let mut content = self.inner.content.lock().unwrap();
        work(&mut content[file]);
        self.inner.durable.lock().unwrap().clone_from(&content);
    }

    fn may_write(&self) -> io::Result<()> {
        if self.inner.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
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
        Ok(self.inner.content.lock().unwrap()[self.file].len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if std::thread::current().name() == Some(HELD_READER) {
            let mut gate = self.inner.gate.lock().unwrap();
            gate.waiting_reads += 1;
            gate = self.inner.moved.wait_while(gate, |gate| gate.closed_to_reads).unwrap();
            gate.waiting_reads -= 1;
        }
        let content = &self.inner.content.lock().unwrap()[self.file];
        let range = offset as usize..offset as usize + out.len();
        out.copy_from_slice(content.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.may_write()?;
        self.inner.content.lock().unwrap()[self.file].resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
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
        self.may_write()?;
        let content = self.inner.content.lock().unwrap();
        self.inner.durable.lock().unwrap()[self.file].clone_from(&content[self.file]);
        self.inner.syncs[self.file].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.may_write()?;
        let content = &mut self.inner.content.lock().unwrap()[self.file];
        let range = offset as usize..offset as usize + data.len();
        content.get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}

impl Medium for Disk {
    fn write(&self, at: u64, data: &[u8]) -> io::Result<()> {
        self.may_write()?;
        let content = &mut self.inner.content.lock().unwrap()[self.file];
        let end = at as usize + data.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[at as usize..end].copy_from_slice(data);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn discard(&self) -> io::Result<()> {
        self.set_len(0)?;
        self.sync_data()
    }
}
