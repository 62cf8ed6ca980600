//! Sessions and transactions of a partition.

use super::container::TxnId;
use tokio::time::{Duration, Instant};

/// Who a session belongs to: the client's UUID and the number that it gave the session.
pub(crate) type ClientId = ([u8; 16], i64);

/// A session: the container that its first statement named, and how far its statements have come.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) container: i64,
    /// How long its transactions live: the timeout of the statement that created it.
    pub(crate) timeout: Duration,
    pub(crate) last_statement: i64,
    pub(crate) transaction: Option<TxnId>,
    /// When it goes away if it is not used any more.
    pub(crate) expires: Instant,
}

impl Session {
    pub(crate) fn new(container: i64, timeout: Duration, expires: Instant) -> Self {
        Self { container, timeout, last_statement: 0, transaction: None, expires }
    }
}

/// An open transaction: when it has to end, and the rows that it holds.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) client: ClientId,
    pub(crate) container: i64,
    pub(crate) expires: Instant,
    pub(crate) rows: Vec<i64>,
}
