//! Telling clients of ended sessions in a background task. Several servers on one store may each run one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::GridAuth;
use crate::engine::Engine;
use crate::logout::{FIRST_PAUSE, Sending, send_due};
use crate::store::StoreError;

/// The shortest pause between two looks into the outbox.
const SHORTEST: Duration = Duration::from_millis(100);

impl GridAuth {
    /// Tells the clients that are due of the sessions that have ended (OpenID Connect Back-Channel Logout 1.0), and waits for their
    /// answers. The server does this by itself, at once and again for those that cannot be reached
    /// ([`Builder::send_logouts_every`](crate::Builder::send_logouts_every)).
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be determined who is due. Who is, is told by a later call.
    pub async fn send_logouts(&self) -> Result<(), StoreError> {
        let mut sending = Sending::default();
        let outcome = send_due(&self.0.engine, &mut sending).await;
        sending.finish().await;
        outcome.map(drop)
    }
}

/// Sends what is due until the server is dropped. Looks for what others have left every `interval`.
pub(super) fn spawn(engine: &Arc<Engine>, interval: Duration) {
    let wake = Arc::clone(&engine.outbox.wake);
    let engine: Weak<Engine> = Arc::downgrade(engine);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        tracing::warn!(
            "no Tokio runtime: clients are told of logouts when `GridAuth::send_logouts` is called"
        );
        return;
    };
    runtime.spawn(async move {
        let mut sending = Sending::default();
        loop {
            let Some(engine) = engine.upgrade() else { return };
            let pause = match send_due(&engine, &mut sending).await {
                Ok(None) => interval,
                Ok(Some(due)) => due.since(engine.clock.now()).min(interval),
                Err(error) => {
                    tracing::warn!(%error, "it could not be determined which clients have to be told of a logout");
                    interval
                }
            };
            drop(engine);
            // What is being sent may fail, and is then due after the first pause.
            let pause = if sending.is_empty() { pause } else { pause.min(FIRST_PAUSE) };
            let _ = tokio::time::timeout(pause.max(SHORTEST), wake.notified()).await;
        }
    });
}
