//! The thread that writes.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use redb::{Database, Table};
use tokio::sync::oneshot;

use super::cache::OwnedKey;
use super::error::Failure;
use super::layout::{
    BY_CLIENT, BY_EXPIRY, BY_USER, ROWS, encode, expiry_prefix, name_prefix, row_key, with_id,
};
use super::queue::{Next, Operation, Write};
use super::shared::Shared;
use crate::store::{OpenError, Row};

/// Takes what is queued, commits all of it at once, and answers.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Opens the file again after an error.
    open: Box<dyn Fn() -> Result<Database, OpenError> + Send>,
}

/// What becomes of one row in a transaction.
struct Change {
    key: OwnedKey,
    /// The key in `rows`.
    place: Vec<u8>,
    before: Option<Arc<Row>>,
    after: Option<Arc<Row>>,
    /// How many queued writes this is.
    writes: usize,
}

/// How long no write has come when the free pages are saved, which makes the file quick to open after a crash. Doing that
/// in each commit would nearly double what a commit takes.
pub(super) const QUIET: Duration = Duration::from_millis(50);

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        open: impl Fn() -> Result<Database, OpenError> + Send + 'static,
    ) -> Self {
        Self { shared, open: Box::new(open) }
    }

    /// Works until the queue is closed and all of it is written.
    pub(super) fn run(self) {
        // Whatever ends this, nobody may wait for ever.
        let _end = End(&self.shared);
        let mut unsaved = false;
        loop {
            match self.shared.queue.next(unsaved.then_some(QUIET)) {
                Next::Commit(operations) => {
                    self.commit(operations);
                    unsaved = true;
                }
                Next::Quiet => {
                    if let Err(failure) = self.transact(&[], true) {
                        self.fail(Vec::new(), &failure);
                    }
                    unsaved = false;
                }
                Next::Reopen => {
                    self.fail(Vec::new(), &Failure::not_done("the store's file could not be read"))
                }
                Next::Stop => return,
            }
        }
    }

    /// Writes all operations in one transaction, and answers them.
    fn commit(&self, operations: Vec<Operation>) {
        let mut answers = Vec::with_capacity(operations.len());
        let mut writes = Vec::with_capacity(operations.len());
        for Operation { write, answer } in operations {
            answers.push(answer);
            writes.extend(write);
        }
        let changes = merge(writes);
        if !changes.is_empty()
            && let Err(failure) = self.transact(&changes, false)
        {
            return self.fail(answers, &failure);
        }
        for Change { key, after, writes, .. } in changes {
            match after {
                Some(row) => self.shared.cache.put(key.clone(), row),
                None => self.shared.cache.remove(key.as_key()),
            }
            self.shared.pending.settle(key.as_key(), writes);
        }
        self.shared.queue.answered(answers.len());
        for answer in answers {
            // Who no longer waits need not be told.
            let _ = answer.send(Ok(()));
        }
    }

    /// Does `changes` in one durable transaction.
    fn transact(&self, changes: &[Change], save_free_pages: bool) -> Result<(), Failure> {
        let guard = self.shared.database();
        let Some(database) = guard.as_ref() else {
            return Err(Failure::not_done("the store's file is not open"));
        };
        let committing = Cell::new(false);
        let failure = |reason: &dyn std::fmt::Display| {
            let message = format!("the store's file could not be written: {reason}");
            // A commit that failed may still have reached the disk.
            if committing.get() { Failure::unknown(message) } else { Failure::not_done(message) }
        };
        let transaction = || write(database, changes, save_free_pages, &committing);
        match catch_unwind(AssertUnwindSafe(transaction)) {
            Ok(written) => written.map_err(|error| failure(&error)),
            Err(_) => Err(failure(&"it is damaged")),
        }
    }

    /// After an error nothing that was queued may be written, as it was decided on from what did not come to be. Tells
    /// everyone, and opens the file anew: what a failed commit left behind, the database finds out only then.
    fn fail(&self, answers: Vec<oneshot::Sender<Result<(), Failure>>>, failure: &Failure) {
        tracing::error!(error = failure.message(), "the store's file failed and is opened again");
        let queue = &self.shared.queue;
        let rest = {
            let mut stopped = self.shared.pending.stop();
            let rest = queue.take_all();
            self.shared.replace_database(None);
            self.shared.cache.clear();
            stopped.clear();
            rest
        };
        queue.answered(answers.len() + rest.len());
        for answer in answers {
            let _ = answer.send(Err(failure.clone()));
        }
        let not_done = Failure::not_done(failure.message());
        for operation in rest {
            let _ = operation.answer.send(Err(not_done.clone()));
        }

        let mut pause = Duration::from_millis(5);
        loop {
            match (self.open)() {
                Ok(database) => return self.shared.replace_database(Some(database)),
                Err(error) => tracing::error!(%error, "the store's file cannot be opened again yet"),
            }
            if queue.closed_within(pause) {
                return;
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

/// The changes that `writes` amount to, one for each row, in the order of the rows in the file: pages are then written
/// one after the other, each once.
fn merge(writes: Vec<Write>) -> Vec<Change> {
    let changes = writes.into_iter().map(|Write { key, before, after }| {
        let place = row_key(key.as_key());
        Change { key, place, before, after, writes: 1 }
    });
    let mut changes: Vec<_> = changes.collect();
    // Stable: writes of one row stay in their order.
    changes.sort_by(|one, other| one.place.cmp(&other.place));
    changes.dedup_by(|later, earlier| {
        let same = later.place == earlier.place;
        if same {
            earlier.after = later.after.take();
            earlier.writes += later.writes;
        }
        same
    });
    changes
}

fn write(
    database: &Database,
    changes: &[Change],
    save_free_pages: bool,
    committing: &Cell<bool>,
) -> Result<(), redb::Error> {
    // Durable at once, as transactions are unless told otherwise.
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(save_free_pages);
    if !changes.is_empty() {
        let mut rows = transaction.open_table(ROWS)?;
        for Change { place, before, after, .. } in changes {
            match after {
                Some(row) => {
                    rows.insert(&**place, &*encode(place, row))?;
                }
                None if before.is_some() => {
                    rows.remove(&**place)?;
                }
                None => {}
            }
        }
        let name = |key: &OwnedKey, name: &str| with_id(name_prefix(key.kind, name), &key.id);
        index(&mut transaction.open_table(BY_USER)?, changes, |key, row| Some(name(key, row.user()?)))?;
        index(&mut transaction.open_table(BY_CLIENT)?, changes, |key, row| Some(name(key, row.client()?)))?;
        index(&mut transaction.open_table(BY_EXPIRY)?, changes, |key, row| {
            Some(with_id(expiry_prefix(key.kind, row.expires()?), &key.id))
        })?;
    }
    committing.set(true);
    Ok(transaction.commit()?)
}

/// Makes an index follow `changes`; `entry` is the entry that a row has there.
fn index(
    table: &mut Table<'_, &[u8], ()>,
    changes: &[Change],
    entry: impl Fn(&OwnedKey, &Row) -> Option<Vec<u8>>,
) -> Result<(), redb::Error> {
    let mut entries = Vec::new();
    for Change { key, before, after, .. } in changes {
        let before = before.as_ref().and_then(|row| entry(key, row));
        let after = after.as_ref().and_then(|row| entry(key, row));
        if before != after {
            entries.extend(before.map(|entry| (entry, false)));
            entries.extend(after.map(|entry| (entry, true)));
        }
    }
    entries.sort();
    for (entry, there) in entries {
        if there {
            table.insert(&*entry, ())?;
        } else {
            table.remove(&*entry)?;
        }
    }
    Ok(())
}

/// Ends the store when the writer does.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.queue.close();
        // Who still waits is told by the loss of the answer.
        drop(self.0.queue.take_all());
        self.0.replace_database(None);
    }
}
