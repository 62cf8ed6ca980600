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
