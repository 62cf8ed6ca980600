//! The failures of one subject within a sliding window.

use std::collections::VecDeque;
use std::time::Duration;

use super::retry_after::RetryAfter;
use super::table::Counter;
use crate::env::Timestamp;

/// How many entries a subject has at most. Up to this limit, each failure has its own entry. With a higher limit, failures
/// within `length / MOMENTS` share the entry of the first, and so expire a little early.
const MOMENTS: u32 = 64;

/// How many failures within what time are too many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    limit: u32,
    length: Duration,
    grain: Duration,
}

impl Window {
    pub(super) fn new(limit: u32, length: Duration) -> Self {
        let limit = limit.max(1);
        let grain = if limit > MOMENTS { length / MOMENTS } else { Duration::ZERO };
        Self { limit, length, grain }
    }

    pub(super) fn limit(self) -> u32 {
        self.limit
    }

    pub(super) fn length(self) -> Duration {
        self.length
    }

    /// When a failure of this moment stops counting.
    fn end(self, failure: Timestamp) -> Timestamp {
        failure.after(self.length)
    }
}

/// Failures in chronological order: never more than the window's limit, and never more than `MOMENTS` + 1 entries.
#[derive(Debug, Default)]
pub(super) struct Failures {
    moments: VecDeque<Moment>,
    total: u32,
}

#[derive(Debug)]
struct Moment {
    at: Timestamp,
    failures: u32,
}

/// The answer to a try that has to wait until then.
pub(super) fn seconds_until(end: Timestamp, now: Timestamp) -> RetryAfter {
    let seconds = u64::try_from(end.since(now).as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    RetryAfter { seconds: seconds.max(1) }
}

impl Failures {
    pub(super) fn total(&self) -> u32 {
        self.total
    }
}

impl Counter for Failures {
    type Rule = Window;

    /// Forgets what has left the window. A clock that was set back leaves failures in the future: they count as made
    /// now, so that they hold for one window and not for as long as the clock was off.
    fn settle(&mut self, now: Timestamp, window: Window) {
        for moment in self.moments.iter_mut().rev().take_while(|moment| moment.at > now) {
            moment.at = now;
        }
        while let Some(oldest) = self.moments.pop_front_if(|oldest| window.end(oldest.at) <= now) {
            self.total = self.total.saturating_sub(oldest.failures);
        }
    }

    fn check(&self, now: Timestamp, window: Window) -> Result<(), RetryAfter> {
        match self.moments.front() {
            Some(oldest) if self.total >= window.limit => Err(seconds_until(window.end(oldest.at), now)),
            _ => Ok(()),
        }
    }

    fn add(&mut self, now: Timestamp, window: Window) {
        self.total = self.total.saturating_add(1);
        match self.moments.back_mut() {
            Some(latest) if now.since(latest.at) < window.grain => latest.failures += 1,
            _ => self.moments.push_back(Moment { at: now, failures: 1 }),
        }
    }

    fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    fn rank(&self, _: Window) -> (u32, Timestamp) {
        (self.total, self.moments.back().map_or(Timestamp::from_millis(i64::MIN), |latest| latest.at))
    }

    fn sweep_every(window: Window) -> Duration {
        window.length
    }
}
