//! Faults while a client connects, opens and creates containers, and reads in parts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use common::*;
use griddb_rs::{Client, Collection, Error, ErrorKind, Pages, Schema};
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Statement, TestNode, cases::some_at_a_time};
use tokio::time::timeout;

const TIMES: &str = "connect_timeout=2s&statement_timeout=2s&retry_for=5s&lock_timeout=0s&heartbeat=600ms";
/// Connecting, opening, and some margin.
const SET_UP: Duration = Duration::from_secs(8);

/// Faults that another attempt fixes.
fn passing() -> Vec<Fault> {
    vec![
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Ignore,
        Fault::Mute,
        Fault::Truncate(11),
        Fault::Truncate(29),
        Fault::Refuse(ErrorCode::PARTITION_STATE),
        Fault::Refuse(ErrorCode::CLUSTER_ROLE),
        Fault::Refuse(ErrorCode::QUEUE_LIMIT),
    ]
}

/// Complete answers with meaningless contents, which the caller may see as errors.
fn nonsense() -> Vec<Fault> {
    vec![
        Fault::ShortBody(0),
        Fault::ShortBody(2),
        Fault::Nonsense(0, vec![0xff; 9]),
        Fault::Nonsense(1, b"nonsense".to_vec()),
        Fault::Nonsense(9, Vec::new()),
    ]
}

fn indexed() -> Schema {
    schema().index("n").index_on("both", &["n", "k"])
}

async fn set_up(node: &TestNode) -> Result<Collection, Error> {
    let client = Client::connect(&url(node, TIMES)).await?;
    client.open_or_create("rows", &indexed()).await
}

/// Checks the collection: rows can be written and read, and both indexes exist.
async fn is_whole(what: &str, rows: &Collection) {
    rows.put(("k", 5i64)).await.unwrap();
    assert_eq!(number(rows).await, Some(5), "{what}");
    let plan = rows.query("explain select * where n = 5").explain().await.unwrap();
    assert!(plan.iter().any(|line| line.kind == "USE_INDEX"), "{what}: {plan:?}");
}

async fn opens(statement: Statement, nth: u64, fault: Fault) {
    let what = format!("{statement:?} {nth}, {fault:?}");
    let node = node().await;
    // Meaningless contents may be read as anything.
    let is_nonsense = nonsense().contains(&fault);
    node.faults().order(FaultOrder::new(fault).on(statement).after(nth));
    let told = timeout(SET_UP, set_up(&node)).await.unwrap_or_else(|_| panic!("{what}: it does not end"));
    // Nothing is left half done: the next client finds or creates all of it.
    match told {
        Ok(rows) => is_whole(&what, &rows).await,
        Err(error) => {
            let is_said = error.is_unavailable() || error.kind() == ErrorKind::Protocol;
            assert!(is_said || is_nonsense, "{what}: {error:?}");
        }
    }
    node.faults().clear();
    let again = timeout(SET_UP, set_up(&node)).await.unwrap();
    is_whole(&what, &again.unwrap_or_else(|error| panic!("{what}, again: {error}"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_a_fault_ends_and_the_next_one_succeeds() {
    let mut cases = Vec::new();
    for (statement, count) in [
        (Statement::Connect, 1),
        (Statement::Login, 1),
        (Statement::GetPartitionAddress, 2),
        (Statement::GetContainer, 1),
        (Statement::PutContainer, 1),
        (Statement::CreateIndex, 2),
    ] {
        for nth in 0..count {
            // On another connection, another attempt fixes garbled answers too.
            for fault in passing().into_iter().chain(Fault::garbled()).chain(nonsense()) {
                cases.push(opens(statement, nth, fault));
            }
        }
    }
    some_at_a_time(cases).await;
}

/// A connected client creates the container itself.
async fn makes(statement: Statement, fault: Fault) {
    let what = format!("{statement:?}, {fault:?}");
    let node = node().await;
    let client = Client::connect(&url(&node, TIMES)).await.unwrap();
    node.faults().once(statement, fault);
    let rows = timeout(SET_UP, client.open_or_create("rows", &indexed())).await.unwrap();
    is_whole(&what, &rows.unwrap_or_else(|error| panic!("{what}: {error}"))).await;
}

const MAKING: [Statement; 3] = [Statement::GetContainer, Statement::PutContainer, Statement::CreateIndex];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_created_despite_lost_statements() {
    let of = |statement| passing().into_iter().map(move |fault| makes(statement, fault));
    some_at_a_time(MAKING.into_iter().flat_map(of)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_created_despite_garbled_answers() {
    let of = |statement| Fault::garbled().into_iter().map(move |fault| makes(statement, fault));
    some_at_a_time(MAKING.into_iter().flat_map(of)).await;
}

/// The container is opened again on each connection. Here that opening fails.
async fn opens_again(statement: Statement, fault: Fault) {
    let what = format!("{statement:?}, {fault:?}");
    let node = node().await;
    let rows = rows(&Client::connect(&url(&node, TIMES)).await.unwrap()).await;
    rows.put(("k", 1i64)).await.unwrap();
    node.faults().once(Statement::GetRow, Fault::DropBefore);
    node.faults().once(statement, fault);
    let found = timeout(SET_UP, rows.get("k")).await.unwrap();
    let found = found.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(found.unwrap().get::<i64>("n").unwrap(), 1, "{what}");
}

const OPENING: [Statement; 3] = [Statement::Connect, Statement::Login, Statement::GetContainer];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_reopened_despite_lost_statements() {
    let of = |statement| passing().into_iter().map(move |fault| opens_again(statement, fault));
    some_at_a_time(OPENING.into_iter().flat_map(of)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_reopened_despite_garbled_answers() {
    let of = |statement| Fault::garbled().into_iter().map(move |fault| opens_again(statement, fault));
    some_at_a_time(OPENING.into_iter().flat_map(of)).await;
}

const ROWS: i64 = 60;

/// A node with rows numbered from 0.
async fn numbered() -> (TestNode, Collection) {
    let node = node().await;
    let rows = set_up(&node).await.unwrap();
    let many: Vec<_> = (0..ROWS).map(|n| (format!("key{n:03}"), n)).collect();
    rows.put_many(&many).await.unwrap();
    (node, rows)
}

/// All numbers, in order of arrival.
async fn read_on(mut parts: Pages) -> Result<Vec<i64>, Error> {
    let mut numbers = Vec::new();
    while let Some(part) = parts.next().await? {
        for row in part {
            numbers.push(row.get("n")?);
        }
    }
    Ok(numbers)
}

async fn by_pages(rows: &Collection) -> Result<Vec<i64>, Error> {
    read_on(rows.query("select * order by n").pages(20).await?).await
}

async fn by_steps(rows: &Collection) -> Result<Vec<i64>, Error> {
    let mut numbers = read_on(rows.query("select *").steps(400).await?).await?;
    numbers.sort_unstable();
    Ok(numbers)
}

/// Checks that the result is complete, with each row once, or an error; and that reading again from the start is
/// complete.
async fn reads(in_steps: bool, statement: Statement, nth: u64, fault: Fault, must_succeed: bool) {
    let what = format!("{statement:?} {nth} of {}, {fault:?}", if in_steps { "steps" } else { "pages" });
    let (node, rows) = numbered().await;
    let all: Vec<i64> = (0..ROWS).collect();
    let read = async || if in_steps { by_steps(&rows).await } else { by_pages(&rows).await };
    node.faults().order(FaultOrder::new(fault).on(statement).after(nth));
    let told = timeout(SET_UP, read()).await.unwrap_or_else(|_| panic!("{what}: it does not end"));
    assert_eq!(node.faults().pending(), 0, "{what}: the fault did not happen");
    match told {
        Ok(numbers) => assert_eq!(numbers, all, "{what}"),
        Err(error) => {
            assert!(!must_succeed, "{what}: {error}");
            assert!(!error.is_outcome_unknown(), "{what}: {error}");
        }
    }
    assert_eq!(timeout(SET_UP, read()).await.unwrap().unwrap(), all, "{what}, again");
}

/// Whether to read in steps, the statement to fail, and how many of its kind succeed first.
const PARTS: [(bool, Statement, u64); 3] =
    [(false, Statement::QueryTql, 0), (false, Statement::FetchRowSet, 1), (true, Statement::QueryTql, 2)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_in_parts_is_complete_or_an_error() {
    let mut cases = Vec::new();
    for fault in passing() {
        // The first page can be requested again. The server keeps the rest for one connection's result only.
        cases.push(reads(false, Statement::QueryTql, 0, fault.clone(), true));
        cases.push(reads(false, Statement::FetchRowSet, 0, fault.clone(), false));
        cases.push(reads(false, Statement::FetchRowSet, 1, fault.clone(), false));
        // A step can be requested again on the connection that answered the step before, and nowhere else.
        let is_there = matches!(fault, Fault::Ignore | Fault::Mute);
        cases.push(reads(true, Statement::QueryTql, 0, fault.clone(), true));
        cases.push(reads(true, Statement::QueryTql, 2, fault, is_there));
    }
    for fault in nonsense() {
        cases.extend(PARTS.map(|(in_steps, of, nth)| reads(in_steps, of, nth, fault.clone(), false)));
    }
    some_at_a_time(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_in_parts_is_complete_or_an_error_despite_garbled_answers() {
    let mut cases = Vec::new();
    for fault in Fault::garbled() {
        cases.extend(PARTS.map(|(in_steps, of, nth)| reads(in_steps, of, nth, fault.clone(), false)));
    }
    some_at_a_time(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_lost_with_its_node_is_reported_as_gone() {
    let (node, rows) = numbered().await;
    node.sync();
    let mut pages = rows.query("select * order by n").pages(20).await.unwrap();
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 20);
    node.crash_and_restart().await.unwrap();
    let gone = pages.next().await.unwrap_err();
    assert!(gone.is_unavailable() || gone.kind() == ErrorKind::ResultGone, "{gone}");
    assert_eq!(soon(by_pages(&rows)).await.unwrap().len(), ROWS as usize);
}
