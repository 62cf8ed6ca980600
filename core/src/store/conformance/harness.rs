use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Barrier;

use crate::Store;
use crate::env::Timestamp;
use crate::store::{By, Change, Entry, Key, Kind, Query, Row, StoreError, Updated};

/// Why a case failed.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) expected: String,
    pub(super) seen: String,
}

/// What a case returns.
pub(super) type Outcome<T = ()> = Result<T, Mismatch>;

impl From<StoreError> for Mismatch {
    fn from(error: StoreError) -> Self {
        Self { expected: "an answer".to_owned(), seen: format!("the error {:?}: {error}", error.kind()) }
    }
}

/// The mismatch between `expected` and `seen`.
pub(super) fn mismatch<T>(expected: impl Into<String>, seen: impl Into<String>) -> Outcome<T> {
    Err(Mismatch { expected: expected.into(), seen: seen.into() })
}

/// Fails the case unless both are equal; `what` names what was compared.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, seen: T) -> Outcome {
    if expected == seen {
        return Ok(());
    }
    mismatch(format!("{what} to be {}", brief(&expected)), brief(&seen))
}

/// A value's `Debug` output, cut off if it is long.
fn brief(value: &impl std::fmt::Debug) -> String {
    let mut text = format!("{value:?}");
    if text.len() > 300 {
        let end = (0..=300).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Fails the case unless the rows are equal in every column and in the body.
pub(super) fn same_row(what: &str, expected: &Row, seen: Option<&Row>) -> Outcome {
    match seen {
        Some(seen) if seen == expected => Ok(()),
        Some(seen)
            if (seen.body().len(), format!("{seen:?}"))
                == (expected.body().len(), format!("{expected:?}")) =>
        {
            mismatch(
                format!("{what} with the body that was written"),
                "a body of the same length that differs",
            )
        }
        Some(seen) => mismatch(format!("{what} to be {expected:?}"), format!("{seen:?}")),
        None => mismatch(format!("{what} to be {expected:?}"), "no row"),
    }
}

/// The store under test, with one handle or several, and a name space for one case.
#[derive(Clone)]
pub(super) struct Harness {
    handles: Arc<[Store]>,
    next: Arc<AtomicUsize>,
    tag: Arc<str>,
}

impl Harness {
    pub(super) fn new(handles: Arc<[Store]>, tag: String) -> Self {
        Self { handles, next: Arc::new(AtomicUsize::new(0)), tag: tag.into() }
    }

    /// The next handle in turn. With several handles to one database, each must read what the others wrote.
    pub(super) fn store(&self) -> &Store {
        &self.handles[self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len()]
    }

    /// An id, user or client that no other run uses.
    pub(super) fn own(&self, name: impl std::fmt::Display) -> String {
        format!("{}-{name}", self.tag)
    }

    pub(super) async fn get(&self, kind: Kind, id: &str) -> Outcome<Option<Arc<Row>>> {
        Ok(self.store().get(Key::new(kind, id)).await?)
    }

    pub(super) async fn insert(&self, kind: Kind, id: &str, row: Row) -> Outcome<bool> {
        Ok(self.store().insert(Key::new(kind, id), row).await?)
    }

    /// Inserts a row that must not exist yet.
    pub(super) async fn create(&self, kind: Kind, id: &str, row: Row) -> Outcome {
        same("the answer to an insert of a new row", true, self.insert(kind, id, row).await?)
    }

    pub(super) async fn put(&self, kind: Kind, id: &str, row: Row) -> Outcome {
        Ok(self.store().put(Key::new(kind, id), row).await?)
    }

    pub(super) async fn remove(&self, kind: Kind, id: &str) -> Outcome<bool> {
        Ok(self.store().remove(Key::new(kind, id)).await?)
    }

    pub(super) async fn update(
        &self,
        kind: Kind,
        id: &str,
        mut decide: impl FnMut(&Row) -> Change + Send,
    ) -> Outcome<Updated> {
        Ok(self.store().update(Key::new(kind, id), &mut decide).await?)
    }

    /// Replaces a row that must exist.
    pub(super) async fn replace(&self, kind: Kind, id: &str, row: &Row) -> Outcome {
        let updated = self.update(kind, id, |_| Change::Replace(row.clone())).await?;
        same("the answer to an update that replaces", Updated::Replaced, updated)
    }

    /// All rows of a listing, read in pages of at most `limit`.
    pub(super) async fn list(&self, kind: Kind, by: By<'_>, limit: usize) -> Outcome<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut query = Query::new(kind, by).limit(limit);
        for _ in 0..MAX_PAGES {
            let page = self.store().list(query.clone()).await?;
            if page.entries.len() > limit {
                return mismatch(
                    format!("at most {limit} rows in a page"),
                    format!("a page of {}", page.entries.len()),
                );
            }
            entries.extend(page.entries);
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(entries),
            }
        }
        mismatch("a listing that ends", format!("another page after {MAX_PAGES}"))
    }

    /// The ids in a listing that belong to this case, sorted.
    pub(super) async fn list_own(&self, kind: Kind, by: By<'_>, limit: usize) -> Outcome<Vec<String>> {
        let mut ids: Vec<String> =
            self.list(kind, by, limit).await?.into_iter().map(|entry| entry.id).collect();
        ids.retain(|id| id.starts_with(&*self.tag));
        ids.sort();
        Ok(ids)
    }

    /// Runs `caller` in `callers` tasks that start together. Returns their results in order.
    pub(super) async fn race<T, F>(
        &self,
        callers: usize,
        caller: impl Fn(usize, Self) -> F,
    ) -> Outcome<Vec<T>>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let start = Arc::new(Barrier::new(callers));
        let tasks: Vec<_> = (0..callers)
            .map(|number| {
                let (start, running) = (Arc::clone(&start), caller(number, self.clone()));
                tokio::spawn(async move {
                    start.wait().await;
                    running.await
                })
            })
            .collect();
        let mut answers = Vec::with_capacity(callers);
        for task in tasks {
            match task.await {
                Ok(answer) => answers.push(answer?),
                Err(died) => return mismatch("an answer", format!("a task that died: {died}")),
            }
        }
        Ok(answers)
    }
}

/// A listing with more pages counts as endless.
const MAX_PAGES: usize = 20_000;

/// A moment in 2023, to which the times of the cases relate.
pub(super) const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// The moment `milliseconds` from [`NOON`].
pub(super) const fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(NOON.as_millis() + milliseconds)
}

/// A row whose body holds `number`.
pub(super) fn numbered(number: usize) -> Row {
    Row::new(NOON, format!(r#"{{"number":{number}}}"#))
}

/// The number that the body of a [`numbered`] row holds.
pub(super) fn number_in(row: &Row) -> Outcome<usize> {
    match row.body().strip_prefix(r#"{"number":"#).and_then(|rest| rest.strip_suffix('}')?.parse().ok()) {
        Some(number) => Ok(number),
        None => mismatch("a body that the case wrote", brief(&row.body())),
    }
}
