use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The rows that are watched in this process.
#[derive(Default)]
pub(super) struct Watchers {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watched: HashMap<Box<str>, Weak<Watched>>,
    /// Whether a task reads the notices of other processes.
    is_reading: bool,
}

/// Waits for changes of one row.
pub(crate) struct RowWatch(Arc<Watched>);

struct Watched {
    id: Box<str>,
    changed: Notify,
    watchers: Weak<Watchers>,
}

impl Watchers {
    /// Begins to watch the row with this id.
    pub(super) fn watch(self: &Arc<Self>, id: &str) -> RowWatch {
        let mut state = self.state();
        if let Some(watched) = state.watched.get(id).and_then(Weak::upgrade) {
            return RowWatch(watched);
        }
        let watchers = Arc::downgrade(self);
        let watched = Arc::new(Watched { id: id.into(), changed: Notify::new(), watchers });
        state.watched.insert(id.into(), Arc::downgrade(&watched));
        RowWatch(watched)
    }

    /// Wakes whoever watches this row.
    pub(super) fn wake(&self, id: &str) {
        let watched = self.state().watched.get(id).and_then(Weak::upgrade);
        if let Some(watched) = watched {
            watched.changed.notify_waiters();
        }
    }

    /// Wakes everybody: changes may have been missed.
    pub(super) fn wake_all(&self) {
        let all: Vec<_> = self.state().watched.values().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|watched| watched.changed.notify_waiters());
    }

    /// Says that notices are read from now on. Returns whether they were not.
    pub(super) fn begin_reading(&self) -> bool {
        !std::mem::replace(&mut self.state().is_reading, true)
    }

    /// Whether nobody watches any more. Then the notices are not read until somebody does.
    pub(super) fn is_done_reading(&self) -> bool {
        let mut state = self.state();
        state.is_reading = !state.watched.is_empty();
        !state.is_reading
    }

    /// Says that notices are not read any more.
    pub(super) fn stop_reading(&self) {
        self.state().is_reading = false;
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.state().watched.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RowWatch {
    /// Is ready once the row may have changed after this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(watchers) = self.watchers.upgrade() else { return };
        let mut state = watchers.state();
        // Somebody may have begun to watch the row again.
        if state.watched.get(&self.id).is_some_and(|watched| watched.strong_count() == 0) {
            state.watched.remove(&self.id);
        }
    }
}
