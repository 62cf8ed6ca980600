//! Flushes shared by callers: one FLUSH_LOG behind all changes of a partition that are written together.
//!
//! A flush syncs what its partition has answered so far, so callers who queue their changes while others wait to be
//! written need only one. It is put behind the last of them at the moment when the bytes go out, and its answer is
//! given to each. While one is under way those who come later wait for it to end, and share the next one: the server
//! would not begin it earlier anyway.

use tokio::time::Instant;

use super::state::{Progress, Slot, State};
use crate::wire::{message::flush, statement::Statement};

/// What is flushed: a container's partition, which the statement names by the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) partition: u32,
    pub(super) container: i64,
}

/// Who waits for the next flush of a target.
struct Group {
    target: Target,
    deadline: Instant,
    /// Ids of slots that no statement of the server has.
    waiters: Vec<i64>,
}

/// The flushes to be sent with what is queued.
#[derive(Default)]
pub(super) struct Flushes {
    groups: Vec<Group>,
    /// Targets of which a flush is under way.
    under_way: Vec<Target>,
    /// Emptied lists, to be used again.
    spare: Vec<Vec<i64>>,
}

impl Flushes {
    /// Adds somebody who waits for a flush.
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

    /// Takes those back who leave.
    pub(super) fn leave(&mut self, leaves: impl Fn(i64) -> bool) {
        self.groups.retain_mut(|group| {
            group.waiters.retain(|id| !leaves(*id));
            !group.waiters.is_empty()
        });
    }

    /// Takes note that a flush is no longer under way.
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
    /// Puts the flushes behind what is queued, which is about to be written; tells how many there are.
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
