//! What a node has received, so that a test can count.

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
    /// Statements of one kind received, whether or not they were executed.
    #[must_use]
    pub fn statements(&self, statement: Statement) -> u64 {
        super::lock(&self.statements).get(&statement).copied().unwrap_or(0)
    }

    /// Statements of all kinds received.
    #[must_use]
    pub fn all_statements(&self) -> u64 {
        super::lock(&self.statements).values().sum::<u64>() + self.unknown()
    }

    /// Statements of kinds that the node does not know.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Relaxed)
    }

    /// Connections accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Connections open now.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// Round trips: how many times statements came on a connection on which no answer was due.
    ///
    /// Statements that a client sends together are one flight when they arrive together. Where that is not
    /// certain, give the node an [`Options::latency`](crate::Options::latency) of a few milliseconds: what comes
    /// before the first answer has left then belongs to the same flight.
    #[must_use]
    pub fn flights(&self) -> u64 {
        self.flights.load(Relaxed)
    }

    /// The longest transaction timeout, in seconds, that statements of one kind came with: their own option, or that
    /// of their login. None when no such statement was executed.
    #[must_use]
    pub fn transaction_timeout(&self, statement: Statement) -> Option<u32> {
        super::lock(&self.waits).get(&statement).copied()
    }

    /// Sets all counts but that of open connections to zero.
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
