//! What callers have decided, on its way to the writer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::cache::OwnedKey;
use super::error::{Failure, closed};
use crate::store::{Row, StoreError};

/// Something that a caller waits for.
pub(super) struct Operation {
    pub(super) until: Until,
    /// Whom to tell.
    pub(super) answer: Answer,
}

/// What a caller waits for.
pub(super) enum Until {
    /// This is durable.
    Written(Write),
    /// What was queued before is durable.
    Durable,
    /// What was queued before is in the database.
    InDatabase,
}

/// Where a caller is told.
pub(super) type Answer = oneshot::Sender<Result<(), Failure>>;

/// One row, before and after.
pub(super) struct Write {
    pub(super) key: OwnedKey,
    /// Its key in the database.
    pub(super) place: Vec<u8>,
    pub(super) before: Before,
    pub(super) after: Option<Arc<Row>>,
}

/// What a row was before it was written.
pub(super) enum Before {
    /// This, or it was not there.
    Was(Option<Arc<Row>>),
    /// What the database says.
    AsInFile,
}

/// A queue with many callers and one writer, who takes all that is there at once.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    /// How many more operations may come: bounds what the queue takes in memory.
    room: Semaphore,
}

#[derive(Default)]
struct State {
    operations: VecDeque<Operation>,
    /// No more will come.
    closed: bool,
    /// The file is opened again: nobody is there to do what would come.
    refusing: bool,
    /// A reader found that the file must be opened again.
    reopen: bool,
    /// What became of the rows that the database was last given.
    applied: Option<Result<(), Failure>>,
    /// The writer sleeps: waking it takes a system call, which is not made where it is at work.
    asleep: bool,
}

/// What the writer should do next.
pub(super) enum Next {
    /// Write these, in this order.
    Commit(Vec<Operation>),
    /// Nothing came for a while.
    Quiet,
    /// The database has taken what it was given, or failed to.
    Applied(Result<(), Failure>),
    /// Open the file again.
    Reopen,
    /// All is written and no more will come.
    Stop,
}

/// Operations that may be queued at once.
pub(super) const ROOM: usize = 1024;
/// Bytes of rows after which a transaction takes no more operations.
const FULL: usize = 8 << 20;

impl Queue {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), room: Semaphore::new(ROOM) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for `operations`, at most [`ROOM`].
    pub(super) async fn room_for(&self, operations: usize) -> Result<SemaphorePermit<'_>, StoreError> {
        let operations = u32::try_from(operations).unwrap_or(u32::MAX);
        self.room.acquire_many(operations).await.map_err(|_| closed())
    }

    /// Queues an operation, whose room goes with it.
    pub(super) fn push(&self, operation: Operation, room: SemaphorePermit<'_>) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.closed || state.refusing {
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

    /// Waits for work; no longer than `patience`, where there is one.
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
        // Who was answered just now may be about to ask again, and waits for this core: one sync is then for more of them.
        // Where cores are free this takes no time.
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

    /// Tells the writer what became of the rows that the database was given.
    pub(super) fn applied(&self, result: Result<(), Failure>) {
        self.state().applied = Some(result);
        self.arrived.notify_one();
    }

    /// Waits until it is known what became of the rows that the database was given.
    pub(super) fn wait_until_applied(&self) -> Result<(), Failure> {
        let waiting = |state: &mut State| state.applied.is_none();
        let waited = self.arrived.wait_while(self.state(), waiting);
        let taken = waited.unwrap_or_else(PoisonError::into_inner).applied.take();
        taken.unwrap_or(Ok(()))
    }

    /// Takes everything that is queued.
    pub(super) fn take_all(&self) -> Vec<Operation> {
        self.state().operations.drain(..).collect()
    }

    /// Takes everything that is queued, and lets nothing in until [`let_in`](Self::let_in).
    pub(super) fn take_all_and_refuse(&self) -> Vec<Operation> {
        let mut state = self.state();
        state.refusing = true;
        state.operations.drain(..).collect()
    }

    /// Lets operations in again.
    pub(super) fn let_in(&self) {
        self.state().refusing = false;
    }

    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.state().operations.len()
    }

    /// Makes room for as many as were answered.
    pub(super) fn answered(&self, operations: usize) {
        self.room.add_permits(operations);
    }

    /// Asks the writer to open the file again.
    pub(super) fn ask_to_reopen(&self) {
        self.state().reopen = true;
        self.arrived.notify_one();
    }

    /// Lets nothing more in.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.room.close();
        self.arrived.notify_one();
    }

    /// Waits for `pause`, or until the queue is closed. Says whether it is.
    pub(super) fn closed_within(&self, pause: Duration) -> bool {
        let waited = self.arrived.wait_timeout_while(self.state(), pause, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}
