//! The failures of one account or client from one source, and the blocks that follow from them.

use std::time::Duration;

use super::failures::{Failures, Window, seconds_until};
use super::retry_after::RetryAfter;
use super::table::Counter;
use crate::env::Timestamp;

/// How many failures lead to a block, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) window: Window,
    pub(super) first: Duration,
    pub(super) longest: Duration,
    pub(super) forget_after: Duration,
}

impl Blocks {
    /// The block after this many others.
    fn after(self, blocks: u32) -> Duration {
        let doubled = 1u32.checked_shl(blocks).and_then(|times| self.first.checked_mul(times));
        doubled.unwrap_or(self.longest).min(self.longest)
    }
}

#[derive(Debug, Default)]
pub(super) struct Pair {
    failures: Failures,
    /// How many blocks there have been.
    blocks: u32,
    blocked_until: Option<Timestamp>,
    last_failure: Option<Timestamp>,
}

impl Counter for Pair {
    type Rule = Blocks;

    fn settle(&mut self, now: Timestamp, rule: Blocks) {
        self.failures.settle(now, rule.window);
        // A clock that was set back must not prolong anything by as long as it was off.
        let longest = now.after(rule.longest);
        self.blocked_until = self.blocked_until.filter(|until| *until > now).map(|until| until.min(longest));
        self.last_failure = self.last_failure.map(|last| last.min(now));
        if self.last_failure.is_some_and(|last| last.after(rule.forget_after) <= now) {
            (self.blocks, self.last_failure) = (0, None);
        }
    }

    fn check(&self, now: Timestamp, _: Blocks) -> Result<(), RetryAfter> {
        self.blocked_until.map_or(Ok(()), |until| Err(seconds_until(until, now)))
    }

    fn add(&mut self, now: Timestamp, rule: Blocks) {
        self.failures.add(now, rule.window);
        self.last_failure = Some(now);
        if self.failures.check(now, rule.window).is_err() {
            self.blocked_until = Some(now.after(rule.after(self.blocks)));
            self.blocks = self.blocks.saturating_add(1);
            self.failures = Failures::default();
        }
    }

    fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.blocked_until.is_none() && self.blocks == 0
    }

    fn rank(&self, rule: Blocks) -> (u32, Timestamp) {
        let failures = rule.window.limit().saturating_mul(self.blocks).saturating_add(self.failures.total());
        (failures, self.last_failure.unwrap_or(Timestamp::from_millis(i64::MIN)))
    }

    fn sweep_every(rule: Blocks) -> Duration {
        rule.window.length()
    }
}
