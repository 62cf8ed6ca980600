//! Retrying, within a deadline, what is safe to retry.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    cluster::Cluster,
    error::{Error, ErrorKind},
    random,
};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause before another attempt at a row that another client holds.
const LONGEST_LOCK_PAUSE: Duration = Duration::from_millis(100);
/// The upper limit of every call, so that sums of times cannot overflow.
const LONGEST_PATIENCE: Duration = Duration::from_secs(86_400);
/// The server checks waiting statements at this interval, so a wait can last this much longer than requested.
const LOCK_CHECK: Duration = Duration::from_secs(3);
/// An attempt needs at least this much time: a change whose answer comes too late counts as unknown.
const SHORTEST_TRY: Duration = Duration::from_millis(50);
/// The shortest lifetime of a transaction, in seconds.
const SHORTEST_TRANSACTION: u32 = 1;

/// Whether a statement whose answer was lost may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Executing it twice has the same effect as executing it once.
    Always,
    /// Only if it was certainly not executed.
    WhenNotDone,
}

/// The time budget of one call.
pub(crate) struct Retry<'a> {
    cluster: &'a Cluster,
    repeat: Repeat,
    end: Instant,
    begun: Instant,
    now: Instant,
    tries: u32,
}

/// The time budget of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try {
    pub(crate) now: Instant,
    pub(crate) deadline: Instant,
    /// How many seconds a statement may wait for a lock, so that it has ended before the deadline.
    pub(crate) lock_seconds: u32,
    /// The same for a transaction, which needs to live for a moment even if the call has little time.
    pub(crate) transaction_seconds: u32,
}

impl Try {
    /// The times of a statement that is sent now and must be answered before the deadline.
    pub(crate) fn until(deadline: Instant, now: Instant, lock_seconds: u32) -> Self {
        let left = deadline.saturating_duration_since(now).saturating_sub(LOCK_CHECK).as_secs();
        let cut = lock_seconds.min(u32::try_from(left).unwrap_or(u32::MAX));
        Self { now, deadline, lock_seconds: cut, transaction_seconds: cut.max(SHORTEST_TRANSACTION) }
    }
}

impl<'a> Retry<'a> {
    pub(crate) fn new(cluster: &'a Cluster, patience: Duration, repeat: Repeat) -> Self {
        let now = Instant::now();
        Self { cluster, repeat, end: now + patience.min(LONGEST_PATIENCE), begun: now, now, tries: 0 }
    }

    /// The times of the attempt that starts now.
    pub(crate) fn try_now(&self) -> Try {
        let deadline = self.end.min(self.now + self.cluster.config.statement_timeout);
        Try::until(deadline, self.now, self.cluster.config.lock_seconds())
    }

    /// The end of the call.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Starts the next statement or attempt without a pause.
    ///
    /// # Errors
    /// No time is left.
    pub(crate) fn once_more(&mut self) -> Result<(), Error> {
        self.now = Instant::now();
        if self.now >= self.end { Err(Error::new(ErrorKind::Timeout)) } else { Ok(()) }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error itself, if another attempt would be useless, unsafe or too late.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        let passing = match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Busy | ErrorKind::ConnectionLost | ErrorKind::Timeout => true,
            // Happens only for containers that this client knew. It opens them again.
            ErrorKind::ContainerMissing | ErrorKind::SchemaMismatch => {
                error.code().is_some() && self.tries < 2
            }
            // The server may have been asked to wait for less than the lock timeout, or not at all, so that it
            // answers before the deadline. The rest of the wait happens here.
            ErrorKind::LockTimeout => self.begun.elapsed() < self.cluster.config.lock_timeout,
            _ => false,
        };
        let safe = self.repeat == Repeat::Always || !error.is_outcome_unknown();
        if !passing || !safe {
            return Err(error);
        }
        let longest = if error.kind() == ErrorKind::LockTimeout { LONGEST_LOCK_PAUSE } else { LONGEST_PAUSE };
        self.pause(longest, error).await
    }

    /// Waits before a row is read again that another client has inserted and not committed: the server neither
    /// shows it nor waits for it.
    ///
    /// # Errors
    /// It takes longer than the lock timeout.
    pub(crate) async fn until_committed(&mut self) -> Result<(), Error> {
        let error = Error::new(ErrorKind::LockTimeout);
        let patience = self.cluster.config.lock_timeout.max(Duration::from_secs(SHORTEST_TRANSACTION.into()));
        if self.begun.elapsed() >= patience {
            return Err(error);
        }
        self.pause(LONGEST_LOCK_PAUSE, error).await
    }

    async fn pause(&mut self, longest: Duration, error: Error) -> Result<(), Error> {
        let pause = random::jitter(FIRST_PAUSE.saturating_mul(1 << self.tries.min(6)).min(longest));
        if Instant::now() + pause + SHORTEST_TRY >= self.end {
            return Err(error);
        }
        self.tries += 1;
        self.cluster.counters.retries.fetch_add(1, Ordering::Relaxed);
        sleep(pause).await;
        self.now = Instant::now();
        Ok(())
    }
}
