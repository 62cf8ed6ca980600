//! A handle to a backend that somebody else holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridauth::store::{Backend, Change, Key, Page, Query, Row, StoreFuture, Updated};

/// A second handle to a backend, with the sweep that the trait provides. Counts the operations.
pub(crate) struct Delegate<B> {
    backend: Arc<B>,
    pub(crate) operations: Arc<AtomicUsize>,
}

impl<B> Delegate<B> {
    pub(crate) fn new(backend: Arc<B>) -> Self {
        Self { backend, operations: Arc::default() }
    }

    fn counted(&self) -> &B {
        self.operations.fetch_add(1, Ordering::Relaxed);
        &self.backend
    }
}

impl<B: Backend> Backend for Delegate<B> {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        self.counted().get(key)
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.counted().insert(key, row)
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.counted().put(key, row)
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.counted().update(key, decide)
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.counted().remove(key)
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.counted().list(query)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.counted().ping()
    }
}
