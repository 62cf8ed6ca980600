//! A disk for tests: it forgets at a power cut what was not synced, fails when it is told to, and can be made to wait.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use redb::StorageBackend;

#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// What is read and written.
    content: Mutex<Vec<u8>>,
    /// What the last sync made durable.
    durable: Mutex<Vec<u8>>,
    syncs: AtomicUsize,
    full: AtomicBool,
    gate: Mutex<Gate>,
    moved: Condvar,
}

/// The name of a thread whose reads can be held up.
pub(super) const HELD_READER: &str = "held reader";

#[derive(Debug, Default)]
struct Gate {
    closed: bool,
    waiting: usize,
    /// The same for reads of the thread [`HELD_READER`].
    closed_to_reads: bool,
    waiting_reads: usize,
}

impl Disk {
    /// What is on the disk after the power was cut.
    pub(super) fn after_power_cut(&self) -> Self {
        let durable = self.0.durable.lock().unwrap().clone();
        let disk = Self::default();
        *disk.0.content.lock().unwrap() = durable.clone();
        *disk.0.durable.lock().unwrap() = durable;
        disk
    }

    pub(super) fn syncs(&self) -> usize {
        self.0.syncs.load(Ordering::SeqCst)
    }

    /// Lets nothing more be written, or all.
    pub(super) fn set_full(&self, full: bool) {
        self.0.full.store(full, Ordering::SeqCst);
    }

    /// Makes syncs wait, until what is returned goes.
    pub(super) fn close_gate(&self) -> ClosedGate {
        self.0.gate.lock().unwrap().closed = true;
        ClosedGate(self.clone())
    }

    /// Waits until a sync waits at the gate.
    pub(super) fn wait_for_sync(&self) {
        let gate = self.0.gate.lock().unwrap();
        let _gate = self.0.moved.wait_while(gate, |gate| gate.waiting == 0).unwrap();
    }

    /// Makes reads of the thread [`HELD_READER`] wait, until what is returned goes.
    pub(super) fn hold_reads(&self) -> ClosedGate {
        self.0.gate.lock().unwrap().closed_to_reads = true;
        ClosedGate(self.clone())
    }

    /// Whether a read waits.
    pub(super) fn holds_a_read(&self) -> bool {
        self.0.gate.lock().unwrap().waiting_reads > 0
    }

    pub(super) fn damage(&self, work: impl FnOnce(&mut Vec<u8>)) {
        let mut content = self.0.content.lock().unwrap();
        work(&mut content);
        self.0.durable.lock().unwrap().clone_from(&content);
    }

    fn may_write(&self) -> io::Result<()> {
        if self.0.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

pub(super) struct ClosedGate(Disk);

impl Drop for ClosedGate {
    fn drop(&mut self) {
        let mut gate = self.0.0.gate.lock().unwrap();
        (gate.closed, gate.closed_to_reads) = (false, false);
        drop(gate);
        self.0.0.moved.notify_all();
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.content.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if std::thread::current().name() == Some(HELD_READER) {
            let mut gate = self.0.gate.lock().unwrap();
            gate.waiting_reads += 1;
            gate = self.0.moved.wait_while(gate, |gate| gate.closed_to_reads).unwrap();
            gate.waiting_reads -= 1;
        }
        let content = self.0.content.lock().unwrap();
        let range = offset as usize..offset as usize + out.len();
        out.copy_from_slice(content.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.may_write()?;
        self.0.content.lock().unwrap().resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        {
            let mut gate = self.0.gate.lock().unwrap();
            gate.waiting += 1;
            self.0.moved.notify_all();
            gate = self.0.moved.wait_while(gate, |gate| gate.closed).unwrap();
            gate.waiting -= 1;
        }
        self.may_write()?;
        let content = self.0.content.lock().unwrap();
        self.0.durable.lock().unwrap().clone_from(&content);
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.may_write()?;
        let mut content = self.0.content.lock().unwrap();
        let range = offset as usize..offset as usize + data.len();
        content.get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}
