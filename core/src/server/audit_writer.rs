//! Writes events as rows.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::env::Entropy;
use crate::events::{KeptEvent, ToWrite};
use crate::model::AuditEntry;
use crate::store::{Columns, Key, Kind, Row, Store, StoreError, StoreErrorKind};

/// How many rows the task writes at once.
const BATCH: usize = 64;

/// The pause after a failed write.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes events to the store.
#[derive(Clone)]
pub(super) struct AuditWriter {
    pub(super) store: Store,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) keep_for: Duration,
}

type Insert<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

impl AuditWriter {
    /// Writes all of them, at the same time. The first error is returned once all are done.
    pub(super) async fn write(&self, events: &[KeptEvent]) -> Result<(), StoreError> {
        let mut inserts: Vec<Insert<'_>> = Vec::with_capacity(events.len());
        for event in events {
            inserts.push(Box::pin(self.insert(event)));
        }
        let mut outcome = Ok(());
        poll_fn(|context| {
            inserts.retain_mut(|insert| match insert.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(done) => {
                    if outcome.is_ok() {
                        outcome = done;
                    }
                    false
                }
            });
            if inserts.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        outcome
    }

    async fn insert(&self, event: &KeptEvent) -> Result<(), StoreError> {
        let mut random = [0; 10];
        self.entropy.fill(&mut random).map_err(|error| StoreError::unavailable(error.to_string()))?;
        let id = AuditEntry::row_id(event.time, &random);
        let columns = Columns {
            user: event.subject.as_deref(),
            client: event.client.as_deref(),
            scope: event.scope.as_deref(),
            issued: event.time,
            expires: Some(event.time.after(self.keep_for)),
        };
        // 80 random bits within a millisecond: the id is not taken.
        self.store.insert(Key::new(Kind::Audit, &id), Row::whole(columns, &event.json)).await.map(drop)
    }

    /// Starts the task that writes what comes.
    pub(super) fn spawn(self, queue: mpsc::Receiver<ToWrite>) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run(queue))),
            Err(_) => tracing::warn!("no Tokio runtime: events outside of requests are lost to the audit"),
        }
    }

    /// Writes what comes, until the server is dropped.
    async fn run(self, mut queue: mpsc::Receiver<ToWrite>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            let (mut events, mut waiting) = (Vec::new(), Vec::new());
            for message in batch.drain(..) {
                match message {
                    ToWrite::Event(event) => events.push(event),
                    ToWrite::Written(sender) => waiting.push(sender),
                }
            }
            while let Err(error) = self.write(&events).await {
                // What a store refuses, it refuses again.
                if error.kind() == StoreErrorKind::Refused {
                    tracing::error!(%error, "an event is lost to the audit");
                    break;
                }
                tracing::warn!(%error, "events cannot be written to the audit now");
                if queue.is_closed() {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            for sender in waiting {
                let _ = sender.send(());
            }
        }
    }
}
