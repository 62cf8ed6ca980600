//! Trying again, inside a deadline, what is safe to try again.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    cluster::Cluster,
    error::{Error, ErrorKind},
    random,
};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause before a row is asked for again that another caller holds.
const LONGEST_LOCK_PAUSE: Duration = Duration::from_millis(100);
/// No call waits longer than this, which keeps all sums of times in range.
const LONGEST_PATIENCE: Duration = Duration::from_secs(86_400);
/// The server looks for waits that are over every so often: so much longer than asked a statement can wait.
const LOCK_CHECK: Duration = Duration::from_secs(3);
/// No try begins with less time than this: a change whose answer comes too late counts as unknown.
const SHORTEST_TRY: Duration = Duration::from_millis(50);
/// The seconds that a transaction may live at least.
const SHORTEST_TRANSACTION: u32 = 1;

/// Whether a statement whose answer was lost may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is doing it once.
    Always,
    /// Only when it was certainly not done.
    WhenNotDone,
}

/// The time that one call has.
pub(crate) struct Retry<'a> {
    cluster: &'a Cluster,
    repeat: Repeat,
    end: Instant,
    begun: Instant,
    now: Instant,
    tries: u32,
}

/// The time that one try has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try {
    pub(crate) now: Instant,
    pub(crate) deadline: Instant,
    /// Seconds that a statement may wait for a lock: so few that it has ended, one way or the other, before the
    /// deadline.
    pub(crate) lock_seconds: u32,
    /// As that, for a transaction, which has to live for a moment however little time a call has.
    pub(crate) transaction_seconds: u32,
}

impl Try {
    /// The times of a statement that is sent now and has to be answered before the deadline.
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

    /// The times of the try that begins now.
    pub(crate) fn try_now(&self) -> Try {
        let deadline = self.end.min(self.now + self.cluster.config.statement_timeout);
        Try::until(deadline, self.now, self.cluster.config.lock_seconds())
    }

    /// The moment at which the call ends, come what may.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Goes on at once, with what a new statement or a new try at the same may need of time.
    ///
    /// # Errors
    /// There is none left.
    pub(crate) fn once_more(&mut self) -> Result<(), Error> {
        self.now = Instant::now();
        if self.now >= self.end { Err(Error::new(ErrorKind::Timeout)) } else { Ok(()) }
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The error itself, when another try would be of no use, not safe, or too late.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        let passing = match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Busy | ErrorKind::ConnectionLost | ErrorKind::Timeout => true,
            // Seen only for containers that this client knew: it opens them again.
            ErrorKind::ContainerMissing | ErrorKind::SchemaMismatch => {
                error.code().is_some() && self.tries < 2
            }
            // The server may have been asked to wait for less than the lock timeout, or not at all, so as to answer
            // before the deadline: the rest is waited for here.
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

    /// Waits before a row is read again whose insert another caller has not committed: the server neither shows it nor
    /// waits for it.
    ///
    /// # Errors
    /// It takes longer than one may wait for a lock.
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
