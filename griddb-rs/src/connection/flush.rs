//! Flushes shared by callers: one FLUSH_LOG behind all changes of a partition that are written together.
//!
//! A flush syncs everything its partition has committed so far, so callers that queue changes at the same time
//! need only one. It is placed behind the last of their changes when the bytes are written, and each caller gets
//! its answer. While one is in flight, later callers wait for it to end and share the next one; the server would
//! not start it earlier anyway.

use tokio::time::Instant;

use super::state::{Progress, Slot, State};
use crate::wire::{message::flush, statement::Statement};

/// What is flushed: a container's partition. The statement names it by the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) partition: u32,
    pub(super) container: i64,
}

/// The callers that wait for the next flush of a target.
struct Group {
    target: Target,
    deadline: Instant,
    /// Ids of slots without a statement of their own at the server.
    waiters: Vec<i64>,
}

/// The flushes to send with the queue.
#[derive(Default)]
pub(super) struct Flushes {
    groups: Vec<Group>,
    /// Targets with a flush in flight.
    under_way: Vec<Target>,
    /// Cleared lists, kept for reuse.
    spare: Vec<Vec<i64>>,
}

impl Flushes {
    /// Adds a caller that waits for a flush.
    pub(super) fn join(&mut self, target: Target, deadline: Instant, waiter: i64) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.target == target) {
            group.deadline = group.deadline.max(deadline);
            group.waiters.push(waiter);
            return;
        }
        let mut waiters = self.spare.pop().unwrap_or_default();
        waiters.push(waiter);
        self.groups.push(Group { target, deadline, waiters });
    }

    /// Removes callers that went away.
    pub(super) fn leave(&mut self, leaves: impl Fn(i64) -> bool) {
        self.groups.retain_mut(|group| {
            group.waiters.retain(|id| !leaves(*id));
            !group.waiters.is_empty()
        });
    }

    /// Called when a flush has ended.
    pub(super) fn ended(&mut self, target: Target, mut waiters: Vec<i64>) {
        self.under_way.retain(|other| *other != target);
        waiters.clear();
        if self.spare.len() < 16 {
            self.spare.push(waiters);
        }
    }

    fn next_ready(&self) -> Option<usize> {
        self.groups.iter().position(|group| !self.under_way.contains(&group.target))
    }
}

impl State {
    /// Appends the flushes to the queue, which is about to be written. Returns their number.
    pub(super) fn seal_flushes(&mut self) -> u64 {
        let mut count = 0;
        while let Some(ready) = self.flushes.next_ready() {
            let Group { target, deadline, waiters } = self.flushes.groups.swap_remove(ready);
            self.flushes.under_way.push(target);
            self.next_id += 1;
            let (start, length) = (self.queued, self.out.len());
            flush::encode(&mut self.out, self.next_id, target.partition, target.container);
            self.queued += (self.out.len() - length) as u64;
            let end = self.queued;
            let statement = Statement::FlushLog as i32;
            let progress = Progress::Shared(target, waiters);
            self.slots.insert(self.next_id, Slot { statement, start, end, deadline, late: false, progress });
            count += 1;
        }
        count
    }

    /// Whether there is something to write.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty() || self.flushes.next_ready().is_some()
    }
}
