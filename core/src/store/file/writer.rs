//! The thread that writes the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::applier::{Applier, Batch};
use super::error::Failure;
use super::layout::encode;
use super::log::{Log, Recovered};
use super::open::Opened;
use super::queue::{Answer, Next, Operation, Until, Write};
use super::shared::Shared;
use super::transaction::apply;
use crate::store::OpenError;

/// Commits queued operations to the log, answers them, and has the database apply the log.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Reopens the file after an error.
    open: Box<dyn Fn() -> Result<Opened, OpenError> + Send>,
    log: Log,
    applier: Applier,
    /// The applier is working on a batch.
    applying: bool,
    /// The writes in the log since the latest checkpoint.
    writes: Vec<Write>,
    /// Callers that wait until the database has them.
    waiting: Vec<Answer>,
}

/// After this long without writes, the database applies the log, however short it is.
pub(super) const QUIET: Duration = Duration::from_millis(250);
/// The database applies the log when it has this many bytes. A larger value means fewer transactions and more log to read
/// after a crash.
const DUE: u64 = 4 << 20;
/// At this size the log waits for the database.
const FULL: u64 = 4 * DUE;

impl Writer {
    /// A writer for a store that was just opened. `open` opens it again after an error.
    pub(super) fn new(
        shared: Arc<Shared>,
        open: Box<dyn Fn() -> Result<Opened, OpenError> + Send>,
        log: Log,
        applier: Applier,
    ) -> Self {
        Self { shared, open, log, applier, applying: false, writes: Vec::new(), waiting: Vec::new() }
    }

    /// Runs until the queue is closed and everything in it is written. `recovered` is what an earlier process left in the
    /// log.
    pub(super) fn run(mut self, recovered: Recovered<Write>) {
        // However this ends, no caller may wait forever.
        let _end = End(Arc::clone(&self.shared));
        let Recovered { records: writes, checkpoint, full } = recovered;
        if !writes.is_empty() {
            self.apply(Batch { writes, checkpoint, waiting: Vec::new() });
            if full {
                self.wait_for_database();
            }
        }
        loop {
            if self.applying && self.log.size() >= FULL {
                self.wait_for_database();
            }
            let patience = (!self.applying && !self.writes.is_empty()).then_some(QUIET);
            match self.shared.queue.next(patience) {
                Next::Commit(operations) => self.commit(operations),
                Next::Applied(result) => self.applied(result),
                Next::Quiet => self.apply_log(),
                Next::Reopen => self.fail(Vec::new(), &Failure::not_done("cannot read the store's file")),
                Next::Stop => return self.close(),
            }
        }
    }

    /// Appends all operations to the log in one batch and answers them.
    fn commit(&mut self, operations: Vec<Operation>) {
        let operations_count = operations.len();
        let mut answers = Vec::with_capacity(operations_count);
        let first = self.writes.len();
        for Operation { until, answer } in operations {
            match until {
                Until::Written(write) => {
                    self.writes.push(write);
                    answers.push(answer);
                }
                Until::Durable => answers.push(answer),
                Until::InDatabase => self.waiting.push(answer),
            }
        }
        let new = &self.writes[first..];
        if !new.is_empty() {
            let records = new.iter().map(|Write { table_key, after, .. }| {
                (&**table_key, after.as_ref().map(|row| encode(table_key, row)))
            });
            if let Err(failure) = self.log.append(records) {
                self.shared.queue.answered(operations_count - answers.len());
                return self.fail(answers, &failure);
            }
            for Write { key, after, .. } in new {
                // In this order, so that a reader that misses the cache does not see an older version than one that hits it.
                self.shared.pending.written(key.as_key(), after.clone(), self.log.next_checkpoint());
                match after {
                    Some(row) => self.shared.cache.renew(key, row),
                    None => self.shared.cache.remove(key.as_key()),
                }
            }
            self.shared.ahead.fetch_add(new.len(), Ordering::Release);
        }
        self.shared.queue.answered(operations_count);
        for answer in answers {
            // The caller may have given up.
            let _ = answer.send(Ok(()));
        }
        self.apply_log_if_due();
    }

    fn apply_log_if_due(&mut self) {
        if !self.applying && (self.log.size() >= DUE || !self.waiting.is_empty()) {
            self.apply_log();
        }
    }

    /// Has the database apply everything that the log has.
    fn apply_log(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if self.writes.is_empty() {
            for answer in waiting {
                let _ = answer.send(Ok(()));
            }
            return;
        }
        // Expect about as many writes until the next checkpoint.
        let empty = Vec::with_capacity(self.writes.len());
        let writes = std::mem::replace(&mut self.writes, empty);
        let checkpoint = self.log.seal();
        self.apply(Batch { writes, checkpoint, waiting });
    }

    fn apply(&mut self, batch: Batch) {
        match self.applier.start_batch(batch) {
            Ok(()) => self.applying = true,
            Err(failure) => self.fail(Vec::new(), &failure),
        }
    }

    fn wait_for_database(&mut self) {
        let result = self.shared.queue.wait_until_applied();
        self.applied(result);
    }

    fn applied(&mut self, result: Result<(), Failure>) {
        self.applying = false;
        match result {
            Ok(()) => self.apply_log_if_due(),
            Err(failure) => self.fail(Vec::new(), &failure),
        }
    }

    /// Has the database apply everything and removes the log.
    fn close(mut self) {
        if self.applying {
            self.wait_for_database();
        }
        self.apply_log();
        let done = !self.applying || self.shared.queue.wait_until_applied().is_ok();
        self.applier.end();
        if done && self.shared.base().is_some() {
            self.log.remove();
        }
    }

    /// Handles an error: fails `answers` and all queued operations, then reopens the file and the log, which shows what the
    /// error left behind. The queue is discarded because it was decided from writes that never happened.
    fn fail(&mut self, answers: Vec<Answer>, failure: &Failure) {
        tracing::error!(error = failure.message(), "the store's file failed; reopening it");
        if std::mem::take(&mut self.applying) {
            // The applier uses the database. If it fails, its writes are still in the log.
            let _ = self.shared.queue.wait_until_applied();
        }
        let shared = Arc::clone(&self.shared);
        let queue = &shared.queue;
        let rest = {
            let mut stopped = shared.pending.stop();
            // A listing does not look at pending rows before it is queued, and would wait forever.
            let rest = queue.take_all_and_refuse();
            shared.replace_base(None);
            shared.cache.clear();
            stopped.clear();
            shared.ahead.store(0, Ordering::Release);
            rest
        };
        self.writes.clear();
        queue.answered(answers.len() + rest.len());
        for answer in answers {
            let _ = answer.send(Err(failure.clone()));
        }
        let not_done = Failure::not_done(failure.message());
        for answer in self.waiting.drain(..).chain(rest.into_iter().map(|operation| operation.answer)) {
            let _ = answer.send(Err(not_done.clone()));
        }

        let mut pause = Duration::from_millis(5);
        loop {
            match self.reopen() {
                Ok(()) => return queue.accept(),
                Err(error) => tracing::error!(error, "cannot reopen the store's file yet"),
            }
            if queue.closed_within(pause) {
                return;
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Opens the file and applies the log. After a failed sync, only a sync by the database shows whether the records that
    /// were read back are on the disk.
    fn reopen(&mut self) -> Result<(), String> {
        let Opened { mut base, log, recovered } = (self.open)().map_err(|error| error.to_string())?;
        if !recovered.records.is_empty() {
            let rows = apply(&base, &recovered.records, recovered.checkpoint);
            base.set_rows(rows.map_err(|failure| failure.message().to_owned())?);
        }
        self.log = log;
        self.shared.replace_base(Some(base));
        Ok(())
    }
}

/// Shuts the store down when the writer ends.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.queue.close();
        // Dropping the senders tells callers that still wait.
        drop(self.0.queue.take_all());
        self.0.replace_base(None);
    }
}
