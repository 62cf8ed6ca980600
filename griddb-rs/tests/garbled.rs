//! Incomplete and wrong answers, and errors for statements that were executed. Every call ends in time and claims
//! no more than is known, and the client recovers on its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use std::{future::Future, time::Duration};

use common::*;
use griddb_rs::{Client, Collection, Durability, Error, Stats};
use griddb_test_node::{Fault, Statement, TestNode, cases::some_at_a_time};
use tokio::time::timeout;

/// The connection is dropped after little more than a second of silence, long before a statement's deadline.
const TIMES: &str = "heartbeat=600ms&statement_timeout=5s&lock_timeout=1s&retry_for=8s";
/// The `retry_for` of these tests, and some margin.
const CALL: Duration = Duration::from_millis(8500);
/// Less than a statement's timeout: a statement on an unusable connection does not run into it.
const SOON: Duration = Duration::from_millis(2500);

/// A client and a collection with the row `k` = 1.
async fn start() -> (TestNode, Client, Collection) {
    let node = node().await;
    let client = Client::connect(&url(&node, TIMES)).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    (node, client, rows)
}

async fn in_time<T>(what: &str, call: impl Future<Output = T>) -> T {
    timeout(CALL, call).await.unwrap_or_else(|_| panic!("{what}: it does not end"))
}

/// The stored number, from a call with little time.
async fn soon_again(what: &str, rows: &Collection) -> Option<i64> {
    let row = rows.within(SOON).get("k").await;
    let row = row.unwrap_or_else(|error| panic!("{what}: the client does not recover: {error}"));
    row.map(|row| row.get("n").unwrap())
}

/// The result of a write that was executed: unknown or, if other bytes completed its answer, success.
fn done_or_unknown(what: &str, told: Result<(), Error>) {
    if let Err(error) = told {
        assert!(error.is_outcome_unknown() && error.is_unavailable(), "{what}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_with_an_incomplete_answer_is_repeated_on_another_connection() {
    let mut cases = Vec::new();
    for fault in Fault::never_whole() {
        cases.push(async move {
            let (node, client, rows) = start().await;
            node.faults().once(Statement::GetRow, fault.clone());
            let what = format!("{fault:?}");
            for _ in 0..2 {
                assert_eq!(soon_again(&what, &rows).await, Some(1), "{what}");
            }
            let stats = client.stats();
            assert_eq!((stats.connections, stats.connections_lost), (2, 1), "{what}");
        });
    }
    some_at_a_time(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_with_an_incomplete_answer_is_never_reported_as_not_done() {
    let mut cases = Vec::new();
    for fault in Fault::never_whole() {
        for statement in [Statement::PutRow, Statement::RemoveRow, Statement::FlushLog] {
            let fault = fault.clone();
            cases.push(async move {
                let (node, client, rows) = start().await;
                let rows = rows.durability(Durability::Flush);
                let what = format!("{statement:?}, {fault:?}");
                node.faults().once(statement, fault.clone());
                let told = in_time(&what, async {
                    match statement {
                        Statement::RemoveRow => rows.remove("k").await.map(drop),
                        _ => rows.put(("k", 2i64)).await.map(drop),
                    }
                });
                done_or_unknown(&what, told.await);
                let done = if statement == Statement::RemoveRow { None } else { Some(2) };
                assert_eq!(soon_again(&what, &rows).await, done, "{what}");
                assert_eq!(client.stats().connections, 2, "{what}");
            });
        }
    }
    some_at_a_time(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_with_incomplete_answers_is_made_once() {
    let mut cases = Vec::new();
    for fault in Fault::never_whole() {
        for statement in [Statement::GetRow, Statement::PutRow, Statement::Commit] {
            let fault = fault.clone();
            cases.push(async move {
                let (node, _client, rows) = start().await;
                let what = format!("{statement:?}, {fault:?}");
                node.faults().once(statement, fault.clone());
                let told = in_time(&what, rows.update("k", raise)).await;
                assert!(told.unwrap_or_else(|error| panic!("{what}: {error}")), "{what}");
                assert_eq!(soon_again(&what, &rows).await, Some(2), "{what}");
            });
        }
    }
    some_at_a_time(cases).await;
}

/// The connection is busy: bytes of other answers arrive all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_callers_on_the_connection_are_answered_in_time() {
    let mut cases = Vec::new();
    for fault in Fault::never_whole() {
        cases.push(async move {
            let (node, client, rows) = start().await;
            let what = format!("{fault:?}");
            let readers: Vec<_> = (0..8)
                .map(|_| {
                    let (rows, what) = (rows.clone(), what.clone());
                    tokio::spawn(async move {
                        for _ in 0..100 {
                            assert!(soon_again(&what, &rows).await.is_some());
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    })
                })
                .collect();
            node.faults().once(Statement::PutRow, fault.clone());
            done_or_unknown(&what, in_time(&what, rows.put(("k", 2i64))).await.map(drop));
            for reader in readers {
                reader.await.unwrap();
            }
            assert_eq!(client.stats().connections, 2, "{what}");
        });
    }
    some_at_a_time(cases).await;
}

/// The caller is gone before the answer is complete, and nobody sends anything for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unusable_connection_is_noticed_without_a_waiting_caller() {
    let mut cases = Vec::new();
    for fault in Fault::never_whole() {
        cases.push(async move {
            let (node, client, rows) = start().await;
            node.faults().once(Statement::GetRow, fault.clone());
            assert!(timeout(Duration::from_millis(100), rows.get("k")).await.is_err());
            // The answer to a heartbeat completes one of these by chance; that one is noticed by the next caller.
            let ends_by_chance = fault == Fault::Cut(25);
            let is_found =
                |stats: Stats| stats.connections_lost == 1 || (ends_by_chance && stats.heartbeats == 1);
            until(|| is_found(client.stats())).await;
            let what = format!("{fault:?}");
            assert_eq!(soon_again(&what, &rows).await, Some(1), "{what}");
            assert_eq!(client.stats().connections, 2, "{what}");
        });
    }
    some_at_a_time(cases).await;
}

/// Complete answers with the wrong contents.
fn wrong() -> Vec<Fault> {
    vec![
        Fault::foreign(),
        Fault::Garbage(vec![0; 64]),
        Fault::WrongLength(3),
        Fault::WrongLength(u32::MAX),
        Fault::WrongId(77_777),
        Fault::Truncate(33),
        Fault::Nonsense(9, Vec::new()),
        Fault::Nonsense(1, Vec::new()),
        Fault::Nonsense(1, b"nonsense".to_vec()),
        Fault::Nonsense(2, vec![0xff; 40]),
        Fault::Nonsense(3, vec![1]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrongly_answered_write_is_unknown_and_not_repeated() {
    let mut cases = Vec::new();
    for fault in wrong().into_iter().chain([Fault::ShortBody(0)]) {
        for statement in [Statement::PutRow, Statement::RemoveRow] {
            let fault = fault.clone();
            cases.push(async move {
                let (node, _client, rows) = start().await;
                let what = format!("{statement:?}, {fault:?}");
                node.counters().reset();
                node.faults().once(statement, fault);
                let told = in_time(&what, async {
                    match statement {
                        Statement::RemoveRow => rows.remove("k").await.map(drop),
                        _ => rows.put(("k", 2i64)).await.map(drop),
                    }
                });
                let error = told.await.expect_err(&what);
                assert!(error.is_outcome_unknown(), "{what}: {error}");
                assert_eq!(node.counters().statements(statement), 1, "{what}");
                let done = if statement == Statement::RemoveRow { None } else { Some(2) };
                assert_eq!(soon_again(&what, &rows).await, done, "{what}");
            });
        }
    }
    some_at_a_time(cases).await;
}

/// The answer is an error without a code or text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_without_a_code_does_not_mean_that_nothing_was_done() {
    let (node, _client, rows) = start().await;
    node.faults().once(Statement::PutRow, Fault::Nonsense(1, vec![0; 8]));
    let error = soon(rows.put(("k", 2i64))).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert_eq!(soon_again("an empty error", &rows).await, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrongly_answered_flush_is_unknown() {
    let mut cases = Vec::new();
    for fault in wrong() {
        cases.push(async move {
            let (node, _client, rows) = start().await;
            let what = format!("{fault:?}");
            node.faults().once(Statement::FlushLog, fault.clone());
            let told = in_time(&what, rows.durability(Durability::Flush).put(("k", 2i64))).await;
            // A success has an empty body, which cannot be cut.
            if let Err(error) = told {
                assert!(error.is_outcome_unknown(), "{what}: {error}");
            }
            assert_eq!(soon_again(&what, &rows).await, Some(2), "{what}");
        });
    }
    some_at_a_time(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrongly_answered_update_is_made_once() {
    let mut cases = Vec::new();
    for fault in wrong() {
        for statement in [Statement::GetRow, Statement::PutRow, Statement::Commit] {
            let fault = fault.clone();
            cases.push(async move {
                let (node, _client, rows) = start().await;
                let what = format!("{statement:?}, {fault:?}");
                node.faults().once(statement, fault.clone());
                let told = in_time(&what, rows.update("k", raise)).await;
                let found = soon_again(&what, &rows).await;
                match told {
                    Ok(changed) => assert_eq!((changed, found), (true, Some(2)), "{what}"),
                    Err(error) if error.is_outcome_unknown() => {
                        assert!(found <= Some(2), "{what}: {found:?}");
                    }
                    Err(error) => assert_eq!(found, Some(1), "{what}: {error}"),
                }
                // No lock was left behind.
                assert!(in_time(&what, rows.update("k", raise)).await.unwrap(), "{what}");
            });
        }
    }
    some_at_a_time(cases).await;
}

/// Bytes that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn nonsense(&mut self) -> Fault {
        let status = if self.roll(4) == 0 { self.roll(256) } else { self.roll(4) };
        let length = self.roll(60);
        // Small numbers make plausible counts and sizes.
        let bytes = (0..length).map(|_| if self.roll(2) == 0 { self.roll(4) } else { self.roll(256) } as u8);
        Fault::Nonsense(status as u8, bytes.collect())
    }
}

/// This many faults for each of several nodes.
fn random_faults_for_nodes(seed: u64, nodes: usize, rounds: usize) -> Vec<Vec<Fault>> {
    let mut dice = Dice(seed);
    (0..nodes).map(|_| (0..rounds).map(|_| dice.nonsense()).collect()).collect()
}

/// A write that was executed is never reported as not done, whatever the answer says, and is executed once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_random_answer_makes_a_write_look_not_done() {
    let of_node = |faults: Vec<Fault>| async move {
        let (node, _client, rows) = start().await;
        for (turn, fault) in (0i64..).zip(faults) {
            let what = format!("{turn}: {fault:?}");
            node.faults().once(Statement::PutRow, fault);
            if let Err(error) = in_time(&what, rows.put(("k", turn))).await {
                assert!(error.is_outcome_unknown(), "{what}: {error}");
            }
            assert_eq!(soon_again(&what, &rows).await, Some(turn), "{what}");
        }
    };
    some_at_a_time(random_faults_for_nodes(5, 15, 10).into_iter().map(of_node)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_random_answer_makes_a_commit_run_twice() {
    let of_node = |faults: Vec<Fault>| async move {
        let (node, _client, rows) = start().await;
        for (turn, fault) in (1i64..).zip(faults) {
            let what = format!("{turn}: {fault:?}");
            node.faults().once(Statement::Commit, fault);
            if let Err(error) = in_time(&what, rows.update("k", raise)).await {
                assert!(error.is_outcome_unknown(), "{what}: {error}");
            }
            assert_eq!(soon_again(&what, &rows).await, Some(turn + 1), "{what}");
        }
    };
    some_at_a_time(random_faults_for_nodes(6, 10, 4).into_iter().map(of_node)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_random_answer_blocks_a_read() {
    let of_node = |faults: Vec<Fault>| async move {
        let (node, _client, rows) = start().await;
        for (turn, fault) in faults.into_iter().enumerate() {
            let what = format!("{turn}: {fault:?}");
            node.faults().once(Statement::GetRow, fault);
            // The contents cannot be known. The call must only not claim that a change was made.
            if let Err(error) = in_time(&what, rows.get("k")).await {
                assert!(!error.is_outcome_unknown(), "{what}: {error}");
            }
            assert_eq!(soon_again(&what, &rows).await, Some(1), "{what}");
        }
    };
    some_at_a_time(random_faults_for_nodes(7, 15, 10).into_iter().map(of_node)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_failed_after_execution_is_unknown() {
    some_at_a_time(Fault::done_and_failed().map(|fault| async move {
        let (node, _client, rows) = start().await;
        let what = format!("{fault:?}");
        let unknown = |told: Result<(), Error>| {
            let error = told.expect_err(&what);
            assert!(error.is_outcome_unknown() && !error.is_retryable(), "{what}: {error}");
        };
        let order = |statement| {
            node.counters().reset();
            node.faults().once(statement, fault.clone());
        };
        order(Statement::PutRow);
        unknown(soon(rows.put(("k", 2i64))).await.map(drop));
        assert_eq!(node.counters().statements(Statement::PutRow), 1, "{what}");
        assert_eq!(soon_again(&what, &rows).await, Some(2), "{what}");

        order(Statement::PutRow);
        unknown(soon(rows.insert(("i", 1i64))).await);
        assert!(rows.get("i").await.unwrap().is_some());

        order(Statement::FlushLog);
        unknown(soon(rows.durability(Durability::Flush).put(("k", 3i64))).await.map(drop));
        assert_eq!(soon_again(&what, &rows).await, Some(3), "{what}");

        order(Statement::PutMultipleRows);
        unknown(soon(rows.put_many(&[("m", 1i64)])).await);
        assert!(rows.get("m").await.unwrap().is_some());

        order(Statement::RemoveRow);
        unknown(soon(rows.take("k")).await.map(drop));
        assert_eq!(node.counters().statements(Statement::RemoveRow), 1, "{what}");
        assert_eq!(soon_again(&what, &rows).await, None, "{what}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_failed_after_execution_is_repeated() {
    let mut cases = Vec::new();
    for fault in Fault::done_and_failed() {
        for durability in [Durability::Server, Durability::Flush] {
            let fault = fault.clone();
            cases.push(async move {
                let (node, _client, rows) = start().await;
                let rows = rows.durability(durability);
                let what = format!("{fault:?}, {durability:?}");
                node.faults().once(Statement::Commit, fault.clone());
                assert!(soon(rows.update("k", raise)).await.unwrap(), "{what}");
                assert_eq!(soon_again(&what, &rows).await, Some(2), "{what}");

                let mut transaction = rows.transaction();
                transaction.put(("a", 1i64)).await.unwrap();
                node.faults().once(Statement::Commit, fault);
                soon(transaction.commit()).await.unwrap();
                assert!(rows.get("a").await.unwrap().is_some(), "{what}");
            });
        }
    }
    some_at_a_time(cases).await;
}
