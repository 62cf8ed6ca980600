//! Results in parts: what the server keeps and for how long, and where a query in steps may continue.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::time::Duration;

use common::*;
use griddb_rs::{Client, Collection, ErrorKind, Pages};
use griddb_test_node::{Fault, Statement};
use tokio::time::timeout;

async fn numbered(client: &Client, count: i64) -> Collection {
    let rows = rows(client).await;
    let many: Vec<_> = (0..count).map(|n| (format!("key{n:05}"), n)).collect();
    rows.put_many(&many).await.unwrap();
    rows
}

/// Can be returned and stored: it borrows nothing.
async fn all(client: &Client, page_size: u64) -> Pages {
    client.open("rows").await.unwrap().query("select * order by n").pages(page_size).await.unwrap()
}

#[tokio::test]
async fn row_by_row() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = numbered(&client, 25).await;
    for page_size in [1, 10, 24, 25, 100] {
        let mut pages = all(&client, page_size).await;
        for n in 0..25 {
            assert_eq!(pages.next_row().await.unwrap().unwrap().get::<i64>("n").unwrap(), n);
        }
        assert!(pages.next_row().await.unwrap().is_none());
        assert!(pages.next().await.unwrap().is_none());
    }
    let mut pages = all(&client, 10).await;
    pages.next_row().await.unwrap();
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 9);
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 10);
    let mut steps = rows.query("select *").steps(300).await.unwrap();
    let mut numbers = Vec::new();
    while let Some(row) = steps.next_row().await.unwrap() {
        numbers.push(row.get::<i64>("n").unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..25).collect::<Vec<_>>());
    assert!(rows.query("select * where n > 100").pages(3).await.unwrap().next_row().await.unwrap().is_none());
}

#[tokio::test]
async fn literals_are_not_shown() {
    let node = node().await;
    let client = connect(&node).await;
    let query = rows(&client).await.query("select * where k = 'sesame'").limit(5);
    let pages = query.pages(3).await.unwrap();
    let steps = query.steps(300).await.unwrap();
    for shown in [format!("{query:?} {query:#?}"), format!("{pages:?}"), format!("{steps:?}")] {
        assert!(!shown.contains("sesame") && shown.contains("rows") && shown.contains("limit"), "{shown}");
    }
    let plan = rows(&client).await.query("explain select * where k = 'sesame'").explain().await.unwrap();
    assert!(plan.iter().any(|line| line.statement.contains("sesame")));
    let shown = format!("{plan:?}");
    assert!(!shown.contains("sesame") && shown.contains("USE_INDEX"), "{shown}");
}

#[tokio::test]
async fn a_result_whose_call_was_dropped_is_closed() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = numbered(&client, 25).await;
    let query = rows.query("select *");
    node.faults().once(Statement::QueryTql, Fault::Delay(Duration::from_millis(200)));
    assert!(timeout(Duration::from_millis(50), query.pages(10)).await.is_err());
    until(|| node.counters().statements(Statement::CloseRowSet) == 1).await;
    // A result that fits in the first page is not kept.
    node.faults().once(Statement::QueryTql, Fault::Delay(Duration::from_millis(200)));
    assert!(timeout(Duration::from_millis(50), query.pages(100)).await.is_err());
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(query.pages(10).await.unwrap());
    until(|| node.counters().statements(Statement::CloseRowSet) == 2).await;
}

#[tokio::test]
async fn steps_do_not_continue_in_another_container() {
    let node = node().await;
    let client = connect(&node).await;
    let many: Vec<_> = (0..500i64).map(|n| (format!("new{n:05}"), n)).collect();
    let rows = numbered(&client, 500).await;
    let mut steps = rows.query("select *").steps(2000).await.unwrap();
    steps.next().await.unwrap();
    client.drop_collection("rows").await.unwrap();
    self::rows(&connect(&node).await).await.put_many(&many).await.unwrap();
    let error = steps.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContainerMissing, "{error}");
}

#[tokio::test]
async fn steps_end_with_their_connection() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = numbered(&client, 500).await;
    let mut steps = rows.query("select *").steps(2000).await.unwrap();
    steps.next().await.unwrap();
    node.crash_and_restart().await.unwrap();
    assert!(rows.query("select count(*)").value().await.is_ok());
    let error = steps.next().await.unwrap_err();
    assert!(error.is_unavailable() && error.is_retryable(), "{error}");
}
