//! The thread that applies the log's records to the database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::error::Failure;
use super::queue::{Batch, Unapplied};
use super::shared::Shared;
use super::transaction::apply;

/// The thread's name.
pub(super) const THREAD: &str = "gridauth-file";

/// Applies one batch at a time and reports to the writer through the queue.
pub(super) struct Applier {
    batches: mpsc::Sender<Batch>,
    thread: JoinHandle<()>,
}

impl Applier {
    /// Starts the thread.
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, std::io::Error> {
        let (batches, given) = mpsc::channel::<Batch>();
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            while let Ok(mut batch) = given.recv() {
                // The writer waits for a result, even after a panic.
                let applied = catch_unwind(AssertUnwindSafe(|| apply_batch(&shared, &mut batch)));
                let panicked = || Err(Failure::not_done("cannot write the store's file"));
                let applied = applied.unwrap_or_else(|_| panicked());
                let checkpoint = batch.checkpoint;
                let applied = applied.map(|()| checkpoint).map_err(|failure| Unapplied { batch, failure });
                shared.queue.applied(applied);
            }
        })?;
        Ok(Self { batches, thread })
    }

    /// Starts on a batch. The previous one must be finished.
    pub(super) fn start_batch(&self, batch: Batch) -> Result<(), Unapplied> {
        let failure = || Failure::not_done("the thread that writes the store's file ended");
        self.batches.send(batch).map_err(|mpsc::SendError(batch)| Unapplied { batch, failure: failure() })
    }

    /// Waits for the thread to end.
    pub(super) fn end(self) {
        drop(self.batches);
        let _ = self.thread.join();
    }
}

/// Applies a batch and answers those who wait for it.
fn apply_batch(shared: &Shared, batch: &mut Batch) -> Result<(), Failure> {
    let rows = match &*shared.base() {
        Some(base) => apply(base, &batch.writes, batch.checkpoint, None)?,
        None => return Err(Failure::not_done("the store's file is not open")),
    };
    shared.set_rows(rows);
    for write in &batch.writes {
        shared.pending.applied(write.key.as_key(), batch.checkpoint);
    }
    shared.ahead.fetch_sub(batch.writes.len(), Ordering::Release);
    for answer in batch.waiting.drain(..) {
        // The caller may have given up.
        let _ = answer.send(Ok(()));
    }
    Ok(())
}
