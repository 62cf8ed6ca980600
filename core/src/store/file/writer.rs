//! The thread that writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::applier::{Applier, Batch};
use super::error::Failure;
use super::journal::Journal;
use super::open::Opened;
use super::queue::{Answer, Next, Operation, Until, Write};
use super::shared::Shared;
use super::transaction::apply;
use crate::store::OpenError;

/// Takes what is queued, writes all of it to the log at once, and answers; and sees to it that the database follows.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Opens the file again after an error.
    open: Box<dyn Fn() -> Result<Opened, OpenError> + Send>,
    journal: Journal,
    applier: Applier,
    /// The database was given something, and has not said that it has it.
    applying: bool,
    /// What this generation of the log has.
    writes: Vec<Write>,
    /// Who waits until the database has that.
    waiting: Vec<Answer>,
}

/// How long no write has come when the database is given what the log has, however little it is.
pub(super) const QUIET: Duration = Duration::from_millis(250);
/// The size of the log, in bytes, from which on the database is given what it has. More makes transactions of the
/// database fewer, and reading the log after a crash longer.
const DUE: u64 = 4 << 20;
/// The size from which on the log waits for the database.
const FULL: u64 = 4 * DUE;

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        open: Box<dyn Fn() -> Result<Opened, OpenError> + Send>,
        journal: Journal,
        applier: Applier,
    ) -> Self {
        Self { shared, open, journal, applier, applying: false, writes: Vec::new(), waiting: Vec::new() }
    }

    /// Works until the queue is closed and all of it is written. `recovered` is what the database did not have when the
    /// store was opened; `wait` says that the log which is to be written is still needed for it.
    pub(super) fn run(mut self, recovered: Vec<Write>, wait: bool) {
        // Whatever ends this, nobody may wait for ever.
        let _end = End(Arc::clone(&self.shared));
        if !recovered.is_empty() {
            let generation = self.journal.generation() - 1;
            self.give(Batch { writes: recovered, generation, waiting: Vec::new() });
            if wait {
                self.wait_for_database();
            }
        }
        loop {
            if self.applying && self.journal.size() >= FULL {
                self.wait_for_database();
            }
            let patience = (!self.applying && !self.writes.is_empty()).then_some(QUIET);
            match self.shared.queue.next(patience) {
                Next::Commit(operations) => self.commit(operations),
                Next::Applied(result) => self.applied(result),
                Next::Quiet => self.hand_over(),
                Next::Reopen => {
                    self.fail(Vec::new(), &Failure::not_done("the store's file could not be read"))
                }
                Next::Stop => return self.close(),
            }
        }
    }

    /// Writes all operations to the log in one batch, and answers them.
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
            if let Err(failure) = self.journal.append(new) {
                self.shared.queue.answered(operations_count - answers.len());
                return self.fail(answers, &failure);
            }
            for Write { key, after, .. } in new {
                // In this order, so that who finds nothing in the cache does not see less than who does.
                self.shared.pending.written(key.as_key(), after.clone(), self.journal.generation());
                match after {
                    Some(row) => self.shared.cache.renew(key, row),
                    None => self.shared.cache.remove(key.as_key()),
                }
            }
            self.shared.ahead.fetch_add(new.len(), Ordering::Release);
        }
        self.shared.queue.answered(operations_count);
        for answer in answers {
            // Who no longer waits need not be told.
            let _ = answer.send(Ok(()));
        }
        self.hand_over_if_due();
    }

    fn hand_over_if_due(&mut self) {
        if !self.applying && (self.journal.size() >= DUE || !self.waiting.is_empty()) {
            self.hand_over();
        }
    }

    /// Gives the database what this generation of the log has, and begins the next.
    fn hand_over(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if self.writes.is_empty() {
            for answer in waiting {
                let _ = answer.send(Ok(()));
            }
            return;
        }
        // The next generation will be about as large.
        let room = Vec::with_capacity(self.writes.len());
        let writes = std::mem::replace(&mut self.writes, room);
        let generation = self.journal.generation();
        self.journal.next_generation();
        self.give(Batch { writes, generation, waiting });
    }

    fn give(&mut self, batch: Batch) {
        match self.applier.give(batch) {
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
            Ok(()) => self.hand_over_if_due(),
            Err(failure) => self.fail(Vec::new(), &failure),
        }
    }

    /// Gives the database all there is. The logs are then not needed.
    fn close(mut self) {
        if self.applying {
            self.wait_for_database();
        }
        self.hand_over();
        let done = !self.applying || self.shared.queue.wait_until_applied().is_ok();
        self.applier.end();
        if done && self.shared.base().is_some() {
            self.journal.remove();
        }
    }

    /// After an error nothing that was queued may be written, as it was decided on from what did not come to be. Tells
    /// everyone, and opens the file and the logs anew: what a failure left behind shows only then.
    fn fail(&mut self, answers: Vec<Answer>, failure: &Failure) {
        tracing::error!(error = failure.message(), "the store's file failed and is opened again");
        if std::mem::take(&mut self.applying) {
            // It uses the database. What it was given stays in the log if this fails.
            let _ = self.shared.queue.wait_until_applied();
        }
        let shared = Arc::clone(&self.shared);
        let queue = &shared.queue;
        let rest = {
            let mut stopped = shared.pending.stop();
            // A listing does not look at the pending rows before it is queued, and would wait for ever.
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
            match self.open_again() {
                Ok(()) => return queue.let_in(),
                Err(error) => tracing::error!(error, "the store's file cannot be opened again yet"),
            }
            if queue.closed_within(pause) {
                return;
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Opens the file and gives the database what the log has: after a failed sync only the database's own tells whether
    /// what is read back is on the disk.
    fn open_again(&mut self) -> Result<(), String> {
        let Opened { mut base, journal, recovered, .. } = (self.open)().map_err(|error| error.to_string())?;
        if !recovered.is_empty() {
            let rows = apply(&base, &recovered, journal.generation() - 1);
            base.set_rows(rows.map_err(|failure| failure.message().to_owned())?);
        }
        self.journal = journal;
        self.shared.replace_base(Some(base));
        Ok(())
    }
}

/// Ends the store when the writer does.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.queue.close();
        // Who still waits is told by the loss of the answer.
        drop(self.0.queue.take_all());
        self.0.replace_base(None);
    }
}
