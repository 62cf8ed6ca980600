//! Expired rows are removed, whatever they contain and whoever else removes them.

use std::sync::Arc;
use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::store::{Key, Kind, Row, StoreErrorKind};
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Statement};
use tokio::time::Instant;

use super::support::*;
use super::{node, open, spoil};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn expired(body: impl Into<Box<str>>) -> Row {
    Row::new(Timestamp::from_millis(1), body).with_expires(Some(Timestamp::from_millis(2)))
}

/// A damaged row expires too, and does not block the others.
#[tokio::test]
async fn a_damaged_expired_row_is_removed() {
    let node = node().await;
    let store = open(&node, "").await;
    store.insert(Key::new(Kind::Session, "spoilt"), expired("x".repeat(40_000))).await.unwrap();
    spoil(&node, "GRIDAUTH_SESSIONS", "spoilt").await;
    assert!(store.get(Key::new(Kind::Session, "spoilt")).await.is_err());

    assert_eq!(store.remove_expired(Kind::Session, NOW, 10).await.unwrap(), 1);
    assert!(store.get(Key::new(Kind::Session, "spoilt")).await.unwrap().is_none());
}

/// Together they exceed the longest accepted answer.
#[tokio::test]
async fn long_rows_are_swept_in_parts() {
    let node = node().await;
    let store = open(&node, "max_answer=1000000").await;
    for number in 0..8 {
        let key = format!("row-{number}");
        store.insert(Key::new(Kind::Session, &key), expired("x".repeat(300_000))).await.unwrap();
    }
    assert_eq!(store.remove_expired(Kind::Session, NOW, 500).await.unwrap(), 8);
}

/// Zero means that nothing is left, even if another process removed everything that was found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_removed_by_others_do_not_end_the_sweep() {
    let node = node().await;
    let (one, other) = (Arc::new(open(&node, "").await), open(&node, "").await);
    // The rows are so large that the first step finds only some of them.
    for number in 0..12 {
        let key = format!("row-{number}");
        one.insert(Key::new(Kind::Session, &key), expired("x".repeat(100_000))).await.unwrap();
    }
    node.faults().once(Statement::QueryTql, Fault::Delay(Duration::from_millis(400)));
    let sweeping = {
        let one = Arc::clone(&one);
        tokio::spawn(async move { one.remove_expired(Kind::Session, NOW, 2).await.unwrap() })
    };
    while node.faults().pending() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(other.remove_expired(Kind::Session, NOW, 6).await.unwrap(), 6);
    let removed = sweeping.await.unwrap();
    assert!((1..=2).contains(&removed), "{removed} removed though six were left");
}

/// A failing container does not keep the others from being swept. Its error is returned when nothing else is left.
#[tokio::test]
async fn a_failing_container_does_not_block_the_others() {
    for fails in [Statement::QueryTql, Statement::RemoveRow] {
        let node = node().await;
        let store = open(&node, "").await;
        let mut at_the_first = 0;
        for number in 0..40 {
            let key = format!("row-{number}");
            assert!(store.insert(Key::new(Kind::Grant, &key), expired("{}")).await.unwrap());
            // Grant container N is in partition N, and there are four.
            at_the_first += usize::from(crc32fast::hash(key.as_bytes()).is_multiple_of(4));
        }
        assert!((1..40).contains(&at_the_first));
        let refused = Fault::Refuse(ErrorCode::MEMORY_LIMIT);
        node.faults().order(FaultOrder::new(refused).on(fails).in_partition(0).always());
        let mut removed = 0;
        let error = loop {
            match store.remove_expired(Kind::Grant, NOW, 5).await {
                Ok(more) => {
                    assert!((1..=5).contains(&more), "{fails:?}: {more}");
                    removed += more;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{fails:?}: {error}");
        assert_eq!(removed, 40 - at_the_first, "{fails:?}");
        node.faults().clear();
        assert_eq!(store.remove_expired(Kind::Grant, NOW, 100).await.unwrap(), at_the_first, "{fails:?}");
    }
}

/// Each kind of row has one or more containers, and none can be reached.
#[tokio::test]
async fn a_sweep_within_a_request_ends_with_its_deadline() {
    let node = node().await;
    let store = open(&node, "retry_for=1s&statement_timeout=1s&lock_timeout=0s").await;
    let server = server_with(|builder| builder.store(store)).await;
    node.pause();
    let begun = Instant::now();
    let auth = &server.auth;
    assert!(auth.as_one_request(auth.sweep()).await.is_err());
    assert!(auth.as_one_request(async { auth.sweep().await.and(auth.store().ping().await) }).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

/// A ping has only the rest of the request's time.
#[tokio::test]
async fn a_ping_shares_the_deadline_of_its_request() {
    let node = node().await;
    let store = open(&node, "retry_for=1s&statement_timeout=1s&lock_timeout=0s").await;
    let server = server_with(|builder| builder.store(store)).await;
    node.faults().order(FaultOrder::new(Fault::Delay(Duration::from_millis(600))).always());
    let store = server.auth.store();
    let twice = || async { store.ping().await.and(store.ping().await) };
    twice().await.unwrap();
    assert_eq!(server.auth.as_one_request(twice()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

/// It uses up the time of one step, and then comes after the others.
#[tokio::test]
async fn an_unreachable_container_is_not_waited_for_at_each_step() {
    let node = node().await;
    let store = open(&node, "retry_for=1s&statement_timeout=1s&lock_timeout=0s&durability=server").await;
    let mut in_reach = 0;
    for number in 0..100 {
        let key = format!("row-{number}");
        assert!(store.insert(Key::new(Kind::Grant, &key), expired("{}")).await.unwrap());
        in_reach += usize::from(!crc32fast::hash(key.as_bytes()).is_multiple_of(4));
    }
    let refused = FaultOrder::new(Fault::Refuse(ErrorCode::PARTITION_STATE)).on(Statement::QueryTql);
    node.faults().order(refused.in_partition(0).always());
    let (mut removed, mut errors) = (0, 0);
    let begun = Instant::now();
    // The first error may come before the others were reached.
    while errors < 2 {
        match store.remove_expired(Kind::Grant, NOW, 5).await {
            Ok(more) => removed += more,
            Err(_) => errors += 1,
        }
    }
    assert_eq!(removed, in_reach);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    node.faults().clear();
    assert_eq!(store.remove_expired(Kind::Grant, NOW, 100).await.unwrap(), 100 - in_reach);
}
