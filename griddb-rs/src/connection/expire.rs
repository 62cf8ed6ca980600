//! Statements past their deadline.
//!
//! An expired statement of which no byte was written is removed from the queue. Its caller is told that it was not
//! done, so it must not be sent later.

use std::{collections::HashSet, ops::Range, task::Waker};

use tokio::time::Instant;

use super::state::{FIRST_SESSION_ID, LATE, Progress, State};
use crate::error::{Error, ErrorKind};

/// The bytes that the connection's task is about to write.
pub(super) struct Held<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    /// The first byte that was not written yet.
    pub(super) at: usize,
}

impl State {
    /// Fails the statements past their deadline. `held` are the bytes before those in the queue.
    pub(super) fn expire(&mut self, now: Instant, held: Held<'_>, wakers: &mut Vec<Waker>) {
        let mut left_behind = Vec::new();
        let mut unsent = Vec::new();
        let mut unflushed = HashSet::new();
        let Self { slots, waiting, flushes, unanswered, written, .. } = self;
        slots.retain(|id, slot| {
            if slot.deadline > now {
                return true;
            }
            let is_sent = slot.start < *written;
            match &mut slot.progress {
                Progress::Waiting(waker) => {
                    wakers.extend(waker.take());
                    *waiting -= 1;
                    let error = Error::new(ErrorKind::Timeout);
                    if is_sent {
                        *unanswered = true;
                        slot.progress = Progress::Done(Err(error.into_unknown()));
                        if *id >= FIRST_SESSION_ID {
                            slot.late = true;
                            slot.deadline += LATE;
                        }
                    } else {
                        slot.progress = Progress::Done(Err(error));
                        if slot.start < slot.end {
                            unsent.push(slot.start..slot.end);
                        } else {
                            unflushed.insert(*id);
                        }
                    }
                    true
                }
                Progress::Done(_) => true,
                Progress::Abandoned(left) => {
                    left_behind.extend(left.take());
                    if !is_sent && slot.start < slot.end {
                        unsent.push(slot.start..slot.end);
                    }
                    false
                }
                // Callers that share it are past their deadline too.
                Progress::Shared(target, waiters) => {
                    flushes.ended(*target, std::mem::take(waiters));
                    false
                }
            }
        });
        if !unflushed.is_empty() {
            self.flushes.leave(|id| unflushed.contains(&id));
        }
        if !unsent.is_empty() {
            self.take_back(unsent, held);
        }
        left_behind.into_iter().for_each(|session| self.close_session(session));
    }

    /// Removes complete, unwritten messages from the bytes to be written.
    fn take_back(&mut self, mut messages: Vec<Range<u64>>, held: Held<'_>) {
        messages.sort_unstable_by_key(|message| message.start);
        let queue_start = self.written + (held.bytes.len() - held.at) as u64;
        let first_queued = messages.partition_point(|message| message.start < queue_start);
        let (in_held, in_queue) = messages.split_at(first_queued);
        remove(held.bytes, held.at, self.written, in_held);
        remove(&mut self.out, 0, queue_start, in_queue);
        self.cut &= !self.out.is_empty();

        // For each message, the number of bytes up to its end.
        let mut taken = Vec::with_capacity(messages.len() + 1);
        taken.push(0);
        for message in &messages {
            taken.push(taken[taken.len() - 1] + message.end - message.start);
        }
        self.queued -= taken[messages.len()];
        for slot in self.slots.values_mut() {
            let before = taken[messages.partition_point(|message| message.end <= slot.start)];
            slot.start -= before;
            slot.end -= before;
        }
    }
}

/// Removes ranges of a stream, in order, from a buffer. Position `base` of the stream is at index `at` of the
/// buffer.
fn remove(buffer: &mut Vec<u8>, at: usize, base: u64, ranges: &[Range<u64>]) {
    let place = |position: u64| at + (position - base) as usize;
    let (mut kept, mut next) = (at, at);
    for range in ranges {
        let start = place(range.start);
        buffer.copy_within(next..start, kept);
        kept += start - next;
        next = place(range.end);
    }
    buffer.copy_within(next.., kept);
    buffer.truncate(kept + buffer.len() - next);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{super::batch::Batch, *};
    use crate::wire::statement::Statement;

    /// What happens to one of the queued statements.
    #[derive(Debug, Clone)]
    struct Case {
        length: usize,
        session: bool,
        /// Is in time, or not.
        late: bool,
        dropped: bool,
    }

    fn case() -> impl Strategy<Value = Case> {
        (1usize..9, any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(length, session, late, dropped)| Case { length, session, late, dropped })
    }

    proptest! {
        #[test]
        fn what_is_told_not_to_be_done_leaves_the_queue(
            cases in prop::collection::vec(case(), 1..20),
            held in 0usize..20,
            written in 0usize..60,
        ) {
            let now = Instant::now();
            let mut state = State::default();
            let mut output = Vec::new();
            let mut ids = Vec::new();
            for (number, case) in cases.iter().enumerate() {
                if number == held {
                    output = std::mem::take(&mut state.out);
                }
                let deadline = if case.late { now } else { now + Duration::from_secs(1) };
                let mut batch = Batch::new(&mut state, deadline);
                let byte = vec![number as u8; case.length];
                let id = if case.session { FIRST_SESSION_ID + number as i64 } else { number as i64 };
                batch.add_with_id(Statement::PutRow, id, |out, _| { out.extend(&byte); Ok(()) }).unwrap();
                batch.finish();
                ids.push(id);
            }
            let written = written.min(output.len());
            state.written = written as u64;
            for (id, case) in ids.iter().zip(&cases) {
                if case.dropped {
                    state.abandon(*id);
                }
            }
            state.expire(now, Held { bytes: &mut output, at: written }, &mut Vec::new());

            let mut expected = Vec::new();
            let mut position = 0;
            for (number, case) in cases.iter().enumerate() {
                let sent = position < written;
                // An abandoned statement of a session gets some more time.
                let expired = case.late && !(case.dropped && case.session);
                if sent || !expired {
                    let skip = written.saturating_sub(position).min(case.length);
                    expected.extend(vec![number as u8; case.length - skip]);
                }
                position += case.length;
            }
            let left: Vec<u8> = output[written..].iter().chain(&state.out).copied().collect();
            prop_assert_eq!(&left, &expected);
            prop_assert_eq!(state.unwritten(), expected.len() as u64);
            for (number, (id, case)) in ids.iter().zip(&cases).enumerate() {
                if let Some(slot) = state.slots.get(id).filter(|_| !case.late) {
                    let place = |position: u64| (position as usize).saturating_sub(written);
                    let bytes = &left[place(slot.start)..place(slot.end)];
                    prop_assert!(bytes.iter().all(|byte| *byte == number as u8));
                }
                match state.take(*id) {
                    Some(Err(error)) => prop_assert_eq!(error.is_outcome_unknown(), !left_out(&cases, number, written)),
                    Some(Ok(_)) => prop_assert!(false),
                    None => prop_assert!(!case.late || case.dropped),
                }
            }
        }
    }

    /// Whether no byte of that statement was written.
    fn left_out(cases: &[Case], number: usize, written: usize) -> bool {
        cases[..number].iter().map(|case| case.length).sum::<usize>() >= written
    }
}
