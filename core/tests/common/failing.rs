//! A store in memory that fails where it is told to.

use std::sync::{Arc, Mutex};

use gridauth::env::Timestamp;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{
    Backend, Change, Key, Kind, Page, Query, Row, StoreError, StoreErrorKind, StoreFuture, Updated,
};

/// What the store is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked<'a> {
    Get,
    Insert,
    Put,
    Update,
    Remove(Key<'a>),
    List(&'a Query<'a>),
    Ping,
    Sweep(Kind),
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fails {
    /// Nothing was done.
    Before,
    /// It was done, and its answer is lost.
    After,
}

type Order = Box<dyn FnMut(Asked<'_>) -> Option<Fails> + Send>;

/// Clones are one store.
#[derive(Clone, Default)]
pub(crate) struct Failing(Arc<Shared>);

#[derive(Default)]
struct Shared {
    memory: MemoryStore,
    order: Mutex<Option<Order>>,
}

impl Failing {
    /// From now on a call fails as `order` says.
    pub(crate) fn order(&self, order: impl FnMut(Asked<'_>) -> Option<Fails> + Send + 'static) {
        *self.0.order.lock().unwrap() = Some(Box::new(order));
    }

    /// From now on nothing fails.
    pub(crate) fn clear(&self) {
        *self.0.order.lock().unwrap() = None;
    }

    fn ask<'a, T: Send + Unpin + 'a>(
        &'a self,
        asked: Asked<'_>,
        work: impl FnOnce(&'a MemoryStore) -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        let fails = self.0.order.lock().unwrap().as_mut().and_then(|order| order(asked));
        let lost = StoreError::new(StoreErrorKind::OutcomeUnknown, "a planted loss of an answer");
        match fails {
            None => work(&self.0.memory),
            Some(Fails::Before) => StoreFuture::ready(Err(StoreError::unavailable("a planted error"))),
            Some(Fails::After) => {
                let done = work(&self.0.memory);
                StoreFuture::new(async move { done.await.and(Err(lost)) })
            }
        }
    }
}

impl Backend for Failing {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        self.ask(Asked::Get, |memory| memory.get(key))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.ask(Asked::Insert, |memory| memory.insert(key, row))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.ask(Asked::Put, |memory| memory.put(key, row))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.ask(Asked::Update, |memory| memory.update(key, decide))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.ask(Asked::Remove(key), |memory| memory.remove(key))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        let asked = query.clone();
        self.ask(Asked::List(&asked), |memory| memory.list(query))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.ask(Asked::Ping, Backend::ping)
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        self.ask(Asked::Sweep(kind), |memory| memory.remove_expired(kind, now, limit))
    }
}
