//! Every case on the in-process node.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod cases;

use std::time::Duration;

use griddb_rs::Client;
use griddb_test_node::{Options, TestNode};

macro_rules! on_the_node {
    ($($group:ident :: $case:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let node = TestNode::start(Options::new().check_interval(Duration::from_millis(20))).await.unwrap();
            let client = Client::connect(&format!("griddb://admin:admin@{}/gridauth", node.address())).await.unwrap();
            cases::$group::$case(client.clone()).await;
            client.close().await;
            assert_eq!(node.counters().unknown(), 0);
            tokio::task::yield_now().await;
        }
    )*};
}

for_every_case!(on_the_node);

/// The other cases are on a node that looks for waits that are over much more often than a server does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_a_lock_ends_in_time_where_the_node_looks_every_three_seconds() {
    let node = TestNode::start(Options::new()).await.unwrap();
    let client = Client::connect(&format!("griddb://admin:admin@{}/gridauth", node.address())).await.unwrap();
    // The wait of one second is over a moment after the node has looked.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    cases::locks::a_wait_for_a_lock_ends_before_the_call_does(client.clone()).await;
    client.close().await;
}
