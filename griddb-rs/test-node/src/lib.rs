//! An in-process simulator of GridDB's native protocol with fault injection, for tests.
//!
//! [`TestNode`] listens on a port of 127.0.0.1 and answers with the same bytes as a real server. It supports rows
//! of every column type, sessions, transactions and row locks, TQL, paging, several containers in one statement,
//! users and databases, and their errors. [`TestCluster`] runs several nodes with a master, owners and backups.
//! This crate's tests replay captures of real servers against both.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use griddb_test_node::{Fault, LogWrite, Options, Statement, TestNode};
//!
//! let node = TestNode::start(Options::new().log_write(LogWrite::OnlyByFlush)).await?;
//! let url = node.url(); // for the client under test
//!
//! // the next REMOVE_ROW is executed, and its answer is lost
//! node.faults().once(Statement::RemoveRow, Fault::DropAfter);
//!
//! // everything that was not flushed is lost
//! node.crash_and_restart().await?;
//! # drop(url);
//! # Ok(())
//! # }
//! ```
//!
//! # What a test can control
//!
//! - Single statements: [`Faults`], by kind, partition and count.
//! - The node: [`crash`](TestNode::crash), [`restart`](TestNode::restart), [`pause`](TestNode::pause),
//!   [`refuse_connections`](TestNode::refuse_connections), [`leave_cluster`](TestNode::leave_cluster).
//! - The cluster: [`TestCluster`] kills, pauses and wakes nodes and moves partitions, with or without a gap.
//!   [`ClusterOptions::replication_lag`] keeps backups behind.
//! - Durability: [`LogWrite`]. A crash undoes what was not synced, including container ids.
//! - Time: the length of a transaction timeout's second ([`Options::second`]), the interval of timeout checks
//!   ([`Options::check_interval`]), how long a restarted node stays outside its cluster ([`Options::rejoin_delay`]), the
//!   clock of `NOW()`, and every delay of a cluster ([`ClusterOptions`]).
//! - [`Counters`] report what a node has received.
//!
//! Tests of this crate that need no fault and no clock also run on the real server named by
//! `GRIDAUTH_TEST_GRIDDB`.
//!
//! # Differences from the real server
//!
//! Contents:
//!
//! - Error texts are its own; codes, names and status match.
//! - Not supported: geometry, sampling and interpolation of time series, listing a partition's containers, sessions over
//!   several containers, lists of users and databases, SQL, TLS, IPv6, multicast, challenge login and LDAP. A statement
//!   of an unknown kind gets no answer.
//! - TQL has no EXPLAIN ANALYZE and only the common functions. An indexed integer column compares with `3.0` as it does
//!   without an index; the server finds nothing. A plan prefers the index of an equality over that of a range; the
//!   server uses the condition written first, and sorts even what is in order already.
//! - A put to several containers needs the exact column names, and a read of several needs keys of a single column.
//!
//! Timing:
//!
//! - Each connection executes what one read of it returned, then the statements that waited for that. The server has one
//!   thread for a group of partitions, which serves all connections together.
//! - Answers of different partitions overtake each other only within what arrived together.
//! - Creating an index and altering a container are immediate; the server does it step by step for large ones.
//! - Paged results are kept for 300 seconds after the query, whatever its timeout was.
//!
//! Limits:
//!
//! - Memory, statement queues, connections and disk are unlimited. Being full, busy or out of connections has to be
//!   injected, and a BLOB of 32 MiB can be read back.
//! - A crash undoes whole changes and never leaves half of one. The disk is never lost or full.
//! - The flaw by which a login goes to a later connection is off by default ([`Options::login_flaw`]).
//!
//! As a cluster it behaves like three observed nodes of version 4.3, about a hundred times as fast:
//!
//! - A partition has at most one backup, which follows exactly unless it is told to lag. After a loss, the copy with the
//!   most changes wins.
//! - A lost node is lost for all others at once, and they learn of a change at the same moment: networks do not split.
//! - A transaction whose timeout passes while its node is a backup is not aborted. Its locks stay at the new owner until
//!   its session is closed or expires.
//! - Writes wait for a backup only while it is paused, if [`ClusterOptions::wait_for_backup`] is set.
//! - Users and databases are shared by all nodes and survive every crash.
//! - No partition moves back to a node that was away, and none moves on its own.

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
