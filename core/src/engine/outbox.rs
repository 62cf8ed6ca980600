//! What this process may send at once, between whoever ends a session and whoever tells the clients.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::LogoutNotice;
use crate::store::after_commit;

/// A notice that this process has claimed: no other one sends it for a while.
pub(crate) struct Claim {
    pub(crate) row_id: String,
    pub(crate) notice: LogoutNotice,
}

/// The claims that are waiting to be sent. The rows are in the store, so nothing is lost with it.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Arc<Mutex<Vec<Claim>>>,
    /// Wakes the task that sends.
    pub(crate) wake: Arc<Notify>,
}

impl Outbox {
    /// Has these sent at once, or after the commit of the transaction in which the caller runs.
    pub(crate) fn send(&self, claims: Vec<Claim>) {
        if claims.is_empty() {
            return;
        }
        let (waiting, wake) = (Arc::clone(&self.waiting), Arc::clone(&self.wake));
        after_commit(move || {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(claims);
            wake.notify_one();
        });
    }

    pub(crate) fn take(&self) -> Vec<Claim> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
