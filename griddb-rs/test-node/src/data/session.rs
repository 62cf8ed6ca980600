//! Sessions and transactions of a partition.

use super::container::TxnId;
use tokio::time::{Duration, Instant};

/// A session's identity: the client's UUID and the number that the client chose.
pub(crate) type ClientId = ([u8; 16], i64);

/// A session: the container that its first statement named, and the last statement executed.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) container: i64,
    /// The lifetime of its transactions: the timeout of the statement that created it.
    pub(crate) timeout: Duration,
    pub(crate) last_statement: i64,
    pub(crate) transaction: Option<TxnId>,
    /// When it expires if it is not used again.
    pub(crate) expires: Instant,
}

impl Session {
    pub(crate) fn new(container: i64, timeout: Duration, expires: Instant) -> Self {
        Self { container, timeout, last_statement: 0, transaction: None, expires }
    }
}

/// An open transaction and the rows that it holds.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) client: ClientId,
    pub(crate) container: i64,
    /// When it is aborted. `None` if that passed while the node was not the owner: it then lives as long as its
    /// session.
    pub(crate) expires: Option<Instant>,
    pub(crate) rows: Vec<i64>,
}
