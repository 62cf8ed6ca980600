//! What a connection's callers and its task share under one lock: bytes to send, statements under way.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    task::Waker,
    time::Duration,
};

use tokio::{net::tcp::OwnedWriteHalf, time::Instant};

use super::{
    flush::{self, Flushes},
    ticket::Answer,
};
use crate::{error::Error, stats::Counters};

/// How much longer than asked a session's statement is remembered, so that what is to follow it does not overtake
/// it at the server: a statement that waits for a lock is looked at every three seconds only.
pub(super) const LATE: Duration = Duration::from_secs(5);

/// Statement ids of sessions start here; those below are for statements without one.
pub(crate) const FIRST_SESSION_ID: i64 = 1 << 48;

#[derive(Default)]
pub(super) struct State {
    /// To write to, until the connection is closed.
    pub(super) socket: Option<OwnedWriteHalf>,
    /// Bytes queued and not yet taken by the task.
    pub(super) out: Vec<u8>,
    /// Bytes ever queued.
    pub(super) queued: u64,
    /// Bytes ever taken by the socket.
    pub(super) written: u64,
    /// What is queued begins in the middle of a message.
    pub(super) cut: bool,
    /// The task holds bytes that the socket has not taken yet, so nobody else may write.
    pub(super) writing: bool,
    /// Flushes to be put behind what is queued.
    pub(super) flushes: Flushes,
    pub(super) slots: HashMap<i64, Slot, BuildHasherDefault<IdHasher>>,
    /// Slots whose answer somebody waits for.
    pub(super) waiting: usize,
    pub(super) next_id: i64,
    /// Answers received so far.
    pub(super) answers: u64,
    /// The task, to be woken for writing, closing or ticking.
    pub(super) driver: Option<Waker>,
    /// The task's clock is running.
    pub(super) ticking: bool,
    /// Something was sent since its last tick.
    pub(super) sent_since_tick: bool,
    /// The last time that the node gave a sign of life, or that something was asked while nothing was under way.
    pub(super) quiet_since: Option<Instant>,
    /// Something that nobody waits for any more was asked, and the node has given no sign of life since.
    pub(super) unanswered: bool,
    /// No handle is left.
    pub(super) closing: bool,
    /// Why it takes no statements any more.
    pub(super) ended: Option<Error>,
}

/// A statement under way.
pub(super) struct Slot {
    pub(super) statement: i32,
    /// Where it starts in the stream of bytes sent.
    pub(super) start: u64,
    /// Where it ends; the same position for one that has no bytes of its own.
    pub(super) end: u64,
    pub(super) deadline: Instant,
    /// Given up, but its answer may still come.
    pub(super) late: bool,
    pub(super) progress: Progress,
}

pub(super) enum Progress {
    /// Somebody waits for the answer.
    Waiting(Option<Waker>),
    /// The answer is there, or it was given up.
    Done(Result<Answer, Error>),
    /// Nobody waits any more. The bytes are to be sent once the answer is there.
    Abandoned(Vec<u8>),
    /// The answer is for each of these slots.
    Shared(flush::Target, Vec<i64>),
}

/// Ids are counted up by ourselves: spreading their low bits is all that a hash has to do.
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
    /// How many bytes wait for the socket to take them.
    pub(super) fn unwritten(&self) -> u64 {
        self.queued - self.written
    }

    /// Appends whole messages that have no slot.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.queued += bytes.len() as u64;
    }

    /// Writes what is queued when nothing else is under way, else leaves it to the task. Gives back the task's
    /// waker when it has something to do.
    pub(super) fn write_from_caller(&mut self, alone: bool, counters: &Counters) -> Option<Waker> {
        let mut left = true;
        if !self.writing && alone {
            Counters::add(&counters.statements, self.seal_flushes());
            // An error shows itself to the task too, which then ends the connection.
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

    /// Appends a whole message that has no slot.
    pub(super) fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let length = self.out.len();
        write(&mut self.out);
        self.queued += (self.out.len() - length) as u64;
    }

    /// Takes the answer of a statement out, if it is there.
    pub(super) fn take(&mut self, id: i64) -> Option<Result<Answer, Error>> {
        let slot = self.slots.get_mut(&id)?;
        if slot.late {
            return match std::mem::replace(&mut slot.progress, Progress::Abandoned(Vec::new())) {
                Progress::Done(result) => Some(result),
                _ => None,
            };
        }
        match self.slots.remove(&id)?.progress {
            Progress::Done(result) => Some(result),
            _ => None,
        }
    }

    /// Takes back a slot whose ticket is dropped before its answer was taken.
    pub(super) fn abandon(&mut self, id: i64) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        match slot.progress {
            Progress::Waiting(_) => {
                self.waiting -= 1;
                self.unanswered = true;
                if id >= FIRST_SESSION_ID {
                    slot.progress = Progress::Abandoned(Vec::new());
                    slot.deadline += LATE;
                } else if slot.start >= self.written {
                    // It is kept so that it can be taken back when its time is over before it was written.
                    slot.progress = Progress::Abandoned(Vec::new());
                } else {
                    self.slots.remove(&id);
                }
            }
            Progress::Done(_) => drop(self.take(id)),
            Progress::Abandoned(_) | Progress::Shared(..) => {}
        }
    }

    /// What is to be sent after an abandoned statement's answer; nothing when there is no answer to wait for.
    pub(super) fn left_behind(&mut self, id: i64) -> Option<&mut Vec<u8>> {
        match self.slots.get_mut(&id).map(|slot| &mut slot.progress) {
            Some(Progress::Abandoned(left)) => Some(left),
            _ => None,
        }
    }

    /// Whether the answer to this statement has not come yet.
    pub(super) fn awaits(&self, statement: i32, id: i64) -> bool {
        self.slots.get(&id).is_some_and(|slot| {
            slot.statement == statement && (slot.late || !matches!(slot.progress, Progress::Done(_)))
        })
    }

    /// Whether there was a statement with this id, for whose answer nobody waits any more.
    pub(super) fn has_given_up(&self, id: i64) -> bool {
        let was_sent = (1..=self.next_id).contains(&id) || id > FIRST_SESSION_ID;
        was_sent && !self.slots.contains_key(&id)
    }

    /// Gives an answer to the statement that it belongs to.
    pub(super) fn complete(
        &mut self,
        statement: i32,
        id: i64,
        result: Result<Answer, Error>,
        wakers: &mut Vec<Waker>,
    ) {
        let Some(slot) = self.slots.get_mut(&id).filter(|slot| slot.statement == statement) else { return };
        match &mut slot.progress {
            Progress::Waiting(waker) => {
                wakers.extend(waker.take());
                slot.progress = Progress::Done(result);
                self.waiting -= 1;
            }
            Progress::Done(_) => slot.late = false,
            Progress::Abandoned(left) => {
                let left = std::mem::take(left);
                self.slots.remove(&id);
                self.append(&left);
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

    /// Fails everything. What was not sent yet certainly did not happen, so it must not be sent any more.
    pub(super) fn fail_all(&mut self, error: &Error, wakers: &mut Vec<Waker>) {
        let written = self.written;
        for slot in self.slots.values_mut() {
            if let Progress::Waiting(waker) = &mut slot.progress {
                wakers.extend(waker.take());
                let error = error.clone();
                let error = if slot.start < written { error.into_unknown() } else { error.into_not_done() };
                slot.progress = Progress::Done(Err(error));
            }
        }
        self.waiting = 0;
        self.out.clear();
        self.flushes = Flushes::default();
        self.slots.retain(|_, slot| matches!(slot.progress, Progress::Done(_)));
        self.ended.get_or_insert_with(|| error.clone());
    }
}
