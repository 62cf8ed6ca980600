//! Counters of what a node has received.

use crate::statement::Statement;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since the node was started or [`reset`](Self::reset).
#[derive(Debug, Default)]
pub struct Counters {
    statements: Mutex<HashMap<Statement, u64>>,
    unknown: AtomicU64,
    connections: AtomicU64,
    open: AtomicU64,
    flights: AtomicU64,
    waits: Mutex<HashMap<Statement, u32>>,
}

impl Counters {
    /// Received statements of one kind, executed or not.
    #[must_use]
    pub fn statements(&self, statement: Statement) -> u64 {
        super::lock(&self.statements).get(&statement).copied().unwrap_or(0)
    }

    /// Received statements of all kinds.
    #[must_use]
    pub fn all_statements(&self) -> u64 {
        super::lock(&self.statements).values().sum::<u64>() + self.unknown()
    }

    /// Received statements of unknown kinds.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Relaxed)
    }

    /// Accepted connections.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Open connections.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// Round trips: how often statements arrived on a connection without pending answers.
    ///
    /// Statements that a client sends together count once if they arrive together. To be sure of that, set an
    /// [`Options::latency`](crate::Options::latency) of a few milliseconds: whatever arrives before the first
    /// answer has left belongs to the same round trip.
    #[must_use]
    pub fn flights(&self) -> u64 {
        self.flights.load(Relaxed)
    }

    /// The longest transaction timeout, in seconds, among statements of one kind: their own option, or that of
    /// their login. `None` if no such statement was executed.
    #[must_use]
    pub fn transaction_timeout(&self, statement: Statement) -> Option<u32> {
        super::lock(&self.waits).get(&statement).copied()
    }

    /// Resets all counts except that of open connections.
    pub fn reset(&self) {
        super::lock(&self.statements).clear();
        super::lock(&self.waits).clear();
        for count in [&self.unknown, &self.connections, &self.flights] {
            count.store(0, Relaxed);
        }
    }

    pub(crate) fn received(&self, statement: Option<Statement>) {
        match statement {
            Some(statement) => *super::lock(&self.statements).entry(statement).or_default() += 1,
            None => drop(self.unknown.fetch_add(1, Relaxed)),
        }
    }

    pub(crate) fn may_wait(&self, statement: Statement, seconds: u32) {
        let mut waits = super::lock(&self.waits);
        let longest = waits.entry(statement).or_default();
        *longest = seconds.max(*longest);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
    }

    pub(crate) fn disconnected(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(crate) fn flight(&self) {
        self.flights.fetch_add(1, Relaxed);
    }
}
