//! What survives a crash.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::{Bytes, COMMIT, Client, DROP_CONTAINER, Mode, container_key};
use griddb_test_node::{Fault, LogWrite, Options, Statement, TestNode};
use std::time::Duration;

async fn node(mode: LogWrite) -> TestNode {
    TestNode::start(Options::new().log_write(mode)).await.unwrap()
}

#[tokio::test]
async fn unflushed_rows_are_lost() {
    let node = node(LogWrite::OnlyByFlush).await;
    let mut client = Client::open(node.address()).await;
    let table = client.table("t", 128).await;
    client.put(table, "kept", 1).await;
    client.put(table, "changed", 1).await;
    client.put(table, "removed", 1).await;
    assert_eq!(client.flush(table).await.status, 0);
    assert_eq!(node.unsynced(), 0);
    client.put(table, "changed", 2).await;
    client.put(table, "new", 1).await;
    client.remove(table, "removed").await;
    client.put(table, "removed", 5).await;
    node.crash_and_restart().await.unwrap();
    let mut client = Client::open(node.address()).await;
    assert_eq!(client.find_table("t", table.partition).await, Some(table.id));
    let mut found = Vec::new();
    for key in ["kept", "changed", "removed", "new"] {
        found.push(client.get(table, key).await);
    }
    assert_eq!(found, [Some(1), Some(1), Some(1), None]);
}

#[tokio::test]
async fn a_flush_covers_only_its_partition() {
    let node = node(LogWrite::OnlyByFlush).await;
    let mut client = Client::open(node.address()).await;
    let (here, there) = (client.table("t@1", 128).await, client.table("t@2", 128).await);
    client.flush(there).await;
    client.put(here, "a", 1).await;
    client.put(there, "a", 1).await;
    client.flush(here).await;
    node.crash_and_restart().await.unwrap();
    let mut client = Client::open(node.address()).await;
    assert_eq!((client.get(here, "a").await, client.get(there, "a").await), (Some(1), None));
}

#[tokio::test]
async fn every_commit_survives_if_every_commit_is_synced() {
    let node = node(LogWrite::EveryCommit).await;
    let mut client = Client::open(node.address()).await;
    let table = client.table("t", 128).await;
    for number in 0..300 {
        client.put(table, &format!("k{number}"), number).await;
    }
    node.crash_and_restart().await.unwrap();
    let mut client = Client::open(node.address()).await;
    assert_eq!(client.query(table, "select * where n >= 0").await.unwrap().len(), 300);
}

#[tokio::test]
async fn the_log_is_synced_periodically() {
    let node = node(LogWrite::Every(Duration::from_millis(10))).await;
    let mut client = Client::open(node.address()).await;
    let table = client.table("t", 128).await;
    client.put(table, "a", 1).await;
    while node.unsynced() > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    node.crash_and_restart().await.unwrap();
    assert_eq!(Client::open(node.address()).await.get(table, "a").await, Some(1));
}

#[tokio::test]
async fn sessions_and_uncommitted_rows_never_survive_a_crash() {
    let node = node(LogWrite::EveryCommit).await;
    let mut client = Client::open(node.address()).await;
    let table = client.table("t", 128).await;
    client.put(table, "a", 1).await;
    let put = client.put_body(table, "a", 2, Mode::begin(1));
    client.call_with(common::PUT_ROW, table.partition, 1, put).await;
    node.crash_and_restart().await.unwrap();
    let mut client = Client::open(node.address()).await;
    assert_eq!(client.end(COMMIT, table, 1, 2).await.code(), 110003);
    assert_eq!(client.get(table, "a").await, Some(1));
    // the lock is gone too
    assert!(client.try_put(table, "a", 3, Mode::AUTO.timeout(0)).await.flag());
}

#[tokio::test]
async fn the_id_of_a_lost_container_is_reused() {
    let node = node(LogWrite::OnlyByFlush).await;
    let mut client = Client::open(node.address()).await;
    let lost = client.table("lost@9", 128).await;
    node.crash_and_restart().await.unwrap();
    let mut client = Client::open(node.address()).await;
    assert_eq!(client.try_put(lost, "a", 1, Mode::AUTO).await.code(), 60157);
    let next = client.table("next@9", 128).await;
    assert_eq!(next.id, lost.id);
    // the old id silently works on the other container
    assert_eq!(client.try_put(lost, "a", 1, Mode::AUTO).await.code(), 0);
    assert_eq!(client.get(next, "a").await, Some(1));
}

#[tokio::test]
async fn an_unsynced_drop_is_undone_by_a_crash() {
    let node = node(LogWrite::OnlyByFlush).await;
    let mut client = Client::open(node.address()).await;
    let table = client.table("t", 128).await;
    client.put(table, "a", 1).await;
    client.flush(table).await;
    client.put(table, "b", 1).await;
    let drop = Bytes::new().i32(0).raw(&container_key("t").0).u8(0xff);
    assert_eq!(client.call(DROP_CONTAINER, table.partition, drop).await.status, 0);
    node.crash_and_restart().await.unwrap();
    let mut client = Client::open(node.address()).await;
    assert_eq!((client.get(table, "a").await, client.get(table, "b").await), (Some(1), None));
}

#[tokio::test]
async fn a_fault_can_kill_the_node() {
    for (fault, executed) in [(Fault::KillBefore, false), (Fault::KillAfter, true)] {
        let node = node(LogWrite::EveryCommit).await;
        let mut client = Client::open(node.address()).await;
        let table = client.table("t", 128).await;
        node.faults().once(Statement::PutRow, fault);
        let put = client.put_body(table, "a", 1, Mode::AUTO);
        client.send(common::PUT_ROW, table.partition, put).await;
        assert!(client.receive_raw().await.is_err());
        assert!(!node.is_up());
        node.crash_and_restart().await.unwrap();
        assert!(node.is_up());
        let found = Client::open(node.address()).await.get(table, "a").await;
        assert_eq!(found.is_some(), executed);
    }
}
