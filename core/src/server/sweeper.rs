//! Expired rows go: a task of its own, with bounded work at a time. Several servers on one store may each run one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{GridAuth, Inner};
use crate::env::Timestamp;
use crate::store::{Kind, StoreError};

/// The most rows that one step removes.
const STEP: usize = 500;

impl GridAuth {
    /// Removes what has expired, in steps, until nothing is left that had expired when this began. A server does this
    /// by itself from time to time, unless it was built without its sweeper. Returns how many rows went.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails for some kind of rows, the first of them; those of the other kinds went.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let now = self.0.clock.now();
        let mut removed = Ok(0);
        for kind in Kind::ALL {
            let swept = self.sweep_kind(kind, now).await;
            removed = removed.and_then(|removed| Ok(removed + swept?));
        }
        removed
    }

    async fn sweep_kind(&self, kind: Kind, now: Timestamp) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let step = self.0.store.remove_expired(kind, now, STEP).await?;
            // Fewer than it may is not all: others may have taken some of those that it found.
            if step == 0 {
                return Ok(removed);
            }
            removed += step;
            tokio::task::yield_now().await;
        }
    }
}

/// Sweeps every `interval` until the server is gone.
pub(super) fn spawn(server: &Arc<Inner>, interval: Duration) {
    let server: Weak<Inner> = Arc::downgrade(server);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        tracing::warn!("no Tokio runtime: expired rows stay until `GridAuth::sweep` is called");
        return;
    };
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            let Some(server) = server.upgrade() else { return };
            match GridAuth(server).sweep().await {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(removed, "expired rows removed"),
                Err(error) => tracing::warn!(%error, "expired rows could not be removed"),
            }
        }
    });
}
