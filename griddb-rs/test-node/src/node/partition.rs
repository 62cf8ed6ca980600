//! One partition on one node: its state, this node's role in it, and the statements that wait.

use crate::data::change::Change;
use crate::data::partition::State;
use crate::node::Node;
use crate::statement::Ticket;
use std::sync::{Arc, Weak};

/// A node's part in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Owner,
    Backup,
    /// Neither owner nor backup.
    Off,
    /// The node has left its cluster.
    Stop,
}

/// A partition as one node has it.
pub(crate) struct Partition {
    pub(crate) number: u32,
    pub(crate) role: Role,
    pub(crate) state: State,
    /// Statements that met a lock, in the order in which they came.
    pub(crate) waiting: Vec<Ticket>,
    /// A transaction has ended since they were last tried, or a container was altered.
    pub(crate) woken: bool,
    /// The node whose copy follows this one.
    pub(crate) backup: Option<Weak<Node>>,
    /// The copy follows some time later.
    lags: bool,
    /// Changes that the copy does not have yet.
    pub(crate) behind: Vec<Change>,
}

impl Partition {
    pub(crate) fn new(number: u32, role: Role, state: State, lags: bool) -> Self {
        let (waiting, behind) = (Vec::new(), Vec::new());
        Self { number, role, state, waiting, woken: false, backup: None, lags, behind }
    }

    /// Makes a change here and at the backup.
    pub(crate) fn apply(&mut self, change: Change) {
        if let Some(backup) = self.following() {
            if self.lags {
                self.behind.push(change.clone());
            } else {
                self.repeat(&backup, [change.clone()]);
            }
        }
        self.state.apply(change);
    }

    /// Makes the changes at the backup that it does not have yet.
    pub(crate) fn replicate(&mut self) {
        let behind = std::mem::take(&mut self.behind);
        if let Some(backup) = self.following() {
            self.repeat(&backup, behind);
        }
    }

    /// Copies to no other node any more; what was on its way is lost.
    pub(crate) fn unlink(&mut self) {
        self.backup = None;
        self.behind.clear();
    }

    fn following(&self) -> Option<Arc<Node>> {
        self.backup.as_ref().and_then(Weak::upgrade)
    }

    fn repeat(&self, backup: &Node, changes: impl IntoIterator<Item = Change>) {
        let number = i32::try_from(self.number).ok();
        if let Some(mut copy) = number.and_then(|number| backup.partition(number)) {
            changes.into_iter().for_each(|change| copy.state.apply(change));
        }
    }
}
