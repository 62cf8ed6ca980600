//! Flushes shared by callers: one FLUSH_LOG behind all changes of a partition that are written together.
//!
//! A flush syncs what its partition has answered so far, so callers who queue their changes while others wait to be
//! written need only one. It is put behind the last of them at the moment when the bytes go out, and its answer is
//! given to each.

use tokio::time::Instant;

use super::state::{Progress, Slot, State};
use crate::wire::{message::flush, statement::Statement};

/// Who waits for the next flush of a partition.
pub(super) struct Group {
    partition: u32,
    container: i64,
    deadline: Instant,
    /// Ids of slots that no statement of the server has.
    waiters: Vec<i64>,
}

/// The flushes to be sent with what is queued.
#[derive(Default)]
pub(super) struct Flushes {
    groups: Vec<Group>,
    /// Emptied lists, to be used again.
    spare: Vec<Vec<i64>>,
}

impl Flushes {
    /// Adds somebody who waits for a flush.
    pub(super) fn join(&mut self, partition: u32, container: i64, deadline: Instant, waiter: i64) {
        let same = |group: &&mut Group| group.partition == partition && group.container == container;
        if let Some(group) = self.groups.iter_mut().find(same) {
            group.deadline = group.deadline.max(deadline);
            group.waiters.push(waiter);
            return;
        }
        let mut waiters = self.spare.pop().unwrap_or_default();
        waiters.push(waiter);
        self.groups.push(Group { partition, container, deadline, waiters });
    }

    /// Takes somebody back.
    pub(super) fn leave(&mut self, waiter: i64) {
        self.groups.retain_mut(|group| {
            group.waiters.retain(|id| *id != waiter);
            !group.waiters.is_empty()
        });
    }

    /// Keeps a list for later.
    pub(super) fn give_back(&mut self, mut waiters: Vec<i64>) {
        waiters.clear();
        if self.spare.len() < 16 {
            self.spare.push(waiters);
        }
    }
}

impl State {
    /// Puts the flushes behind what is queued, which is about to be written; tells how many there are.
    pub(super) fn seal_flushes(&mut self) -> u64 {
        let count = self.flushes.groups.len() as u64;
        for group in self.flushes.groups.drain(..) {
            self.next_id += 1;
            let start = self.queued;
            let length = self.out.len();
            flush::encode(&mut self.out, self.next_id, group.partition, group.container);
            self.queued += (self.out.len() - length) as u64;
            let slot = Slot {
                statement: Statement::FlushLog as i32,
                start,
                deadline: group.deadline,
                late: false,
                progress: Progress::Shared(group.waiters),
            };
            self.slots.insert(self.next_id, slot);
        }
        count
    }

    /// Whether there is something to write.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty() || !self.flushes.groups.is_empty()
    }
}
