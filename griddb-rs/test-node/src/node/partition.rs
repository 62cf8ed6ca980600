//! One partition on one node: its state, this node's role in it, and the statements that wait.

use crate::data::change::Change;
use crate::data::partition::State;
use crate::node::Node;
use crate::statement::Ticket;
use std::sync::Weak;

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
    /// The node whose copy follows this one.
    pub(crate) backup: Option<Weak<Node>>,
}

impl Partition {
    pub(crate) fn new(number: u32, role: Role, state: State) -> Self {
        Self { number, role, state, waiting: Vec::new(), backup: None }
    }

    /// Makes a change here and at the backup.
    pub(crate) fn apply(&mut self, change: Change) {
        if let Some(backup) = self.backup.as_ref().and_then(Weak::upgrade)
            && let Ok(number) = i32::try_from(self.number)
            && let Some(mut copy) = backup.partition(number)
        {
            copy.state.apply(change.clone());
        }
        self.state.apply(change);
    }
}
