use std::fmt;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::keeper::Keeper;
#[cfg(feature = "metrics")]
use super::metrics;
use super::request::{RequestContext, RequestId, given_id};
use super::{EventRecord, log};
use crate::env::{Clock, Entropy, EntropyError, Timestamp};

/// What the application does with an event.
pub(crate) type Listener = Arc<dyn Fn(&EventRecord<'_>) + Send + Sync>;

/// Emits events: to the log, and to whoever else listens. A cheap handle.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    listeners: Vec<Listener>,
    keeper: Option<Keeper>,
    /// The key of digests. It is never stored, so nobody can try out later what was typed.
    key: [u8; 32],
    /// The start of the ids of requests, so that those of two processes differ.
    process: u32,
    requests: AtomicU64,
}

impl Events {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        listeners: Vec<Listener>,
        keeper: Option<Keeper>,
    ) -> Result<Self, EntropyError> {
        let (mut key, mut process) = ([0; 32], [0; 4]);
        entropy.fill(&mut key)?;
        entropy.fill(&mut process)?;
        let process = u32::from_be_bytes(process);
        let requests = AtomicU64::new(0);
        Ok(Self(Arc::new(Inner { clock, listeners, keeper, key, process, requests })))
    }

    /// Emits an event. Its time, and the source and the id of the request, are filled in.
    pub fn emit<'a>(&self, event: impl Into<EventRecord<'a>>) {
        self.emit_record(event.into());
    }

    fn emit_record(&self, record: EventRecord<'_>) {
        let request = RequestContext::current();
        let record = EventRecord {
            time: self.0.clock.now(),
            source: record.source.or(request.as_ref().and_then(|request| request.source)),
            request_id: record.request_id.or(request.as_ref().map(|request| request.id.as_str())),
            ..record
        };
        self.emit_when_true(record);
    }

    pub(super) fn write(&self, record: &EventRecord<'_>) {
        log::write(record);
        #[cfg(feature = "metrics")]
        metrics::count(record);
        for listener in &self.0.listeners {
            listener(record);
        }
        if let Some(keeper) = &self.0.keeper {
            let request = RequestContext::current();
            keeper.keep(record, request.as_ref().and_then(|request| request.pending.as_ref()));
        }
    }

    /// What is written to the store, if anything is.
    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        self.0.keeper.as_ref()
    }

    /// The time, by the server's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A keyed digest of a text that somebody typed: equal for equal texts for as long as the process lives, and of no use to anybody
    /// who does not have the key, which is only in its memory.
    pub fn digest(&self, typed: &str) -> String {
        let mut text = String::with_capacity(16);
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0.key) {
            mac.update(typed.as_bytes());
            for byte in mac.finalize().into_bytes().iter().take(8) {
                let _ = write!(text, "{byte:02x}");
            }
        }
        text
    }

    /// The context of a request from this source. `given` is the id that it came with.
    pub(crate) fn request(&self, source: Option<IpAddr>, given: Option<&[u8]>) -> RequestContext {
        let id = given.and_then(given_id).unwrap_or_else(|| {
            let mut id = RequestId::new();
            let number = self.0.requests.fetch_add(1, Ordering::Relaxed);
            let _ = write!(id, "{:08x}-{number:x}", self.0.process);
            id
        });
        RequestContext { source, id, pending: self.0.keeper.as_ref().and_then(Keeper::pending) }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("listeners", &self.0.listeners.len()).finish_non_exhaustive()
    }
}
