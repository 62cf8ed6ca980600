//! Faults while a store is opened and while it reads in parts: nothing is left half done.

use std::time::Duration;

use gridauth::Store;
use gridauth::env::Timestamp;
use gridauth::store::{By, Key, Kind, OpenError, Query, StoreError};
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Statement, TestNode};
use tokio::time::timeout;

use super::{node, row, some_at_a_time, url};

/// The row with the number of containers is always flushed.
const OPTIONS: &str =
    "connect_timeout=2s&statement_timeout=2s&retry_for=5s&lock_timeout=0s&heartbeat=600ms&durability=server";
/// Each container gets the time of a call.
const OPENING: Duration = Duration::from_secs(20);
const CALL: Duration = Duration::from_secs(7);

fn faults() -> impl Iterator<Item = Fault> {
    let faults = [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Ignore,
        Fault::Mute,
        Fault::Truncate(29),
        Fault::ShortBody(2),
        Fault::Nonsense(1, b"nonsense".to_vec()),
        Fault::Refuse(ErrorCode::PARTITION_STATE),
        Fault::Refuse(ErrorCode::QUEUE_LIMIT),
    ];
    faults.into_iter().chain(Fault::done_and_failed())
}

async fn open(node: &TestNode) -> Result<Store, OpenError> {
    Store::open(&url(node, OPTIONS)).await
}

/// Writes and reads rows of every kind.
async fn is_whole(what: &str, store: &Store) {
    for kind in Kind::ALL {
        // Grants are in several containers.
        let rows = if kind == Kind::Grant { 6 } else { 1 };
        for number in 0..rows {
            let id = format!("{what} {number}");
            let key = Key::new(kind, &id);
            let inserted = store.insert(key, row("{}").with_user(Some("israel"))).await;
            assert!(inserted.unwrap(), "{what}: {kind:?}");
            assert!(store.get(key).await.unwrap().is_some(), "{what}: {kind:?}");
            assert!(store.remove(key).await.unwrap(), "{what}: {kind:?}");
        }
        assert!(store.list(Query::new(kind, By::User("israel"))).await.unwrap().entries.is_empty());
    }
}

/// One fault at the `nth` statement of a kind.
async fn opens(statement: Statement, nth: u64, fault: Fault) {
    let what = format!("{statement:?} {nth}, {fault:?}");
    let node = node().await;
    node.faults().order(FaultOrder::new(fault).on(statement).after(nth));
    let opened = timeout(OPENING, open(&node)).await.unwrap_or_else(|_| panic!("{what}: it hangs"));
    assert_eq!(node.faults().pending(), 0, "{what}: the fault did not happen");
    match opened {
        Ok(store) => is_whole("first", &store).await,
        Err(error) => assert!(!error.bad_url, "{what}: {error}"),
    }
    let store = timeout(OPENING, open(&node)).await.unwrap();
    is_whole("second", &store.unwrap_or_else(|error| panic!("{what}, again: {error}"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_opens_despite_faults_is_complete() {
    // The last two statements belong to the row with the number of containers, the others to the containers.
    let statements: [(Statement, &[u64]); 8] = [
        (Statement::Connect, &[0]),
        (Statement::Login, &[0]),
        (Statement::GetPartitionAddress, &[0, 1]),
        (Statement::GetContainer, &[0, 2]),
        (Statement::PutContainer, &[0, 2]),
        (Statement::CreateIndex, &[0, 3]),
        (Statement::PutRow, &[0]),
        (Statement::FlushLog, &[0]),
    ];
    let mut cases = Vec::new();
    for (statement, nths) in statements {
        for &nth in nths {
            let faults = faults().chain(Fault::garbled());
            cases.extend(faults.map(|fault| opens(statement, nth, fault)));
        }
    }
    some_at_a_time(cases).await;
}

const EXPIRED: Timestamp = Timestamp::from_millis(10);

/// A store with more rows than one part of a sweep, or one page, holds.
async fn filled(node: &TestNode) -> Store {
    let store = open(node).await.unwrap();
    for number in 0..12 {
        let id = format!("row-{number}");
        let row = row(&"x".repeat(60_000)).with_expires(Some(EXPIRED));
        assert!(store.insert(Key::new(Kind::Session, &id), row).await.unwrap());
    }
    store
}

async fn listed(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut ids = Vec::new();
    let mut query = Query::new(Kind::Session, By::Any).limit(5);
    loop {
        let page = store.list(query.clone()).await?;
        ids.extend(page.entries.into_iter().map(|entry| entry.id));
        let Some(next) = page.next else { break };
        query = query.after(next);
    }
    ids.sort_unstable();
    Ok(ids)
}

async fn reads_in_parts(nth: u64, fault: Fault) {
    let what = format!("{nth}, {fault:?}");
    let node = node().await;
    let store = filled(&node).await;
    let all = listed(&store).await.unwrap();
    assert_eq!(all.len(), 12);
    let order = || node.faults().order(FaultOrder::new(fault.clone()).on(Statement::QueryTql).after(nth));
    order();
    let told = timeout(3 * CALL, listed(&store)).await.unwrap_or_else(|_| panic!("{what}: a listing hangs"));
    if let Ok(ids) = told {
        assert_eq!(ids, all, "{what}");
    }
    assert_eq!(node.faults().pending(), 0, "{what}: the fault did not happen");
    let again = timeout(3 * CALL, listed(&store)).await.unwrap();
    assert_eq!(again.unwrap_or_else(|error| panic!("{what}, again: {error}")), all, "{what}");

    node.faults().clear();
    order();
    let mut swept = 0;
    // It may return an error. What it reports as done is done, and in the end nothing is left.
    for _ in 0..8 {
        let told = timeout(3 * CALL, store.remove_expired(Kind::Session, EXPIRED, 100)).await;
        match told.unwrap_or_else(|_| panic!("{what}: a sweep hangs")) {
            Ok(0) => break,
            Ok(removed) => swept += removed,
            Err(_) => {}
        }
    }
    assert!(swept <= 12, "{what}: {swept}");
    node.faults().clear();
    let left = listed(&store).await.unwrap_or_else(|error| panic!("{what}, swept: {error}"));
    assert!(left.is_empty(), "{what}: {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_and_sweeps_with_faults_are_complete_or_errors() {
    let of = |nth| faults().map(move |fault| reads_in_parts(nth, fault));
    some_at_a_time([0, 2].into_iter().flat_map(of)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_and_sweeps_with_garbled_answers_are_complete_or_errors() {
    let of = |nth| Fault::garbled().into_iter().map(move |fault| reads_in_parts(nth, fault));
    some_at_a_time([0, 2].into_iter().flat_map(of)).await;
}
