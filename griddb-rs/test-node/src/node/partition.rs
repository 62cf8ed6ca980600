//! One partition on one node: its state, the node's role in it, and the waiting statements.

use crate::data::change::Change;
use crate::data::partition::State;
use crate::node::Node;
use crate::statement::Ticket;
use std::sync::{Arc, Weak};

/// A node's role in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Owner,
    Backup,
    /// Neither owner nor backup.
    Off,
    /// The node has left its cluster.
    Stop,
}

/// A partition on one node.
pub(crate) struct Partition {
    pub(crate) number: u32,
    pub(crate) role: Role,
    pub(crate) state: State,
    /// Statements that met a lock, in order of arrival.
    pub(crate) waiting: Vec<Ticket>,
    /// A transaction has ended, or a container was altered, since they were last tried.
    pub(crate) woken: bool,
    /// The node whose copy follows this one.
    pub(crate) backup: Option<Weak<Node>>,
    /// The copy follows with a delay.
    lags: bool,
    /// Changes that the copy does not have yet.
    pub(crate) behind: Vec<Change>,
}

impl Partition {
    pub(crate) fn new(number: u32, role: Role, state: State, lags: bool) -> Self {
        let (waiting, behind) = (Vec::new(), Vec::new());
        Self { number, role, state, waiting, woken: false, backup: None, lags, behind }
    }

    /// Applies a change here and at the backup.
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

    /// Applies the pending changes at the backup.
    pub(crate) fn replicate(&mut self) {
        let behind = std::mem::take(&mut self.behind);
        if let Some(backup) = self.following() {
            self.repeat(&backup, behind);
        }
    }

    /// Stops replication. Pending changes are lost.
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
