//! Queuing statements that are sent together.

use tokio::time::Instant;

use super::{
    flush::Target,
    state::{Progress, Slot, State},
};
use crate::{
    error::{Error, ErrorKind},
    wire::statement::Statement,
};

/// The longest message whose length the protocol can express.
const LONGEST_MESSAGE: usize = i32::MAX as usize;

/// Statements that are sent together, in the order in which they were added. Unless the batch is finished, they
/// are taken back; that includes a panic in the caller's code that writes keys and rows.
pub(crate) struct Batch<'a> {
    state: &'a mut State,
    deadline: Instant,
    start: usize,
    ids: Ids,
    unawaited: u64,
    /// Flushes are counted when they are sent, because several callers may share one.
    flushes: u64,
    was_waiting: usize,
    finished: bool,
}

/// The slots that the batch has created, so that they can be taken back.
struct Ids {
    first: [i64; 4],
    rest: Vec<i64>,
    count: usize,
}

impl Ids {
    fn push(&mut self, id: i64) {
        match self.first.get_mut(self.count) {
            Some(reserved) => *reserved = id,
            None => self.rest.push(id),
        }
        self.count += 1;
    }

    fn iter(&self) -> impl Iterator<Item = &i64> {
        self.first.iter().take(self.count).chain(&self.rest)
    }
}

impl<'a> Batch<'a> {
    pub(super) fn new(state: &'a mut State, deadline: Instant) -> Self {
        let start = state.out.len();
        let was_waiting = state.waiting;
        Self {
            state,
            deadline,
            start,
            ids: Ids { first: [0; 4], rest: Vec::new(), count: 0 },
            unawaited: 0,
            flushes: 0,
            was_waiting,
            finished: false,
        }
    }

    /// Adds a statement without a session. `write` gets the buffer and the statement's id.
    pub(crate) fn add(
        &mut self,
        statement: Statement,
        write: impl FnOnce(&mut Vec<u8>, i64) -> Result<(), Error>,
    ) -> Result<i64, Error> {
        self.state.next_id += 1;
        let id = self.state.next_id;
        self.add_with_id(statement, id, write)?;
        Ok(id)
    }

    /// Adds a statement of a session. The session numbers its own statements.
    pub(crate) fn add_with_id(
        &mut self,
        statement: Statement,
        id: i64,
        write: impl FnOnce(&mut Vec<u8>, i64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = self.position();
        write(&mut self.state.out, id)?;
        if self.position() - start > LONGEST_MESSAGE as u64 {
            return Err(Error::with_message(
                ErrorKind::Input,
                "a statement of more than 2 GiB cannot be sent",
            ));
        }
        let slot = Slot {
            statement: statement as i32,
            start,
            end: self.position(),
            deadline: self.deadline,
            late: false,
            progress: Progress::Waiting(None),
        };
        let other = self.state.slots.insert(id, slot);
        // An abandoned COMMIT may be sent again under its id.
        let is_awaited = other.is_some_and(|other| matches!(other.progress, Progress::Waiting(_)));
        debug_assert!(!is_awaited, "two awaited statements share an id");
        self.state.waiting += 1;
        self.ids.push(id);
        Ok(())
    }

    /// Adds a flush of a container's partition, after everything that is written together with this batch.
    pub(crate) fn add_flush(&mut self, partition: u32, container: i64) -> i64 {
        self.state.next_id += 1;
        let id = self.state.next_id;
        let at = self.position();
        let slot = Slot {
            statement: Statement::FlushLog as i32,
            start: at,
            end: at,
            deadline: self.deadline,
            late: false,
            progress: Progress::Waiting(None),
        };
        self.state.slots.insert(id, slot);
        self.state.waiting += 1;
        self.ids.push(id);
        self.flushes += 1;
        self.state.flushes.join(Target { partition, container }, self.deadline, id);
        id
    }

    /// Adds a complete message whose answer nobody waits for.
    pub(crate) fn add_unawaited(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.state.out);
        self.unawaited += 1;
    }

    /// Adds a statement without a session whose answer nobody waits for.
    pub(crate) fn add_unawaited_with_id(&mut self, write: impl FnOnce(&mut Vec<u8>, i64)) {
        self.state.next_id += 1;
        let id = self.state.next_id;
        self.add_unawaited(|out| write(out, id));
    }

    /// The position of the next byte in the outgoing stream.
    fn position(&self) -> u64 {
        self.state.queued + (self.state.out.len() - self.start) as u64
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.count == 0 && self.unawaited == 0
    }

    /// Keeps everything in the queue. Returns the number of statements without flushes, and whether they are the
    /// only ones in flight.
    pub(super) fn finish(mut self) -> (u64, bool) {
        self.finished = true;
        let bytes = self.state.out.len() - self.start;
        self.state.queued += bytes as u64;
        self.state.sent_since_tick = true;
        if self.was_waiting == 0 && !self.state.unanswered {
            self.state.quiet_since = None;
        }
        (self.ids.count as u64 + self.unawaited - self.flushes, self.was_waiting == 0)
    }

    fn undo(&mut self) {
        self.state.out.truncate(self.start);
        for id in self.ids.iter() {
            self.state.slots.remove(id);
        }
        if self.flushes > 0 {
            let ids = &self.ids;
            self.state.flushes.leave(|waiter| ids.iter().any(|id| *id == waiter));
        }
        self.state.waiting = self.was_waiting;
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.undo();
        }
    }
}
