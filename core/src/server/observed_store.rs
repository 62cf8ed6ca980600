//! The store as the server uses it: each operation is a span, and an event tells when the store is lost and when it is back.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::env::Timestamp;
use crate::events::{Event, Events, Stopwatch};
use crate::store::{
    Backend, Change, Cursor, Key, Kind, Page, Query, Row, StoreError, StoreErrorKind, StoreFuture, Updated,
};

/// The store counts as back once no operation has failed for this long. Where one node of several is down, operations succeed and fail
/// in turn, and a log of every turn tells nothing.
const QUIET: Duration = Duration::from_secs(2);

/// `AtomicI64` has no absence.
const NEVER: i64 = i64::MIN;

pub(super) struct ObservedStore {
    store: Arc<dyn Backend>,
    events: Events,
    /// When it was lost, in milliseconds; `NEVER` if it is there.
    lost: AtomicI64,
    /// When an operation failed last.
    failed: AtomicI64,
}

impl ObservedStore {
    pub(super) fn new(store: Arc<dyn Backend>, events: Events) -> Self {
        Self { store, events, lost: AtomicI64::new(NEVER), failed: AtomicI64::new(NEVER) }
    }

    /// Does an operation. Where its answer is known at once, nothing is allocated.
    #[inline]
    fn observe<'a, T: Send + Unpin + 'a>(
        &'a self,
        operation: &'static str,
        kind: Option<Kind>,
        begin: impl FnOnce(&'a dyn Backend) -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        let span = self.span(operation, kind);
        let stopwatch = Stopwatch::start();
        let begun = span.in_scope(|| begin(&*self.store));
        match begun.into_answer() {
            Ok(answer) => {
                self.done(&span, &answer, operation, stopwatch);
                StoreFuture::ready(answer)
            }
            Err(waiting) => {
                let entered = span.clone();
                let work = async move {
                    let answer = waiting.await;
                    self.done(&span, &answer, operation, stopwatch);
                    answer
                };
                StoreFuture::new(work.instrument(entered))
            }
        }
    }

    /// OpenTelemetry's conventions for databases.
    fn span(&self, operation: &'static str, kind: Option<Kind>) -> Span {
        tracing::debug_span!(
            target: "gridauth::store",
            "store",
            otel.name = operation,
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = self.store.name(),
            db.operation.name = operation,
            db.collection.name = kind.map(Kind::name),
            error.type = Empty,
        )
    }

    #[inline]
    fn done<T>(
        &self,
        span: &Span,
        answer: &Result<T, StoreError>,
        operation: &'static str,
        stopwatch: Stopwatch,
    ) {
        stopwatch.stop_store(operation, answer.is_ok());
        match answer {
            Ok(_) if self.lost.load(Ordering::Relaxed) == NEVER => {}
            Ok(_) => self.succeeded(),
            Err(error) => self.failed(span, error),
        }
    }

    #[cold]
    fn succeeded(&self) {
        let (now, lost) = (self.events.now(), self.lost.load(Ordering::Relaxed));
        let failed = Timestamp::from_millis(self.failed.load(Ordering::Relaxed));
        let is_back = lost != NEVER && now.since(failed) >= QUIET;
        if is_back && self.lost.compare_exchange(lost, NEVER, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let seconds = now.since(Timestamp::from_millis(lost)).as_secs();
            self.events.emit(Event::StoreBack { seconds });
        }
    }

    #[cold]
    fn failed(&self, span: &Span, error: &StoreError) {
        let (kind, is_gone) = match error.kind() {
            StoreErrorKind::Unavailable => ("unavailable", true),
            StoreErrorKind::OutcomeUnknown => ("outcome_unknown", true),
            StoreErrorKind::Corrupt => ("corrupt", false),
            StoreErrorKind::Refused => ("refused", false),
            StoreErrorKind::Internal => ("internal", false),
        };
        span.record("otel.status_code", "ERROR");
        span.record("error.type", kind);
        if !is_gone {
            return;
        }
        let now = self.events.now().as_millis();
        self.failed.store(now, Ordering::Relaxed);
        if self.lost.compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.events.emit(Event::StoreLost { error: &error.to_string() });
        }
    }
}

impl Backend for ObservedStore {
    fn name(&self) -> &str {
        self.store.name()
    }

    #[inline]
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        self.observe("get", Some(key.kind), |store| store.get(key))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.observe("insert", Some(key.kind), |store| store.insert(key, row))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.observe("put", Some(key.kind), |store| store.put(key, row))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.observe("update", Some(key.kind), |store| store.update(key, decide))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.observe("remove", Some(key.kind), |store| store.remove(key))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.observe("list", Some(query.kind), |store| store.list(query))
    }

    fn cursor_after_failure(&self, query: &Query<'_>) -> Option<Cursor> {
        self.store.cursor_after_failure(query)
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.observe("ping", None, |store| store.ping())
    }

    fn snapshot<'a>(&'a self, path: &'a Path) -> StoreFuture<'a, ()> {
        self.observe("snapshot", None, move |store| store.snapshot(path))
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        self.observe("remove_expired", Some(kind), move |store| store.remove_expired(kind, now, limit))
    }
}

#[cfg(test)]
mod tests {
    /// A method that is not passed on would fall back to the trait's own code.
    #[test]
    fn every_method_of_a_backend_is_passed_on() {
        let own = include_str!("observed_store.rs");
        let (_, own) = own.split_once("impl Backend for").unwrap();
        let (_, contract) = include_str!("../store/backend.rs").split_once("pub trait Backend").unwrap();
        let methods: Vec<&str> = contract
            .lines()
            .filter_map(|line| line.strip_prefix("    fn ")?.split(['(', '<']).next())
            .collect();
        assert!(methods.len() >= 10, "{methods:?}");
        for method in methods {
            assert!(own.contains(&format!("    fn {method}")), "{method} is not passed on");
        }
    }
}
