//! Events on their way to the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::{Audit, EventRecord};
use crate::env::Timestamp;

/// An event that is to be written.
pub(crate) struct KeptEvent {
    pub(crate) time: Timestamp,
    pub(crate) client: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) scope: Option<String>,
    /// The whole record, as JSON.
    pub(crate) json: String,
}

/// The events of one request, until they are written.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<Mutex<Vec<KeptEvent>>>);

impl Pending {
    pub(crate) fn take(&self) -> Vec<KeptEvent> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, event: KeptEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

/// What the task that writes is sent.
pub(crate) enum ToWrite {
    Event(KeptEvent),
    /// Everything before this is written.
    Written(oneshot::Sender<()>),
}

/// Decides where an event goes.
pub(crate) struct Keeper {
    audit: Audit,
    queue: mpsc::Sender<ToWrite>,
    /// Whether events are being lost.
    is_full: AtomicBool,
}

impl Keeper {
    pub(crate) fn new(audit: Audit) -> (Self, mpsc::Receiver<ToWrite>) {
        let (queue, receiver) = mpsc::channel(Audit::QUEUE);
        (Self { audit, queue, is_full: AtomicBool::new(false) }, receiver)
    }

    /// Where the events of a request wait, if it is answered only once they are written.
    pub(super) fn pending(&self) -> Option<Pending> {
        self.audit.is_before.then(Pending::default)
    }

    pub(super) fn keep(&self, record: &EventRecord<'_>, pending: Option<&Pending>) {
        if !self.audit.keeps(&record.event) {
            return;
        }
        let Ok(json) = serde_json::to_string(record) else { return };
        let event = KeptEvent {
            time: record.time,
            client: record.client.map(str::to_owned),
            subject: record.subject.map(str::to_owned),
            scope: record.event.scope().map(str::to_owned),
            json,
        };
        match pending {
            Some(pending) => pending.push(event),
            None => {
                let is_full = self.queue.try_send(ToWrite::Event(event)).is_err();
                if is_full != self.is_full.swap(is_full, Ordering::Relaxed) && is_full {
                    tracing::error!("events are lost to the audit: the store does not take them fast enough");
                }
            }
        }
    }

    /// Waits until everything that is queued now is written.
    pub(crate) async fn written(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.queue.send(ToWrite::Written(sender)).await.is_ok() {
            let _ = receiver.await;
        }
    }
}
