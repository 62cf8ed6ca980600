//! A node that speaks the native protocol of GridDB, in the process of a test, with faults on order.

mod data;
mod error;
mod node;
mod options;
mod statement;
mod tql;
mod wire;

pub use error::ErrorCode;
pub use node::counters::Counters;
pub use node::fault::{Fault, FaultOrder, Faults};
pub use node::test_node::TestNode;
pub use options::{LogWrite, Options};
pub use statement::Statement;
