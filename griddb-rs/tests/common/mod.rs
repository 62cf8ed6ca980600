//! A node, a client, and a collection of numbers.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::{future::Future, time::Duration};

use griddb_rs::{Change, Client, Collection, ColumnType, Row, Schema};
use griddb_test_node::{Options, TestNode};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

pub async fn node() -> TestNode {
    node_with(Options::new()).await
}

pub async fn node_with(options: Options) -> TestNode {
    TestNode::start(options.check_interval(Duration::from_millis(20))).await.unwrap()
}

pub fn url(node: &TestNode, options: &str) -> String {
    format!("griddb://admin:admin@{}/gridauth?{options}", node.address())
}

pub async fn connect(node: &TestNode) -> Client {
    Client::connect(&url(node, "")).await.unwrap()
}

pub fn schema() -> Schema {
    Schema::new().key("k", ColumnType::String).column("n", ColumnType::Long)
}

pub async fn rows(client: &Client) -> Collection {
    client.open_or_create("rows", &schema()).await.unwrap()
}

pub async fn number(rows: &Collection) -> Option<i64> {
    rows.get("k").await.unwrap().map(|row| row.get("n").unwrap())
}

pub fn raise(row: Option<&Row>) -> Change<(&'static str, i64)> {
    Change::Put(("k", row.map_or(0, |row| row.get::<i64>("n").unwrap()) + 1))
}

/// Fails when it takes so long that something hangs.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.unwrap()
}

/// Runs many cases, as many at a time as can have the processor when they need it: most of their time is waiting.
pub async fn some_at_a_time<C: Future<Output = ()> + Send + 'static>(cases: impl IntoIterator<Item = C>) {
    let (mut running, mut failed) = (JoinSet::new(), 0);
    for case in cases {
        if running.len() >= 32 {
            failed += usize::from(running.join_next().await.unwrap().is_err());
        }
        running.spawn(case);
    }
    while let Some(done) = running.join_next().await {
        failed += usize::from(done.is_err());
    }
    assert_eq!(failed, 0, "cases failed");
}

/// A collection of large values.
pub async fn blobs(client: &Client) -> Collection {
    let schema = Schema::new().key("k", ColumnType::String).column("b", ColumnType::Blob);
    client.open_or_create("blobs", &schema).await.unwrap()
}

/// Waits until something is true.
pub async fn until(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
