//! Who waits for the end of grants.
//!
//! A connection that stays open outlives the check of its token. Whoever holds it open watches the row of the token's grant. A change
//! that this process makes is announced at once. Of a change that another process makes, a [notice](notices) tells.

mod notices;
mod watchers;

use std::sync::Arc;

pub(crate) use watchers::RowWatch;

use super::{Backend, after_commit, is_deferring};
use notices::Notices;
use watchers::Watchers;

/// The ends of grants in one store.
pub(super) struct Ends {
    watchers: Arc<Watchers>,
    /// If other processes share the store: what they are told, and what they tell.
    notices: Option<Notices>,
}

impl Ends {
    pub(super) fn new(backend: &Arc<dyn Backend>) -> Arc<Self> {
        let notices = backend.is_shared().then(|| Notices::new(Arc::clone(backend)));
        Arc::new(Self { watchers: Arc::default(), notices })
    }

    /// Begins to watch a row. Whoever watches reads the row afterwards: it may have changed before.
    pub(super) fn watch(&self, id: &str) -> RowWatch {
        let watch = self.watchers.watch(id);
        if let Some(notices) = &self.notices
            && self.watchers.begin_reading()
        {
            notices.read(&self.watchers);
        }
        watch
    }

    /// Wakes whoever watches this row here, once the change is committed.
    pub(super) fn wake(self: &Arc<Self>, id: &str) {
        self.when_committed(id, |ends, id| ends.watchers.wake(id));
    }

    /// Wakes whoever watches this row here, and tells the other processes, once the change is committed.
    pub(super) fn announce(self: &Arc<Self>, id: &str) {
        self.when_committed(id, |ends, id| {
            ends.watchers.wake(id);
            if let Some(notices) = &ends.notices {
                notices.write(id);
            }
        });
    }

    fn when_committed(self: &Arc<Self>, id: &str, tell: fn(&Self, &str)) {
        if !is_deferring() {
            return tell(self, id);
        }
        let (ends, id) = (Arc::clone(self), id.to_owned());
        after_commit(move || tell(&ends, &id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn who_watches_a_row_is_woken_and_nothing_is_left_of_who_went() {
        let backend: Arc<dyn Backend> = Arc::new(MemoryStore::new());
        let ends = Ends::new(&backend);
        let (one, same, other) = (ends.watch("a"), ends.watch("a"), ends.watch("b"));
        let (woken, also, not) = (one.changed(), same.changed(), other.changed());
        ends.announce("a");
        ends.announce("unknown");
        woken.await;
        also.await;
        let waited = tokio::time::timeout(std::time::Duration::from_millis(1), not).await;
        assert!(waited.is_err());
        drop((one, same));
        let again = ends.watch("a");
        assert_eq!(ends.watchers.count(), 2);
        drop((again, other));
        assert_eq!(ends.watchers.count(), 0);
    }
}
