use std::path::Path;
use std::sync::Arc;

use super::{By, Cursor, Entry, Key, Kind, Page, Query, Row, StoreError, StoreErrorKind, StoreFuture};
use crate::env::Timestamp;

/// What [`Backend::update`] should do with a row.
#[derive(Debug)]
pub enum Change {
    /// Leave the row unchanged.
    Keep,
    /// Replace it with this row.
    Replace(Row),
    /// Remove the row.
    Remove,
}

/// What [`Backend::update`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// There is no such row. The closure was not called, or its decision was discarded.
    Missing,
    /// The row exists and was left unchanged.
    Kept,
    /// The row was replaced.
    Replaced,
    /// The row was removed.
    Removed,
}

/// The storage contract: what a database must do to store gridauth's rows.
///
/// Every promise holds between all callers, in all processes that use the same store. An operation returns
/// only once its effect is as durable as the store promises. The [conformance kit](super::conformance) checks an
/// implementation, races included.
pub trait Backend: Send + Sync + 'static {
    /// A short name of the kind of store, such as `memory`, for logs.
    fn name(&self) -> &str {
        "custom"
    }

    /// Reads the row of `key`, if there is one. A read sees every write that returned before it began.
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>>;

    /// Creates the row. Returns true if this call created it; false if there was one, which stays unchanged. Of
    /// racing callers exactly one gets true.
    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool>;

    /// Creates the row, or replaces the existing one.
    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()>;

    /// Updates the row atomically: nothing changes it between the call to `decide` and the write.
    ///
    /// `decide` may be called more than once, if the row changes in the meantime; only its last decision counts. It
    /// must not block and must not call the store.
    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated>;

    /// Removes the row. Returns true if this call removed it; of racing callers exactly one gets true.
    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool>;

    /// Reads one page of a listing. A row that exists and matches for as long as the listing takes is in exactly one
    /// page. A row that is created, removed or changed in the meantime may be in a page or not.
    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page>;

    /// Where to continue a listing whose page for `query` failed, so that the part which failed is skipped. For a
    /// store that keeps rows in several places, one of which may be unreachable. `None` if nothing else is left.
    fn cursor_after_failure(&self, query: &Query<'_>) -> Option<Cursor> {
        let _ = query;
        None
    }

    /// Whether other processes may use the same rows. Then the processes tell each other of grants that end, so that each can close
    /// the connections that its guards hold open.
    fn is_shared(&self) -> bool {
        false
    }

    /// Checks that the store can be reached.
    fn ping(&self) -> StoreFuture<'_, ()>;

    /// Writes what the store has, at one moment, to a new file, while it serves. For a store in a file; the default refuses.
    fn snapshot<'a>(&'a self, path: &'a Path) -> StoreFuture<'a, ()> {
        let _ = path;
        StoreFuture::ready(Err(StoreError::new(
            StoreErrorKind::Refused,
            "this store has no snapshots: use its own backup, or copy it to another store",
        )))
    }

    /// Removes at most `limit` rows of `kind` that expired at or before `now`, and returns how many. Zero means that
    /// none is left. Several callers may run it concurrently. A row whose expiry is extended in the meantime stays.
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
                // An empty page, or one that another caller swept, need not be the last.
                match page.next {
                    Some(next) if removed == 0 && limit > 0 => query = query.after(next),
                    _ => return Ok(removed),
                }
            }
        })
    }
}
