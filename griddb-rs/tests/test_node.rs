//! Every case on the simulator.

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

/// The other cases use a node that checks waiting statements much more often than a real server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_wait_ends_in_time_with_a_check_interval_of_three_seconds() {
    let node = TestNode::start(Options::new()).await.unwrap();
    let client = Client::connect(&format!("griddb://admin:admin@{}/gridauth", node.address())).await.unwrap();
    // The one-second wait is over shortly after the node has checked.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    cases::locks::a_wait_for_a_lock_ends_before_the_call_does(client.clone()).await;
    client.close().await;
}
