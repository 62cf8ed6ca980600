//! A node that speaks the native protocol of GridDB, in the process of a test, with faults on order.
//!
//! [`TestNode`] listens on a port of 127.0.0.1 and answers with the bytes of a real server: rows of every column
//! type, sessions, transactions and row locks, TQL, paging, several containers in one statement, users and
//! databases, and the errors that belong to them. [`TestCluster`] runs several nodes with a master, owners and
//! backups. What was recorded of real servers is replayed against both by this crate's own tests.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use griddb_test_node::{Fault, LogWrite, Options, Statement, TestNode};
//!
//! let node = TestNode::start(Options::new().log_write(LogWrite::OnlyByFlush)).await?;
//! let url = node.url(); // for the client that is to be tested
//!
//! // the next REMOVE_ROW is executed, and its answer never comes
//! node.faults().once(Statement::RemoveRow, Fault::DropAfter);
//!
//! // whatever was not flushed is lost
//! node.crash_and_restart().await?;
//! # drop(url);
//! # Ok(())
//! # }
//! ```
//!
//! # What a test can decide
//!
//! - Single statements: [`Faults`], by kind, partition and count.
//! - The node: [`crash`](TestNode::crash), [`restart`](TestNode::restart), [`pause`](TestNode::pause),
//!   [`refuse_connections`](TestNode::refuse_connections), [`leave_cluster`](TestNode::leave_cluster).
//! - Durability: [`LogWrite`]. A crash takes back what was not synced, container ids included.
//! - Time: a transaction timeout's second ([`Options::second`]), how often timeouts are looked for
//!   ([`Options::check_interval`]), the clock of `NOW()`, and every delay of a cluster ([`ClusterOptions`]).
//! - What it received: [`Counters`].
//!
//! # Where it is not the real server
//!
//! - The texts of errors, whose codes, names and status are right.
//! - Geometry, sampling and interpolation of time
//!   series, EXPLAIN ANALYZE, and functions of TQL beyond the common ones are not there. A statement of a kind that
//!   it does not know gets no answer.
//! - An indexed whole-number column compares with `3.0` as it does without an index; the real server finds nothing.
//! - The flaw by which a login goes to a later connection is there on order only ([`Options::login_flaw`]).

mod data;
mod error;
mod node;
mod options;
mod statement;
mod tql;
mod wire;

pub use error::ErrorCode;
pub use node::cluster::{ClusterOptions, TestCluster};
pub use node::counters::Counters;
pub use node::fault::{Fault, FaultOrder, Faults};
pub use node::test_node::TestNode;
pub use options::{LogWrite, Options};
pub use statement::Statement;
