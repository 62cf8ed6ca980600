//! Counters of a client's activity.

use std::sync::atomic::{AtomicU64, Ordering};

/// A client's activity since it was created; see [`Client::stats`](crate::Client::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Statements sent, not counting the two of each handshake and heartbeats.
    pub statements: u64,
    /// Round trips with a waiting caller. Statements sent together count once; those whose answer nobody waits
    /// for, such as closing a committed session, do not count.
    pub round_trips: u64,
    /// Connections opened and logged in.
    pub connections: u64,
    /// Connections that ended without this client closing them.
    pub connections_lost: u64,
    /// Attempts after the first one.
    pub retries: u64,
    /// Heartbeats sent because answers were late or a connection was idle.
    pub heartbeats: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) statements: AtomicU64,
    pub(crate) round_trips: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) connections_lost: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) heartbeats: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            statements: read(&self.statements),
            round_trips: read(&self.round_trips),
            connections: read(&self.connections),
            connections_lost: read(&self.connections_lost),
            retries: read(&self.retries),
            heartbeats: read(&self.heartbeats),
        }
    }
}
