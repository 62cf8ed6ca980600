//! The thread that gives the database what the log has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::error::Failure;
use super::queue::{Answer, Write};
use super::shared::Shared;
use super::transaction::apply;

/// What one transaction of the database takes.
pub(super) struct Batch {
    /// What came since the transaction before, in order.
    pub(super) writes: Vec<Write>,
    /// The log's generation that ends with it.
    pub(super) generation: u64,
    /// Who waits until the database has it.
    pub(super) waiting: Vec<Answer>,
}

/// The thread's name.
pub(super) const THREAD: &str = "gridauth-file";

/// Does one batch at a time, and tells the writer through the queue.
pub(super) struct Applier {
    batches: mpsc::Sender<Batch>,
    thread: JoinHandle<()>,
}

impl Applier {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, std::io::Error> {
        let (batches, given) = mpsc::channel();
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            while let Ok(batch) = given.recv() {
                // The writer waits for this, whatever happens.
                let taken = catch_unwind(AssertUnwindSafe(|| take(&shared, batch)));
                let died = || Err(Failure::not_done("the store's file could not be written"));
                shared.queue.applied(taken.unwrap_or_else(|_| died()));
            }
        })?;
        Ok(Self { batches, thread })
    }

    /// Gives it a batch, when it is done with the one before.
    pub(super) fn give(&self, batch: Batch) -> Result<(), Failure> {
        self.batches
            .send(batch)
            .map_err(|_| Failure::not_done("the thread that writes the store's file died"))
    }

    /// Waits until it has ended.
    pub(super) fn end(self) {
        drop(self.batches);
        let _ = self.thread.join();
    }
}

fn take(shared: &Shared, batch: Batch) -> Result<(), Failure> {
    let applied = match &*shared.base() {
        Some(base) => apply(base, &batch.writes, batch.generation),
        None => Err(Failure::not_done("the store's file is not open")),
    };
    let result = applied.map(|rows| shared.set_rows(rows));
    if result.is_ok() {
        for write in &batch.writes {
            shared.pending.applied(write.key.as_key(), batch.generation);
        }
        shared.ahead.fetch_sub(batch.writes.len(), Ordering::Release);
    }
    for answer in batch.waiting {
        // Who no longer waits need not be told.
        let _ = answer.send(result.clone());
    }
    result
}
