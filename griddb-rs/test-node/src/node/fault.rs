//! Faults on order.

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
    /// The node is killed before the statement is executed. `crash_and_restart` (or a cluster's `kill`) makes the
    /// loss of what was not synced good, and brings it back.
    KillBefore,
    /// The statement is executed, then the node is killed without an answer.
    KillAfter,
    /// The answer comes later; answers of the same partition stay behind it.
    Delay(Duration),
    /// The statement is neither executed nor answered; the connection goes on.
    Ignore,
    /// The statement is executed and not answered; the connection goes on.
    Mute,
    /// The statement is not executed and answered with this error, for example
    /// [`ErrorCode::CLUSTER_ROLE`], [`ErrorCode::PARTITION_ROLE`] or [`ErrorCode::PARTITION_STATE`].
    Refuse(ErrorCode),
    /// The statement is executed and answered with this error, for example [`ErrorCode::REPLICATION_TIMEOUT`] or
    /// [`ErrorCode::NODE_ERROR`]. A transaction that it belongs to goes on.
    FailAfter(ErrorCode),
    /// The statement is executed; its answer ends after this many bytes, then the connection closes.
    Truncate(usize),
    /// The statement is executed; its answer ends after this many bytes and the connection goes on, so that later
    /// answers stand where the rest should be.
    Cut(usize),
    /// The statement is executed; its answer is whole, but for all of its body behind this many bytes.
    ShortBody(usize),
    /// The statement is executed; its answer has the right head, and then this status and this body.
    Nonsense(u8, Vec<u8>),
    /// The statement is executed; these bytes come in place of its answer.
    Garbage(Vec<u8>),
    /// The statement is executed; its answer has this statement id.
    WrongId(i64),
    /// The statement is executed; its answer claims this length.
    WrongLength(u32),
    /// The statement is executed; its answer claims to be so many bytes longer than it is.
    LongerBy(u32),
}

impl Fault {
    /// Something answers that is no node, such as a proxy.
    #[must_use]
    pub fn foreign() -> Self {
        Self::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())
    }

    /// Answers of which a part never comes, though the connection lives and other bytes do come.
    #[must_use]
    pub fn never_whole() -> [Self; 4] {
        [Self::LongerBy(8), Self::LongerBy(100 << 20), Self::Cut(17), Self::Cut(25)]
    }

    /// Answers behind which nothing on the connection is understood any more.
    #[must_use]
    pub fn garbled() -> [Self; 5] {
        [Self::Cut(25), Self::LongerBy(8), Self::LongerBy(60_000), Self::LongerBy(100 << 20), Self::foreign()]
    }

    /// The statement was done and is said to have failed: a copy that was not confirmed, an error of the node's own.
    #[must_use]
    pub fn done_and_failed() -> [Self; 2] {
        [ErrorCode::REPLICATION_TIMEOUT, ErrorCode::NODE_ERROR].map(Self::FailAfter)
    }
}

/// A fault, and the statements that it is for.
///
/// ```
/// use griddb_test_node::{Fault, FaultOrder, Statement};
///
/// // the third and fourth PUT_ROW from now on are executed and not answered
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
    /// A fault for the next statement, whichever it is.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, statement: None, partition: None, skip: 0, times: 1 }
    }

    /// Only for statements of this kind.
    #[must_use]
    pub fn on(mut self, statement: Statement) -> Self {
        self.statement = Some(statement);
        self
    }

    /// Only for statements of this partition.
    #[must_use]
    pub fn in_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Lets so many matching statements pass first.
    #[must_use]
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// For so many statements in place of one.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = count.max(1);
        self
    }

    /// For every matching statement until [`Faults::clear`].
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }
}

/// The faults that a node is going to have. The first order that matches a statement counts.
#[derive(Debug, Default)]
pub struct Faults {
    orders: Mutex<VecDeque<FaultOrder>>,
}

impl Faults {
    /// Orders a fault.
    pub fn order(&self, order: FaultOrder) {
        super::lock(&self.orders).push_back(order);
    }

    /// Orders a fault for the next statement of a kind.
    pub fn once(&self, statement: Statement, fault: Fault) {
        self.order(FaultOrder::new(fault).on(statement));
    }

    /// Takes back all orders.
    pub fn clear(&self) {
        super::lock(&self.orders).clear();
    }

    /// How many orders have not been carried out to their end.
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
