//! What was committed and not yet synced, kept so that a crash can take it back.

use super::container::Container;
use crate::wire::row::Row;
use std::sync::Arc;

/// How to undo one committed change.
#[derive(Debug, Clone)]
pub(crate) enum Undo {
    /// A row's version before the change.
    Row { container: i64, row: i64, before: Option<Arc<Row>> },
    /// A container before it was dropped, altered, or got or lost an index.
    Container(Box<Container>),
    /// A container that was not there before, and the number that the next one was to get.
    Created { container: i64, next: i64 },
}

/// The changes since the last sync. None are kept where every commit is synced.
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

    /// Changes that a crash takes back, the latest first.
    pub(crate) fn lost(&mut self) -> impl Iterator<Item = Undo> + use<> {
        std::mem::take(&mut self.changes).into_iter().rev()
    }

    pub(crate) fn unsynced(&self) -> usize {
        self.changes.len()
    }
}
