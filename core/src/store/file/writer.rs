//! The thread that writes the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::applier::Applier;
use super::error::Failure;
use super::layout::encode;
use super::log::{Checkpoint, Log, Recovered};
use super::open::Reopen;
use super::pace::{DUE, FULL, Pace};
use super::queue::{Answer, Applied, Batch, Next, Operation, Unapplied, Until, Write};
use super::shared::Shared;
use super::transaction::{apply, record_log_state};

/// Commits queued operations to the log, answers them, and has the database apply the log.
///
/// # Errors of the disk
///
/// A write that cannot be appended fails, together with everything that was queued behind it. Reads are not affected, and
/// later writes are tried anew.
///
/// If the database cannot apply a part of the log, the records stay in the log and in memory. The database is reopened, since
/// redb does not continue after an error, and the same records are applied again later. They are applied even if the failed
/// transaction turns out to be in the file: after a failed sync, reading a page back does not mean that it is on the disk.
/// Until then writes go on while the log has room.
pub(super) struct Writer {
    shared: Arc<Shared>,
    reopen: Reopen,
    log: Log,
    applier: Applier,
    /// The database has the log up to here.
    applied: Checkpoint,
    /// The applier is working on a batch.
    applying: bool,
    /// When it began, and how many bytes of the log that is.
    begun: Instant,
    applying_bytes: u64,
    /// How fast the log may grow meanwhile.
    pace: Pace,
    /// When the latest operations were committed.
    committed: Instant,
    /// The database failed, and has to be tried again.
    retry: Option<Retry>,
    /// How long the next retry waits.
    pause: Duration,
    /// Appending failed, and has not succeeded since.
    refusing: bool,
    /// The writes in the log since the latest checkpoint.
    writes: Vec<Write>,
    /// Callers that wait until the database has them.
    waiting: Vec<Answer>,
}

/// What to try again, and when.
struct Retry {
    /// What the database could not apply.
    batch: Option<Batch>,
    failure: Failure,
    at: Instant,
}

/// After this long without writes, the database applies the log, however short it is.
pub(super) const QUIET: Duration = Duration::from_millis(250);
/// A shorter pause is not worth going to sleep for.
const SHORTEST_PAUSE: Duration = Duration::from_micros(200);
/// How long a database that failed is left alone: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Writer {
    /// A writer for a store that was just opened, whose database has the log up to `applied`. `reopen` opens the database
    /// again after an error.
    pub(super) fn new(
        shared: Arc<Shared>,
        reopen: Reopen,
        log: Log,
        applied: Checkpoint,
        applier: Applier,
    ) -> Self {
        Self {
            shared,
            reopen,
            log,
            applier,
            applied,
            applying: false,
            begun: Instant::now(),
            applying_bytes: 0,
            pace: Pace::new(),
            committed: Instant::now(),
            retry: None,
            pause: FIRST_PAUSE,
            refusing: false,
            writes: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Runs until the queue is closed and everything in it is written. `recovered` is what an earlier process left in the
    /// log.
    pub(super) fn run(mut self, recovered: Recovered<Write>) {
        // However this ends, no caller may wait forever.
        let _end = End(Arc::clone(&self.shared));
        let Recovered { records: writes, checkpoint, .. } = recovered;
        if writes.is_empty() {
            self.make_writable();
        } else {
            self.apply(Batch { writes, checkpoint, waiting: Vec::new() });
        }
        loop {
            self.retry_if_due();
            self.make_room();
            match self.shared.queue.next(self.patience()) {
                Next::Commit(operations) => self.commit(operations),
                Next::Applied(result) => self.finish(result),
                Next::Quiet if self.retry.is_none() => self.apply_log(),
                Next::Quiet => {}
                Next::Reopen => {
                    if self.applying {
                        self.wait_for_database();
                    }
                    self.database_failed(Failure::not_done("cannot read the store's file"), None);
                }
                Next::Stop => return self.close(),
            }
        }
    }

    /// Performs the writes that redb made when it opened the file. They are done here and not while the store is opened, as a
    /// sync after a crash can take long.
    fn make_writable(&self) {
        let made = self.shared.base().as_ref().map(|base| base.writable().map(drop));
        if let Some(Err(failure)) = made {
            tracing::error!(error = failure.message(), "the store can only be read");
        }
    }

    /// How long to wait for operations.
    fn patience(&self) -> Option<Duration> {
        match &self.retry {
            Some(retry) => Some(retry.at.saturating_duration_since(Instant::now())),
            None => (!self.applying && !self.writes.is_empty()).then_some(QUIET),
        }
    }

    fn log_has_room(&self) -> bool {
        self.log.size() < FULL && self.log.can_append(self.applied)
    }

    /// Waits until the log has room, unless the database fails.
    fn make_room(&mut self) {
        while !self.log_has_room() && self.retry.is_none() {
            if !self.applying {
                self.apply_log();
            }
            if !self.applying {
                return;
            }
            self.wait_for_database();
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
        let size = self.log.size();
        if self.writes.len() > first {
            if let Err(failure) = self.append(first) {
                self.shared.queue.answered(operations_count - answers.len());
                self.writes.truncate(first);
                return self.fail(answers, &failure);
            }
            if std::mem::take(&mut self.refusing) {
                tracing::info!("writes to the store's log succeed again");
            }
            let new = &self.writes[first..];
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
        let bytes = self.log.size() - size;
        self.apply_log_if_due();
        if self.applying {
            self.keep_pace(bytes);
        }
        self.committed = Instant::now();
    }

    /// Waits as long as the database needs to keep up with a log that has just grown by `bytes`.
    fn keep_pace(&mut self, bytes: u64) {
        let time = self.committed.elapsed();
        let pause = self.pace.pause(bytes, time, self.log.size());
        if pause > SHORTEST_PAUSE
            && let Some(result) = self.shared.queue.wait_a_while_until_applied(pause)
        {
            self.finish(result);
        }
    }

    /// Appends the writes from `first` on to the log, which is started if necessary.
    fn append(&mut self, first: usize) -> Result<(), Failure> {
        if let Some(Retry { failure, .. }) = &self.retry
            && !(self.log_has_room() && self.log.is_started())
        {
            return Err(Failure::not_done(failure.message()));
        }
        if !self.log.is_started() {
            self.start_log()?;
        }
        let records = self.writes[first..].iter().map(|Write { table_key, after, .. }| {
            (&**table_key, after.as_ref().map(|row| encode(table_key, row)))
        });
        self.log.append(records)
    }

    /// Creates the log, and lets the database know: from then on neither is used without the other.
    fn start_log(&mut self) -> Result<(), Failure> {
        let state = self.log.create()?;
        let recorded = match &*self.shared.base() {
            Some(base) => record_log_state(base, state),
            None => Err(Failure::not_done("the store's file is not open")),
        };
        match recorded {
            Ok(()) => self.log.set_started(),
            Err(failure) => {
                self.database_failed(failure.clone(), None);
                return Err(failure);
            }
        }
        Ok(())
    }

    fn apply_log_if_due(&mut self) {
        if self.retry.is_some() {
            // A listing does not wait for a disk that may stay full.
            self.refuse_waiting();
        } else if !self.applying && (self.log.size() >= DUE || !self.waiting.is_empty()) {
            self.apply_log();
        }
    }

    /// Has the database apply everything that the log has.
    fn apply_log(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if self.writes.is_empty() {
            return answer_all(waiting, &Ok(()));
        }
        let bytes = self.log.size();
        let checkpoint = match self.log.seal() {
            Ok(checkpoint) => checkpoint,
            Err(failure) => return answer_all(waiting, &Err(failure)),
        };
        // Expect about as many writes until the next checkpoint.
        let empty = Vec::with_capacity(self.writes.len());
        let writes = std::mem::replace(&mut self.writes, empty);
        (self.begun, self.applying_bytes) = (Instant::now(), bytes);
        self.apply(Batch { writes, checkpoint, waiting });
    }

    fn apply(&mut self, batch: Batch) {
        match self.applier.start_batch(batch) {
            Ok(()) => self.applying = true,
            Err(unapplied) => self.take_result(Err(unapplied)),
        }
    }

    fn finish(&mut self, result: Applied) {
        self.take_result(result);
        self.apply_log_if_due();
    }

    fn wait_for_database(&mut self) {
        match self.shared.queue.wait_until_applied() {
            Some(result) => self.take_result(result),
            None => self.applying = false,
        }
    }

    fn take_result(&mut self, result: Applied) {
        self.applying = false;
        match result {
            Ok(checkpoint) => {
                self.applied = checkpoint;
                self.pace.observe(self.applying_bytes, self.begun.elapsed());
            }
            Err(Unapplied { mut batch, failure }) => {
                self.applying_bytes = 0;
                answer_all(std::mem::take(&mut batch.waiting), &Err(failure.clone()));
                self.database_failed(failure, Some(batch));
            }
        }
    }

    /// Reopens the database after an error. If that fails, or there is a batch to apply, it is tried again later.
    fn database_failed(&mut self, failure: Failure, batch: Option<Batch>) {
        let batch = batch.or_else(|| self.retry.take().and_then(|retry| retry.batch));
        let failure = match self.try_to_reopen() {
            Ok(()) if batch.is_none() => {
                tracing::warn!(error = failure.message(), "the store's file failed and was reopened");
                return;
            }
            Ok(()) => failure,
            Err(message) => Failure::not_done(message),
        };
        tracing::error!(error = failure.message(), retry_in = ?self.pause, "the store's file failed");
        self.retry = Some(Retry { batch, failure, at: Instant::now() + self.pause });
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.refuse_waiting();
    }

    fn try_to_reopen(&self) -> Result<(), String> {
        self.shared.reopen_base(|| {
            let (base, owner) = (self.reopen)().map_err(|error| error.to_string())?;
            let lost_log = self.log.open_state().is_some_and(|log| log != owner.log);
            if owner.applied < self.applied || lost_log {
                return Err("the store's file is not as this process left it".to_owned());
            }
            Ok(base)
        })
    }

    /// Tries again what failed, if it is time.
    fn retry_if_due(&mut self) {
        let Some(Retry { batch, failure, .. }) = self.retry.take_if(|retry| retry.at <= Instant::now())
        else {
            return;
        };
        if self.shared.base().is_none() {
            self.database_failed(failure, batch);
            return;
        }
        if let Some(batch) = batch {
            self.apply(batch);
            if self.applying {
                self.wait_for_database();
            }
        }
        if self.retry.is_none() {
            tracing::info!("the store's file works again");
            self.pause = FIRST_PAUSE;
            self.apply_log_if_due();
        }
    }

    /// Refuses listings, which wait for the database.
    fn refuse_waiting(&mut self) {
        if let Some(Retry { failure, .. }) = &self.retry {
            let failure = Failure::not_done(failure.message());
            answer_all(std::mem::take(&mut self.waiting), &Err(failure));
        }
    }

    /// Fails `answers` and everything in the queue, which was decided from writes that never happened.
    fn fail(&mut self, answers: Vec<Answer>, failure: &Failure) {
        if !std::mem::replace(&mut self.refusing, true) {
            tracing::error!(error = failure.message(), "writes fail");
        }
        let queued = {
            let mut stopped = self.shared.pending.stop();
            let queued = self.shared.queue.take_all();
            stopped.discard_queued();
            queued
        };
        self.shared.queue.answered(answers.len() + queued.len());
        answer_all(answers, &Err(failure.clone()));
        let waiting = std::mem::take(&mut self.waiting);
        let not_done = Err(Failure::not_done(failure.message()));
        answer_all(waiting, &not_done);
        answer_all(queued.into_iter().map(|operation| operation.answer), &not_done);
    }

    /// Has the database apply everything, and removes the log.
    fn close(mut self) {
        if self.applying {
            self.wait_for_database();
        }
        if let Some(retry) = &mut self.retry {
            retry.at = Instant::now();
            self.retry_if_due();
        }
        if self.applying {
            self.wait_for_database();
        }
        let closed = self.apply_rest();
        let waiting = std::mem::take(&mut self.waiting);
        answer_all(waiting, &closed);
        self.applier.end();
        match closed {
            Ok(()) => self.log.remove(),
            Err(failure) => {
                tracing::error!(
                    error = failure.message(),
                    "the store's log stays, as the database could not apply it; it is needed at the next start"
                );
            }
        }
    }

    /// Has the database apply what is left, and record that the log is not needed.
    fn apply_rest(&mut self) -> Result<(), Failure> {
        if let Some(Retry { failure, .. }) = &self.retry {
            return Err(failure.clone());
        }
        let Some(closed) = self.log.closed_state() else { return Ok(()) };
        let checkpoint = if self.writes.is_empty() { self.applied } else { self.log.seal()? };
        match &*self.shared.base() {
            Some(base) => apply(base, &self.writes, checkpoint, Some(closed)).map(drop),
            None => Err(Failure::not_done("the store's file is not open")),
        }
    }
}

/// Sends the same result to all callers, some of which may have given up.
fn answer_all(answers: impl IntoIterator<Item = Answer>, result: &Result<(), Failure>) {
    for answer in answers {
        let _ = answer.send(result.clone());
    }
}

/// Shuts the store down when the writer ends.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.queue.close();
        // Dropping the senders tells callers that still wait.
        drop(self.0.queue.take_all());
        self.0.close_base();
    }
}
