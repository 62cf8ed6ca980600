//! Rows locked by another client, on a node that checks waiting statements every three seconds, like a real
//! server.

use std::time::Duration;

use gridauth::store::{Change, Key, Kind, Row, StoreErrorKind, Updated};
use griddb_rs::{Client, Transaction};
use griddb_test_node::{Options, TestNode};
use tokio::time::Instant;

use super::{open, row};

const KEY: Key<'static> = Key::new(Kind::Custom, "held");

/// A transaction of another program that locks the row.
async fn holder(node: &TestNode) -> Transaction {
    // It outlives every wait of the store.
    let url = format!("{}?lock_timeout=15s&statement_timeout=20s", node.url());
    let client = Client::connect(&url).await.unwrap();
    let mut transaction = client.open("GRIDAUTH_CUSTOM").await.unwrap().transaction();
    assert!(transaction.lock("held").await.unwrap().is_some());
    transaction
}

/// With the store's default timeouts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_locked_for_long_times_out_and_stays_unchanged() {
    let node = TestNode::start(Options::new()).await.unwrap();
    let store = open(&node, "").await;
    assert!(store.insert(KEY, row("{}")).await.unwrap());
    let held = holder(&node).await;
    let begun = Instant::now();
    let mut decide = |_: &Row| Change::Remove;
    let (put, removed, updated) =
        tokio::join!(store.put(KEY, row("[]")), store.remove(KEY), store.update(KEY, &mut decide));
    for error in [put.unwrap_err(), removed.map(drop).unwrap_err(), updated.map(drop).unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    held.abort();
    // What was reported as not done does not happen afterwards.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(store.get(KEY).await.unwrap().unwrap().body(), "{}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_locked_briefly_is_waited_for() {
    let node = TestNode::start(Options::new()).await.unwrap();
    let store = open(&node, "").await;
    assert!(store.insert(KEY, row("{}")).await.unwrap());
    let held = holder(&node).await;
    let commit = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        held.commit().await.unwrap();
    };
    let mut replace = |_: &Row| Change::Replace(row("[]"));
    let (updated, ()) = tokio::join!(store.update(KEY, &mut replace), commit);
    assert_eq!(updated.unwrap(), Updated::Replaced);
    assert_eq!(store.get(KEY).await.unwrap().unwrap().body(), "[]");
}
