//! Listings with more rows than a page holds, or than are sorted for each page.

use std::collections::BTreeSet;
use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::store::{By, Key, Kind, Query, Row, StoreErrorKind};
use griddb_test_node::{Fault, FaultOrder, Statement};
use tokio::task::JoinSet;

use super::{node, open};

const MANY: usize = 5_200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_very_many_rows_is_listed_by_hash() {
    let node = node().await;
    let store = open(&node, "durability=server").await;
    let mut running = JoinSet::new();
    for worker in 0..20 {
        let store = store.clone();
        running.spawn(async move {
            for number in (worker..MANY).step_by(20) {
                let client = if number % 50 == 0 { "few" } else { "many" };
                let row = Row::new(Timestamp::from_millis(1), "{}").with_client(Some(client));
                assert!(store.insert(Key::new(Kind::Custom, &format!("row-{number}")), row).await.unwrap());
            }
        });
    }
    running.join_all().await;

    for (client, expected) in [("many", MANY - MANY / 50), ("few", MANY / 50)] {
        let (mut listed, mut rows, mut by_hash) = (BTreeSet::new(), 0, false);
        let mut query = Query::new(Kind::Custom, By::Client(client)).limit(90);
        loop {
            let page = store.list(query.clone()).await.unwrap();
            assert!(page.entries.iter().all(|entry| entry.row.client() == Some(client)));
            rows += page.entries.len();
            listed.extend(page.entries.into_iter().map(|entry| entry.id));
            let Some(next) = page.next else { break };
            by_hash |= next.0.contains(":h:");
            query = query.after(next);
        }
        assert_eq!((listed.len(), rows), (expected, expected), "{client}");
        assert_eq!(by_hash, client == "many");
    }
}

/// A page is one answer on the connection of all guards, so its size is limited, whatever is requested.
#[tokio::test]
async fn a_page_is_short_whatever_is_requested() {
    let node = node().await;
    let store = open(&node, "durability=server").await;
    for number in 0..250 {
        let row = Row::new(Timestamp::from_millis(1), "{}").with_client(Some("web"));
        assert!(store.insert(Key::new(Kind::Custom, &format!("row-{number}")), row).await.unwrap());
    }
    let (mut pages, mut listed) = (Vec::new(), BTreeSet::new());
    let mut query = Query::new(Kind::Custom, By::Client("web")).limit(1000);
    loop {
        let page = store.list(query.clone()).await.unwrap();
        pages.push(page.entries.len());
        listed.extend(page.entries.into_iter().map(|entry| entry.id));
        let Some(next) = page.next else { break };
        query = query.after(next);
    }
    assert_eq!((pages, listed.len()), (vec![100, 100, 50], 250));
}

/// The first page of many rows takes two queries.
#[tokio::test]
async fn the_queries_of_a_page_share_the_time_of_one_call() {
    let node = node().await;
    let store = open(&node, "retry_for=1s&statement_timeout=1s&lock_timeout=0s").await;
    for number in 0..3 {
        let row = Row::new(Timestamp::from_millis(1), "{}").with_client(Some("web"));
        assert!(store.insert(Key::new(Kind::Custom, &format!("row-{number}")), row).await.unwrap());
    }
    let all = Query::new(Kind::Custom, By::Client("web"));
    let slow = FaultOrder::new(Fault::Delay(Duration::from_millis(600)));
    node.faults().order(slow.on(Statement::QueryTql).always());
    let page = store.list(all.clone()).await.unwrap();
    assert_eq!(page.entries.len(), 3, "one query has the time that it needs");
    assert!(store.list(all.limit(2)).await.is_err());
}

/// A page with that many rows would exceed the longest accepted answer. In the end each answer holds one row.
#[tokio::test]
async fn long_rows_are_listed_in_shorter_pages() {
    for (rows, bytes, max_answer) in [(8, 300_000, 1_000_000), (5, 600_000, 1_000_000)] {
        let node = node().await;
        let store = open(&node, &format!("durability=server&max_answer={max_answer}")).await;
        for number in 0..rows {
            let row = Row::new(Timestamp::from_millis(1), "x".repeat(bytes)).with_client(Some("web"));
            assert!(store.insert(Key::new(Kind::Session, &format!("row-{number}")), row).await.unwrap());
        }
        for by in [By::Client("web"), By::Any] {
            for limit in [1, 100] {
                let (mut listed, mut ids) = (0, BTreeSet::new());
                let mut query = Query::new(Kind::Session, by).limit(limit);
                loop {
                    let page = store.list(query.clone()).await.unwrap();
                    assert!(page.entries.len() <= limit && listed <= rows);
                    assert!(page.entries.iter().all(|entry| entry.row.body().len() == bytes));
                    listed += page.entries.len();
                    ids.extend(page.entries.into_iter().map(|entry| entry.id));
                    let Some(next) = page.next else { break };
                    query = query.after(next);
                }
                assert_eq!((listed, ids.len()), (rows, rows), "{by:?}, pages of {limit}");
            }
        }
    }
}

/// If even one row is too long, the listing is an error.
#[tokio::test]
async fn a_row_that_is_too_long_for_any_answer_is_an_error() {
    let node = node().await;
    let store = open(&node, "max_answer=65536").await;
    let row = Row::new(Timestamp::from_millis(1), "x".repeat(100_000));
    store.put(Key::new(Kind::Session, "x"), row).await.unwrap();
    let error = store.list(Query::new(Kind::Session, By::Any)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Internal, "{error}");
}
