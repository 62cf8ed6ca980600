//! Removes expired rows in a background task, in bounded steps. Several servers on one store may each run a sweeper.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::GridAuth;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::store::{Kind, Store, StoreError};

/// The maximum number of rows that one step removes.
const STEP: usize = 500;

impl GridAuth {
    /// Removes all expired rows, in steps, and returns how many. The server does this periodically
    /// ([`Builder::sweep_every`](crate::Builder::sweep_every)).
    ///
    /// # Errors
    /// The first [`StoreError`], if the store fails for some kind of row. The rows of the other kinds are still removed.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        sweep(&self.0.engine).await
    }
}

async fn sweep(engine: &Engine) -> Result<usize, StoreError> {
    let now = engine.clock.now();
    let mut removed = Ok(0);
    for kind in Kind::ALL {
        let swept = sweep_kind(&engine.store, kind, now).await;
        removed = removed.and_then(|removed| Ok(removed + swept?));
    }
    removed
}

async fn sweep_kind(store: &Store, kind: Kind, now: Timestamp) -> Result<usize, StoreError> {
    let mut removed = 0;
    loop {
        let step = store.remove_expired(kind, now, STEP).await?;
        // Fewer rows than the limit do not mean the end: another sweeper may have removed some of the rows that were found.
        if step == 0 {
            return Ok(removed);
        }
        removed += step;
        tokio::task::yield_now().await;
    }
}

/// Sweeps every `interval` until the server is dropped.
pub(super) fn spawn(engine: &Arc<Engine>, interval: Duration) {
    let engine: Weak<Engine> = Arc::downgrade(engine);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        tracing::warn!("no Tokio runtime: expired rows stay until `GridAuth::sweep` is called");
        return;
    };
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            let Some(engine) = engine.upgrade() else { return };
            if let Some(keys) = &engine.keys
                && let Err(error) = keys.0.maintain(engine.clock.now()).await
            {
                tracing::warn!(%error, "the signing keys could not be looked after");
            }
            match sweep(&engine).await {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(removed, "expired rows removed"),
                Err(error) => tracing::warn!(%error, "expired rows could not be removed"),
            }
        }
    });
}
