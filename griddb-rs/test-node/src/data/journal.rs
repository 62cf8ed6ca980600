//! Committed and unsynced changes, kept so that a crash can undo them.

use super::container::Container;
use crate::wire::row::Row;
use std::sync::Arc;

/// How to undo one committed change.
#[derive(Debug, Clone)]
pub(crate) enum Undo {
    /// A row's version before the change.
    Row { container: i64, row: i64, before: Option<Arc<Row>> },
    /// A container before it was dropped, altered, or its indexes changed.
    Container(Box<Container>),
    /// A container that did not exist before, and the number that the next one would have got.
    Created { container: i64, next: i64 },
}

/// The changes since the last sync. Empty if every commit is synced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    synced_always: bool,
    changes: Vec<Undo>,
}

impl Journal {
    pub(crate) fn new(synced_always: bool) -> Self {
        Self { synced_always, changes: Vec::new() }
    }

    pub(crate) fn add(&mut self, change: impl FnOnce() -> Undo) {
        if !self.synced_always {
            self.changes.push(change());
        }
    }

    pub(crate) fn sync(&mut self) {
        self.changes.clear();
    }

    /// The changes that a crash undoes, latest first.
    pub(crate) fn lost(&mut self) -> impl Iterator<Item = Undo> + use<> {
        std::mem::take(&mut self.changes).into_iter().rev()
    }

    pub(crate) fn unsynced(&self) -> usize {
        self.changes.len()
    }
}
