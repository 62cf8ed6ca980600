//! The queue of writes between callers and the writer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::cache::OwnedKey;
use super::error::{Failure, closed};
use super::log::Checkpoint;
use crate::store::{Row, StoreError};

/// An operation that a caller waits for.
pub(super) struct Operation {
    pub(super) until: Until,
    /// Where the caller gets the result.
    pub(super) answer: Answer,
}

/// What the caller waits for.
pub(super) enum Until {
    /// This write is durable.
    Written(Write),
    /// All earlier writes in the queue are durable.
    Durable,
    /// All earlier writes in the queue are in the database.
    InDatabase,
}

/// Sends a caller its result.
pub(super) type Answer = oneshot::Sender<Result<(), Failure>>;

/// The change of one row.
pub(super) struct Write {
    pub(super) key: OwnedKey,
    /// Its key in the table of rows.
    pub(super) table_key: Vec<u8>,
    pub(super) before: Before,
    pub(super) after: Option<Arc<Row>>,
}

/// The row before a write.
pub(super) enum Before {
    /// This row, or none.
    Known(Option<Arc<Row>>),
    /// The row in the database.
    Unknown,
}

/// The writes of one database transaction.
pub(super) struct Batch {
    /// All writes since the previous transaction, in order.
    pub(super) writes: Vec<Write>,
    /// The end of these writes in the log.
    pub(super) checkpoint: Checkpoint,
    /// Callers that wait until the database has them.
    pub(super) waiting: Vec<Answer>,
}

/// A batch that the database did not apply.
pub(super) struct Unapplied {
    pub(super) batch: Batch,
    pub(super) failure: Failure,
}

/// What became of a batch: the checkpoint that the database has reached, or an error.
pub(super) type Applied = Result<Checkpoint, Unapplied>;

/// A queue with many callers and one writer, which takes everything in the queue at once.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    /// How many more operations fit: bounds the queue's memory.
    room: Semaphore,
}

#[derive(Default)]
struct State {
    operations: VecDeque<Operation>,
    /// The store is shutting down.
    closed: bool,
    /// A reader found that the file must be reopened.
    reopen: bool,
    /// The result of the latest batch for the database.
    applied: Option<Applied>,
    /// The writer sleeps. Waking it costs a system call, which is skipped while it works.
    asleep: bool,
}

/// What the writer should do next.
pub(super) enum Next {
    /// Commit these, in this order.
    Commit(Vec<Operation>),
    /// Nothing arrived for a while.
    Quiet,
    /// The database has applied its batch, or failed to.
    Applied(Applied),
    /// Reopen the file.
    Reopen,
    /// Everything is written and the store is shutting down.
    Stop,
}

/// The most operations in the queue.
pub(super) const ROOM: usize = 1024;
/// A batch takes no more operations once their rows have this many bytes.
const FULL: usize = 8 << 20;

impl Queue {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), room: Semaphore::new(ROOM) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for as many operations, at most [`ROOM`].
    pub(super) async fn room_for(&self, operations: usize) -> Result<SemaphorePermit<'_>, StoreError> {
        let operations = u32::try_from(operations).unwrap_or(u32::MAX);
        self.room.acquire_many(operations).await.map_err(|_| closed())
    }

    /// Queues an operation and uses up its room.
    pub(super) fn push(&self, operation: Operation, room: SemaphorePermit<'_>) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        room.forget();
        state.operations.push_back(operation);
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for work, for at most `patience` if it is given.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let idle = |state: &mut State| {
            state.asleep =
                state.operations.is_empty() && !state.closed && !state.reopen && state.applied.is_none();
            state.asleep
        };
        let state = self.state();
        let mut state = match patience {
            None => self.arrived.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.arrived.wait_timeout_while(state, patience, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.asleep = false;
        if let Some(result) = state.applied.take() {
            return Next::Applied(result);
        }
        if std::mem::take(&mut state.reopen) {
            return Next::Reopen;
        }
        if state.operations.is_empty() {
            return if state.closed { Next::Stop } else { Next::Quiet };
        }
        // Callers that were just answered may be about to queue their next operation, and wait for this core. Yielding lets
        // them share the next sync. If cores are free it costs nothing.
        drop(state);
        thread::yield_now();
        let mut state = self.state();
        let mut bytes = 0;
        let many = state.operations.iter().take_while(|operation| {
            let fits = bytes < FULL;
            if let Until::Written(Write { after: Some(row), .. }) = &operation.until {
                bytes += row.body().len();
            }
            fits
        });
        let many = many.count();
        Next::Commit(state.operations.drain(..many).collect())
    }

    /// Reports the result of the database's batch to the writer.
    pub(super) fn applied(&self, result: Applied) {
        self.state().applied = Some(result);
        self.arrived.notify_one();
    }

    /// Waits for the result of the database's batch.
    pub(super) fn wait_until_applied(&self) -> Option<Applied> {
        let waiting = |state: &mut State| state.applied.is_none();
        let waited = self.arrived.wait_while(self.state(), waiting);
        waited.unwrap_or_else(PoisonError::into_inner).applied.take()
    }

    /// Waits for the result of the database's batch, but not for longer than `pause`.
    pub(super) fn wait_a_while_until_applied(&self, pause: Duration) -> Option<Applied> {
        let waiting = |state: &mut State| state.applied.is_none() && !state.closed;
        let waited = self.arrived.wait_timeout_while(self.state(), pause, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0.applied.take()
    }

    /// Takes all queued operations.
    pub(super) fn take_all(&self) -> Vec<Operation> {
        self.state().operations.drain(..).collect()
    }

    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.state().operations.len()
    }

    /// Frees the room of answered operations.
    pub(super) fn answered(&self, operations: usize) {
        self.room.add_permits(operations);
    }

    /// Asks the writer to reopen the file.
    pub(super) fn ask_to_reopen(&self) {
        self.state().reopen = true;
        self.arrived.notify_one();
    }

    /// Refuses all further operations.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.room.close();
        self.arrived.notify_one();
    }
}
