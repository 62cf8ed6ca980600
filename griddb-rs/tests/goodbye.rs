//! Every connection that may be logged in ends with DISCONNECT. Without it the server gives its login to the next
//! one.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::time::Duration;

use common::*;
use griddb_rs::{Client, ErrorKind};
use griddb_test_node::{ClusterOptions, Fault, Options, Statement, TestCluster, TestNode};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn every_connection_sends_disconnect() {
    let node = node().await;
    let said = || node.counters().statements(Statement::Disconnect);
    let client = connect(&node).await;
    rows(&client).await.put(("k", 1i64)).await.unwrap();
    assert_eq!((node.counters().open_connections(), said()), (1, 0));
    drop(client);
    until(|| node.counters().open_connections() == 0).await;
    assert_eq!(said(), 1);

    let client = connect(&node).await;
    let rows = rows(&client).await;
    client.close().await;
    assert_eq!(rows.get("k").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.ping().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(said(), 2);
    assert!(Client::connect(&url(&node, "").replace(":admin@", ":wrong@")).await.is_err());
    until(|| said() == 3).await;
}

#[tokio::test]
async fn a_runtime_that_shuts_down_sends_disconnect() {
    let node = node().await;
    let url = url(&node, "");
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(Client::connect(&url)).unwrap();
        drop(runtime);
        drop(client);
    });
    until(|| node.counters().statements(Statement::Disconnect) == 1).await;
}

#[tokio::test]
async fn closing_waits_for_statements_in_flight() {
    let node = node_with(Options::new().latency(Duration::from_millis(100))).await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    let put = tokio::spawn({
        let rows = rows.clone();
        async move { rows.put(("k", 1i64)).await }
    });
    while node.counters().statements(Statement::PutRow) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.close().await;
    assert!(!soon(put).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_node_does_not_keep_others_from_disconnect() {
    let options = ClusterOptions::new(Options::new().partitions(12));
    let cluster = TestCluster::start(3, options).await.unwrap();
    let client = Client::connect(&cluster.url()).await.unwrap();
    for owner in 0..3 {
        let partition = cluster.partition_at(owner, (owner + 1) % 3).unwrap();
        let rows = client.open_or_create(&format!("rows@{partition}"), &schema()).await.unwrap();
        if owner > 0 {
            cluster.pause(owner);
            tokio::spawn(async move { rows.put(("k", 1i64)).await });
        }
    }
    let closing = tokio::spawn(async move { client.close().await });
    let is_closed = until(|| cluster.nodes()[0].counters().open_connections() == 0);
    timeout(Duration::from_secs(3), is_closed).await.unwrap();
    closing.abort();
}

/// Whether there was one LOGIN, and every connection sent DISCONNECT.
async fn sent_disconnect(node: &TestNode) {
    until(|| node.counters().connections() > 0 && node.counters().open_connections() == 0).await;
    assert_eq!(node.counters().statements(Statement::Login), 1);
    assert_eq!(node.counters().statements(Statement::Disconnect), node.counters().connections());
}

#[tokio::test]
async fn a_login_that_takes_too_long_is_ended() {
    let node = node().await;
    node.faults().once(Statement::Login, Fault::Delay(Duration::from_millis(600)));
    let error = Client::connect(&url(&node, "connect_timeout=200ms")).await.unwrap_err();
    assert!(error.is_unavailable() && !error.is_outcome_unknown(), "{error}");
    sent_disconnect(&node).await;
}

#[tokio::test]
async fn a_login_whose_caller_is_gone_is_ended() {
    let node = node().await;
    node.faults().once(Statement::Login, Fault::Delay(Duration::from_millis(300)));
    let url = url(&node, "");
    assert!(timeout(Duration::from_millis(100), Client::connect(&url)).await.is_err());
    sent_disconnect(&node).await;
}

#[tokio::test]
async fn a_login_whose_runtime_ends_is_ended() {
    let node = node().await;
    node.faults().once(Statement::Login, Fault::Delay(Duration::from_millis(300)));
    let url = url(&node, "");
    let runtime = std::thread::spawn(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move { Client::connect(&url).await });
        runtime
    });
    let runtime = runtime.join().unwrap();
    until(|| node.counters().statements(Statement::Login) == 1).await;
    runtime.shutdown_background();
    sent_disconnect(&node).await;
}

#[tokio::test]
async fn a_connection_is_opened_even_if_each_caller_gives_up_early() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    node.sync();
    node.crash().await.unwrap();
    node.restart().unwrap();
    node.counters().reset();
    node.faults().once(Statement::Login, Fault::Delay(Duration::from_millis(300)));
    soon(async {
        while !matches!(timeout(Duration::from_millis(80), rows.get("k")).await, Ok(Ok(Some(_)))) {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(node.counters().statements(Statement::Login), 1);
}
