//! The thread that applies the log's records to the database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::error::Failure;
use super::log::Checkpoint;
use super::queue::{Answer, Write};
use super::shared::Shared;
use super::transaction::apply;

/// The writes of one database transaction.
pub(super) struct Batch {
    /// All writes since the previous transaction, in order.
    pub(super) writes: Vec<Write>,
    /// The end of these writes in the log.
    pub(super) checkpoint: Checkpoint,
    /// Callers that wait until the database has them.
    pub(super) waiting: Vec<Answer>,
}

/// The thread's name.
pub(super) const THREAD: &str = "gridauth-file";

/// Applies one batch at a time and reports to the writer through the queue.
pub(super) struct Applier {
    batches: mpsc::Sender<Batch>,
    thread: JoinHandle<()>,
}

impl Applier {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, std::io::Error> {
        let (batches, given) = mpsc::channel();
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            while let Ok(batch) = given.recv() {
                // The writer waits for a result, even after a panic.
                let applied = catch_unwind(AssertUnwindSafe(|| apply_batch(&shared, batch)));
                let panicked = || Err(Failure::not_done("cannot write the store's file"));
                shared.queue.applied(applied.unwrap_or_else(|_| panicked()));
            }
        })?;
        Ok(Self { batches, thread })
    }

    /// Starts on a batch. The previous one must be finished.
    pub(super) fn start_batch(&self, batch: Batch) -> Result<(), Failure> {
        self.batches
            .send(batch)
            .map_err(|_| Failure::not_done("the thread that writes the store's file ended"))
    }

    /// Waits for the thread to end.
    pub(super) fn end(self) {
        drop(self.batches);
        let _ = self.thread.join();
    }
}

fn apply_batch(shared: &Shared, batch: Batch) -> Result<(), Failure> {
    let applied = match &*shared.base() {
        Some(base) => apply(base, &batch.writes, batch.checkpoint),
        None => Err(Failure::not_done("the store's file is not open")),
    };
    let result = applied.map(|rows| shared.set_rows(rows));
    if result.is_ok() {
        for write in &batch.writes {
            shared.pending.applied(write.key.as_key(), batch.checkpoint);
        }
        shared.ahead.fetch_sub(batch.writes.len(), Ordering::Release);
    }
    for answer in batch.waiting {
        // The caller may have given up.
        let _ = answer.send(result.clone());
    }
    result
}
