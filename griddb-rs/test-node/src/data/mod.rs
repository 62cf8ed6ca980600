//! The contents of a partition: containers, their rows, sessions, transactions and row locks.

pub(crate) mod change;
pub(crate) mod container;
pub(crate) mod index;
pub(crate) mod journal;
pub(crate) mod partition;
pub(crate) mod result_set;
pub(crate) mod session;
