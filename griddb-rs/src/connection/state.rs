//! What callers and the task share under one lock: bytes to send and statements in flight.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    task::Waker,
    time::Duration,
};

use tokio::{net::tcp::OwnedWriteHalf, time::Instant};

use super::{
    flush::{self, Flushes},
    open_session::{LostSessions, OpenSession},
    ticket::Answer,
};
use crate::{error::Error, stats::Counters, wire::statement::Statement};

/// How much longer than its timeout a statement of a session is remembered, so that the message behind it does not
/// overtake it at the server: the server checks waiting statements every three seconds only.
pub(super) const LATE: Duration = Duration::from_secs(5);

/// Statement ids of sessions start here. Statements without a session use lower ids.
pub(crate) const FIRST_SESSION_ID: i64 = 1 << 48;

#[derive(Default)]
pub(super) struct State {
    /// The write half, until the connection is closed.
    pub(super) socket: Option<OwnedWriteHalf>,
    /// Bytes that are queued and not yet taken by the task.
    pub(super) out: Vec<u8>,
    /// The number of bytes queued so far.
    pub(super) queued: u64,
    /// The number of bytes written to the socket so far.
    pub(super) written: u64,
    /// The queue starts in the middle of a message.
    pub(super) cut: bool,
    /// The task holds unwritten bytes, so nobody else may write.
    pub(super) writing: bool,
    /// Flushes to append to the queue.
    pub(super) flushes: Flushes,
    pub(super) slots: HashMap<i64, Slot, BuildHasherDefault<IdHasher>>,
    /// Sessions whose CLOSE_SESSION is unanswered, by its id.
    pub(super) unconfirmed: HashMap<i64, OpenSession, BuildHasherDefault<IdHasher>>,
    pub(super) lost_sessions: LostSessions,
    /// The number of slots with a waiting caller.
    pub(super) waiting: usize,
    pub(super) next_id: i64,
    /// The number of answers received so far.
    pub(super) answers: u64,
    /// Wakes the task for writing, closing or ticking.
    pub(super) driver: Option<Waker>,
    /// The task's timer is running.
    pub(super) ticking: bool,
    /// Something was sent since the last tick.
    pub(super) sent_since_tick: bool,
    /// When the node last gave a sign of life, or when a statement was sent while none was in flight.
    pub(super) quiet_since: Option<Instant>,
    /// A statement without a waiting caller is unanswered, and the node has given no sign of life since.
    pub(super) unanswered: bool,
    /// All handles were dropped.
    pub(super) closing: bool,
    /// Why it accepts no more statements.
    pub(super) ended: Option<Error>,
}

/// A statement in flight.
pub(super) struct Slot {
    pub(super) statement: i32,
    /// Its start in the outgoing stream.
    pub(super) start: u64,
    /// Its end in the outgoing stream. Equal to `start` if it has no bytes of its own.
    pub(super) end: u64,
    pub(super) deadline: Instant,
    /// Past its deadline, but its answer may still arrive.
    pub(super) late: bool,
    pub(super) progress: Progress,
}

pub(super) enum Progress {
    /// A caller waits for the answer.
    Waiting(Option<Waker>),
    /// The answer arrived, or the statement failed.
    Done(Result<Answer, Error>),
    /// The caller went away. This session is closed once the answer has arrived.
    Abandoned(Option<OpenSession>),
    /// The answer is for each of these slots.
    Shared(flush::Target, Vec<i64>),
}

/// Ids are consecutive numbers, so the hash only has to spread their low bits.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_i64(&mut self, id: i64) {
        self.write_u64(id as u64);
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0.rotate_left(5) ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl State {
    /// The number of bytes that wait for the socket.
    pub(super) fn unwritten(&self) -> u64 {
        self.queued - self.written
    }

    /// Writes the queue if nothing else is in flight, otherwise leaves it to the task. Returns the task's waker if
    /// the task has something to do.
    pub(super) fn write_from_caller(&mut self, alone: bool, counters: &Counters) -> Option<Waker> {
        let mut left = true;
        if !self.writing && alone {
            Counters::add(&counters.statements, self.seal_flushes());
            // The task sees the same error and ends the connection.
            let socket = self.socket.as_ref();
            if let Some(Ok(written)) = socket.map(|socket| socket.try_write(&self.out)) {
                self.written += written as u64;
                self.out.drain(..written);
                left = !self.out.is_empty();
                self.cut = left && (self.cut || written > 0);
            }
        }
        if left || !self.ticking { self.driver.clone() } else { None }
    }

    /// Appends a complete message that has no slot.
    pub(super) fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let length = self.out.len();
        write(&mut self.out);
        self.queued += (self.out.len() - length) as u64;
    }

    /// Takes the answer of a statement, if it has arrived.
    pub(super) fn take(&mut self, id: i64) -> Option<Result<Answer, Error>> {
        let slot = self.slots.get_mut(&id)?;
        if slot.late {
            return match std::mem::replace(&mut slot.progress, Progress::Abandoned(None)) {
                Progress::Done(result) => Some(result),
                _ => None,
            };
        }
        match self.slots.remove(&id)?.progress {
            Progress::Done(result) => Some(result),
            _ => None,
        }
    }

    /// Releases a slot whose ticket was dropped before its answer was taken.
    pub(super) fn abandon(&mut self, id: i64) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        match slot.progress {
            Progress::Waiting(_) => {
                self.waiting -= 1;
                self.unanswered = true;
                if id >= FIRST_SESSION_ID {
                    slot.progress = Progress::Abandoned(None);
                    slot.deadline += LATE;
                } else if slot.start >= self.written {
                    // Keep it, so that it can be removed from the queue if its deadline passes before it is
                    // written.
                    slot.progress = Progress::Abandoned(None);
                } else {
                    self.slots.remove(&id);
                }
            }
            Progress::Done(_) => drop(self.take(id)),
            Progress::Abandoned(_) | Progress::Shared(..) => {}
        }
    }

    /// The session to close after the answer to an abandoned statement. `None` if there is no answer to wait for.
    pub(super) fn left_behind(&mut self, id: i64) -> Option<&mut Option<OpenSession>> {
        match self.slots.get_mut(&id).map(|slot| &mut slot.progress) {
            Some(Progress::Abandoned(left)) => Some(left),
            _ => None,
        }
    }

    /// Whether this statement is unanswered.
    pub(super) fn awaits(&self, statement: i32, id: i64) -> bool {
        self.slots.get(&id).is_some_and(|slot| {
            slot.statement == statement && (slot.late || !matches!(slot.progress, Progress::Done(_)))
        })
    }

    /// Whether a statement with this id was abandoned.
    pub(super) fn has_given_up(&self, id: i64) -> bool {
        let was_sent = (1..=self.next_id).contains(&id) || id > FIRST_SESSION_ID;
        was_sent && !self.slots.contains_key(&id)
    }

    /// Delivers an answer to its statement.
    pub(super) fn complete(
        &mut self,
        statement: i32,
        id: i64,
        result: Result<Answer, Error>,
        wakers: &mut Vec<Waker>,
    ) {
        if statement == Statement::CloseSession as i32 {
            self.session_closed(id, result.as_ref().err());
        }
        let Some(slot) = self.slots.get_mut(&id).filter(|slot| slot.statement == statement) else { return };
        match &mut slot.progress {
            Progress::Waiting(waker) => {
                wakers.extend(waker.take());
                slot.progress = Progress::Done(result);
                self.waiting -= 1;
            }
            Progress::Done(_) => slot.late = false,
            Progress::Abandoned(left) => {
                let left = left.take();
                self.slots.remove(&id);
                if let Some(session) = left {
                    self.close_session(session);
                }
            }
            Progress::Shared(target, waiters) => {
                let (target, waiters) = (*target, std::mem::take(waiters));
                self.slots.remove(&id);
                for waiter in &waiters {
                    self.complete(statement, *waiter, result.clone(), wakers);
                }
                self.flushes.ended(target, waiters);
            }
        }
    }

    /// Fails all statements. What was not sent yet certainly did not happen, so it must not be sent later.
    pub(super) fn fail_all(&mut self, error: &Error, wakers: &mut Vec<Waker>) {
        let written = self.written;
        let mut unsent = Vec::new();
        for slot in self.slots.values_mut() {
            match &mut slot.progress {
                Progress::Waiting(waker) => {
                    wakers.extend(waker.take());
                    let error = error.clone();
                    let error =
                        if slot.start < written { error.into_unknown() } else { error.into_not_done() };
                    slot.progress = Progress::Done(Err(error));
                }
                Progress::Abandoned(session) => unsent.extend(session.take()),
                Progress::Done(_) | Progress::Shared(..) => {}
            }
        }
        self.hand_over_sessions(unsent);
        self.waiting = 0;
        self.out.clear();
        self.flushes = Flushes::default();
        self.slots.retain(|_, slot| matches!(slot.progress, Progress::Done(_)));
        self.ended.get_or_insert_with(|| error.clone());
    }
}
