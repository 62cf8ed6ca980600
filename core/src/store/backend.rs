use std::sync::Arc;

use super::{By, Cursor, Entry, Key, Kind, Page, Query, Row, StoreFuture};
use crate::env::Timestamp;

/// What [`Backend::update`] should do with the row that its closure was shown.
#[derive(Debug)]
pub enum Change {
    /// Leave the row as it is.
    Keep,
    /// Put this row in its place.
    Replace(Row),
    /// Remove the row.
    Remove,
}

/// What [`Backend::update`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// There is no such row; the closure was not called, or what it said no longer counts.
    Missing,
    /// The row is there and was left as it is.
    Kept,
    /// The row was replaced.
    Replaced,
    /// The row was removed.
    Removed,
}

/// The storage contract: what any database has to do to keep gridauth's rows.
///
/// Every promise holds between all callers in all processes that use the same store. An answer is given only once
/// what it says will survive as much as the store promises to survive. The conformance kit checks an
/// implementation, its races included.
pub trait Backend: Send + Sync + 'static {
    /// The row of `key`, if there is one. What an answered write has written is seen by every later read.
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>>;

    /// Creates the row. True where this call created it, false where there was one, which then stays as it is. Of
    /// racing callers exactly one is told true.
    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool>;

    /// Creates the row, or puts it in the place of the one that is there.
    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()>;

    /// Reads, decides and writes as one: nothing changes the row between what `decide` is shown and what is done.
    ///
    /// `decide` may be called more than once, when the store finds that the row changed meanwhile; only its last
    /// answer counts. It must not wait and must not call the store.
    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated>;

    /// Removes the row. True where this call removed it; of racing callers exactly one is told true.
    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool>;

    /// One page of a listing. A row that is there, and matches, from before the first page is asked until after the
    /// last is answered is in exactly one page; one that comes, goes or changes meanwhile may be in a page or not.
    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page>;

    /// Where the listing goes on that failed at the page that `query` asked for, leaving that part of it out: for a store that
    /// keeps rows in several places, of which one may be out of reach. `None` where nothing else is left.
    fn past(&self, query: &Query<'_>) -> Option<Cursor> {
        let _ = query;
        None
    }

    /// Whether the store can be reached.
    fn ping(&self) -> StoreFuture<'_, ()>;

    /// Removes at most `limit` rows of `kind` that expired at or before `now`, and says how many it removed; zero is said
    /// only where none was left. Work is bounded, several callers may do it at once, and a row that was prolonged
    /// meanwhile stays.
    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let mut query = Query::new(kind, By::ExpiredAt(now)).limit(limit);
            let mut removed = 0;
            loop {
                let page = self.list(query.clone()).await?;
                for Entry { id, .. } in page.entries.into_iter().take(limit - removed) {
                    let mut decide = |row: &Row| match row.expires() {
                        Some(expires) if expires <= now => Change::Remove,
                        _ => Change::Keep,
                    };
                    if self.update(Key::new(kind, &id), &mut decide).await? == Updated::Removed {
                        removed += 1;
                    }
                }
                // A page that others swept meanwhile, or that had no rows, is not the end.
                match page.next {
                    Some(next) if removed == 0 && limit > 0 => query = query.after(next),
                    _ => return Ok(removed),
                }
            }
        })
    }
}
