use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Change, Key, Kind, Page, Query, Row, StoreFuture, Updated};

type Rows = HashMap<(Kind, String), Option<Arc<Row>>>;

/// A database behind a cache that does not know about other caches.
pub(crate) struct Cached {
    database: Arc<MemoryStore>,
    cache: Mutex<Rows>,
}

impl Cached {
    pub(crate) fn new(database: Arc<MemoryStore>) -> Self {
        Self { database, cache: Mutex::default() }
    }

    /// Writes and removes the cached row, atomically.
    fn write<'a, T>(
        &'a self,
        key: Key<'a>,
        write: impl FnOnce() -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        let mut cache = self.cache.lock().unwrap();
        let answer = write();
        cache.remove(&(key.kind, key.id.to_owned()));
        answer
    }
}

impl Backend for Cached {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        // While the cache is locked nothing writes to the database, and the database answers at once.
        let mut cache = self.cache.lock().unwrap();
        let cache_key = (key.kind, key.id.to_owned());
        if let Some(row) = cache.get(&cache_key) {
            return StoreFuture::ready(Ok(row.clone()));
        }
        let answer = at_once(self.database.get(key));
        if let Ok(row) = &answer {
            cache.insert(cache_key, row.clone());
        }
        StoreFuture::ready(answer)
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.write(key, || self.database.insert(key, row))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.write(key, || self.database.put(key, row))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.write(key, || self.database.update(key, decide))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.write(key, || self.database.remove(key))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.database.list(query)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.database.ping()
    }
}

fn at_once<T: Unpin>(future: StoreFuture<'_, T>) -> Result<T, gridauth::store::StoreError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store in memory did not answer at once"),
    }
}
