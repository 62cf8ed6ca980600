//! Fault injection.

use crate::error::ErrorCode;
use crate::statement::Statement;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

/// What goes wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset before the statement is executed.
    DropBefore,
    /// The statement is executed, then the connection is reset without an answer.
    DropAfter,
    /// The node is killed before the statement is executed. Then `crash_and_restart` (or a cluster's `kill`)
    /// discards what was not synced, and restarts it.
    KillBefore,
    /// The statement is executed, then the node is killed without an answer.
    KillAfter,
    /// The answer is delayed. Later answers of the same partition stay behind it.
    Delay(Duration),
    /// The statement is neither executed nor answered; the connection stays open.
    Ignore,
    /// The statement is executed and not answered; the connection stays open.
    Mute,
    /// The statement is not executed and gets this error, for example [`ErrorCode::CLUSTER_ROLE`],
    /// [`ErrorCode::PARTITION_ROLE`] or [`ErrorCode::PARTITION_STATE`].
    Refuse(ErrorCode),
    /// The statement is executed and gets this error, for example [`ErrorCode::REPLICATION_TIMEOUT`] or
    /// [`ErrorCode::NODE_ERROR`]. Its transaction stays open.
    FailAfter(ErrorCode),
    /// The statement is executed. Its answer is cut after this many bytes, and the connection closes.
    Truncate(usize),
    /// The statement is executed. Its answer is cut after this many bytes and the connection stays open, so later
    /// answers follow where the rest should be.
    Cut(usize),
    /// The statement is executed. The body of its answer ends after this many bytes, with a matching length.
    ShortBody(usize),
    /// The statement is executed. Its answer has the right head, with this status and this body.
    Nonsense(u8, Vec<u8>),
    /// The statement is executed. These bytes are sent instead of its answer.
    Garbage(Vec<u8>),
    /// The statement is executed. Its answer has this statement id.
    WrongId(i64),
    /// The statement is executed. Its answer claims this length.
    WrongLength(u32),
    /// The statement is executed. Its answer claims to be this many bytes longer than it is.
    LongerBy(u32),
}

impl Fault {
    /// Answers from something other than a node, such as a proxy.
    #[must_use]
    pub fn foreign() -> Self {
        Self::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())
    }

    /// Answers that never arrive completely, although the connection lives and other bytes arrive.
    #[must_use]
    pub fn never_whole() -> [Self; 4] {
        [Self::LongerBy(8), Self::LongerBy(100 << 20), Self::Cut(17), Self::Cut(25)]
    }

    /// Answers after which nothing on the connection can be parsed.
    #[must_use]
    pub fn garbled() -> [Self; 5] {
        [Self::Cut(25), Self::LongerBy(8), Self::LongerBy(60_000), Self::LongerBy(100 << 20), Self::foreign()]
    }

    /// The statement was executed and is reported as failed: a replica was not confirmed, or the node had an
    /// error.
    #[must_use]
    pub fn done_and_failed() -> [Self; 2] {
        [ErrorCode::REPLICATION_TIMEOUT, ErrorCode::NODE_ERROR].map(Self::FailAfter)
    }
}

/// A fault, and the statements it applies to.
///
/// ```
/// use griddb_test_node::{Fault, FaultOrder, Statement};
///
/// // skip two PUT_ROWs; the third and fourth are executed and not answered
/// let order = FaultOrder::new(Fault::DropAfter).on(Statement::PutRow).after(2).times(2);
/// ```
#[derive(Debug, Clone)]
pub struct FaultOrder {
    fault: Fault,
    statement: Option<Statement>,
    partition: Option<i32>,
    skip: u64,
    times: u64,
}

impl FaultOrder {
    /// A fault for the next statement of any kind.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, statement: None, partition: None, skip: 0, times: 1 }
    }

    /// Restricts it to statements of this kind.
    #[must_use]
    pub fn on(mut self, statement: Statement) -> Self {
        self.statement = Some(statement);
        self
    }

    /// Restricts it to statements of this partition.
    #[must_use]
    pub fn in_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Lets this many matching statements pass first.
    #[must_use]
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Applies it to this many statements instead of one.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = count.max(1);
        self
    }

    /// Applies it to every matching statement until [`Faults::clear`].
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }
}

/// The injected faults of a node. The first order that matches a statement applies.
#[derive(Debug, Default)]
pub struct Faults {
    orders: Mutex<VecDeque<FaultOrder>>,
}

impl Faults {
    /// Adds a fault.
    pub fn order(&self, order: FaultOrder) {
        super::lock(&self.orders).push_back(order);
    }

    /// Adds a fault for the next statement of a kind.
    pub fn once(&self, statement: Statement, fault: Fault) {
        self.order(FaultOrder::new(fault).on(statement));
    }

    /// Removes all faults.
    pub fn clear(&self) {
        super::lock(&self.orders).clear();
    }

    /// The number of faults that still have statements to come.
    #[must_use]
    pub fn pending(&self) -> usize {
        super::lock(&self.orders).len()
    }

    pub(crate) fn take(&self, statement: Statement, partition: i32) -> Option<Fault> {
        let mut orders = super::lock(&self.orders);
        let matches = |order: &FaultOrder| {
            order.statement.is_none_or(|wanted| wanted == statement)
                && order.partition.is_none_or(|wanted| wanted == partition)
        };
        let mut found = None;
        for (at, order) in orders.iter_mut().enumerate().filter(|(_, order)| matches(order)) {
            if order.skip > 0 {
                order.skip -= 1;
                continue;
            }
            order.times -= 1;
            found = Some((at, order.fault.clone(), order.times == 0));
            break;
        }
        let (at, fault, finished) = found?;
        if finished {
            orders.remove(at);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_matched_counted_and_used_up() {
        let faults = Faults::default();
        faults.order(FaultOrder::new(Fault::Mute).on(Statement::PutRow).after(1).times(2));
        faults.once(Statement::GetRow, Fault::DropBefore);
        assert_eq!(faults.take(Statement::PutRow, 0), None);
        assert_eq!(faults.take(Statement::GetRow, 0), Some(Fault::DropBefore));
        assert_eq!(faults.take(Statement::GetRow, 0), None);
        assert_eq!(faults.take(Statement::PutRow, 0), Some(Fault::Mute));
        assert_eq!(faults.pending(), 1);
        assert_eq!(faults.take(Statement::PutRow, 0), Some(Fault::Mute));
        assert_eq!((faults.take(Statement::PutRow, 0), faults.pending()), (None, 0));
    }

    #[test]
    fn a_partition_can_be_named() {
        let faults = Faults::default();
        faults.order(FaultOrder::new(Fault::Ignore).in_partition(3).always());
        assert_eq!(faults.take(Statement::GetRow, 2), None);
        assert_eq!(faults.take(Statement::GetRow, 3), Some(Fault::Ignore));
        assert_eq!(faults.take(Statement::Commit, 3), Some(Fault::Ignore));
    }
}
