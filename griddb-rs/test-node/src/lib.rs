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
//! - The cluster: who is killed, paused and woken, which partition moves, with a gap or without one
//!   ([`TestCluster`]), and how far backups are behind ([`ClusterOptions::replication_lag`]).
//! - Durability: [`LogWrite`]. A crash takes back what was not synced, container ids included.
//! - Time: a transaction timeout's second ([`Options::second`]), how often timeouts are looked for
//!   ([`Options::check_interval`]), how long a restarted node is outside of its cluster ([`Options::rejoin_delay`]),
//!   the clock of `NOW()`, and every delay of a cluster ([`ClusterOptions`]).
//! - What it received: [`Counters`].
//!
//! The tests of this crate that do not need a fault or a clock run on the real server too that
//! `GRIDAUTH_TEST_GRIDDB` names.
//!
//! # Where it is not the real server
//!
//! What it says:
//!
//! - The texts of errors are its own; codes, names and status are right.
//! - Geometry, sampling and interpolation of time series, the names of a partition's containers, sessions of several
//!   containers, lists of users and databases, and SQL are not there: a statement of a kind that it does not know gets
//!   no answer. Nor are TLS, IPv6, multicast, the login by challenge, and LDAP.
//! - TQL has no EXPLAIN ANALYZE and only the common functions. An indexed whole-number column compares with `3.0` as it
//!   does without an index, where the server finds nothing. A plan takes the index of an equality before that of a
//!   range, where the server takes that of the condition written first, and sorts also what comes in order.
//! - Several containers are put to by the exact names of their columns, and read by keys of a single column only.
//!
//! When it does it:
//!
//! - Each connection executes what one read of it brought, and then what waited for that. The server has a thread for
//!   a group of partitions, which takes together what all connections have sent.
//! - Answers of different partitions overtake one another only within what came together.
//! - Indexes and altered containers are ready at once, where the server works on large ones step by step.
//! - Results that are read page by page are kept for 300 seconds after the query, whatever its timeout was.
//!
//! What it can bear:
//!
//! - Memory, statements in queues, connections and disk have no limits. Being full, busy or out of connections is there on
//!   order only, and a BLOB of 32 MiB can be read back.
//! - A crash takes back whole changes and leaves nothing half written; a disk is never lost or full.
//! - The flaw by which a login goes to a later connection is there on order only ([`Options::login_flaw`]).
//!
//! As a cluster it does what three nodes of version 4.3 were seen to do, in about a hundredth of the time:
//!
//! - A partition has one backup at the most, which follows exactly unless it is told to lag. After a loss the copy with
//!   the most changes counts.
//! - A node is lost for all others at once, and they hear of a change at the same moment: there are no networks that part.
//! - Writes wait for a backup only while that is paused ([`ClusterOptions::wait_for_backup`]).
//! - Users and databases are common to all nodes, and outlive every crash.
//! - No partition goes back to a node that was away, and none moves unless it is told to.

pub mod cases;
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
