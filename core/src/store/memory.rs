//! A store that keeps nothing beyond the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Backend, By, Change, Cursor, Entry, Key, Kind, Page, Query, Row, StoreFuture, Updated};

/// Rows in a map: for tests, and for a first try.
#[derive(Default)]
pub struct MemoryStore {
    rows: Mutex<HashMap<Kind, HashMap<String, Arc<Row>>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, kind: Kind, work: impl FnOnce(&mut HashMap<String, Arc<Row>>) -> T) -> T {
        work(self.rows.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default())
    }
}

impl Backend for MemoryStore {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        StoreFuture::ready(Ok(self.with(key.kind, |rows| rows.get(key.id).cloned())))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        StoreFuture::ready(Ok(self.with(key.kind, |rows| {
            let absent = !rows.contains_key(key.id);
            if absent {
                rows.insert(key.id.to_owned(), Arc::new(row));
            }
            absent
        })))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.with(key.kind, |rows| rows.insert(key.id.to_owned(), Arc::new(row)));
        StoreFuture::ready(Ok(()))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        StoreFuture::ready(Ok(self.with(key.kind, |rows| {
            let Some(row) = rows.get(key.id) else { return Updated::Missing };
            match decide(row) {
                Change::Keep => Updated::Kept,
                Change::Replace(row) => {
                    rows.insert(key.id.to_owned(), Arc::new(row));
                    Updated::Replaced
                }
                Change::Remove => {
                    rows.remove(key.id);
                    Updated::Removed
                }
            }
        })))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        StoreFuture::ready(Ok(self.with(key.kind, |rows| rows.remove(key.id).is_some())))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        let mut entries: Vec<Entry> = self.with(query.kind, |rows| {
            rows.iter()
                .filter(|(id, _)| {
                    query.after.as_ref().is_none_or(|Cursor(after)| id.as_str() > after.as_str())
                })
                .filter(|(_, row)| match query.by {
                    By::Any => true,
                    By::User(user) => row.user() == Some(user),
                    By::Client(client) => row.client() == Some(client),
                    By::ExpiredAt(now) => row.expires().is_some_and(|expires| expires <= now),
                })
                .map(|(id, row)| Entry { id: id.clone(), row: Arc::clone(row) })
                .collect()
        });
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        let more = entries.len() > query.limit;
        entries.truncate(query.limit);
        let next = if more { entries.last().map(|entry| Cursor(entry.id.clone())) } else { None };
        StoreFuture::ready(Ok(Page { entries, next }))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        StoreFuture::ready(Ok(()))
    }
}
