//! Counters of what a client does.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client has done since it was made; see [`Client::stats`](crate::Client::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Statements sent, without the two of each handshake and without heartbeats.
    pub statements: u64,
    /// Flights that somebody waited for: statements sent together count once, and those whose answer nobody
    /// waits for (closing a session that has committed) not at all.
    pub round_trips: u64,
    /// Connections opened and logged in.
    pub connections: u64,
    /// Connections that ended otherwise than by this client's wish.
    pub connections_lost: u64,
    /// Tries after the first one.
    pub retries: u64,
    /// Heartbeats sent because answers were late or the connection was idle for long.
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
