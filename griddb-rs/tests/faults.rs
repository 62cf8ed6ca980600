//! Broken connections, lost answers and failing nodes, simulated with injected faults.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::time::Duration;

use common::*;
use griddb_rs::{Client, ColumnType, Config, Durability, ErrorKind, Schema};
use griddb_test_node::{
    ErrorCode, Fault, FaultOrder, LogWrite, Options, Statement, TestNode, cases::some_at_a_time,
};
use tokio::time::timeout;

#[tokio::test]
async fn a_lost_read_is_repeated() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    for fault in [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Truncate(30),
        Fault::foreign(),
        Fault::WrongLength(u32::MAX),
        Fault::WrongLength(1 << 31),
        Fault::WrongLength(3),
        Fault::Refuse(ErrorCode::PARTITION_STATE),
        Fault::Refuse(ErrorCode::PARTITION_ROLE),
        Fault::Refuse(ErrorCode::AUTH_REQUIRED),
        Fault::Refuse(ErrorCode::QUEUE_LIMIT),
        Fault::Refuse(ErrorCode::SCHEMA_VERSION),
    ] {
        node.faults().once(Statement::GetRow, fault.clone());
        assert_eq!(soon(number(&rows)).await, Some(1), "{fault:?}");
        assert_eq!(node.faults().pending(), 0, "{fault:?}");
    }
    assert!(client.stats().retries >= 12);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_unknown_and_not_repeated() {
    let node = node().await;
    let rows = rows(&connect(&node).await).await;
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::Truncate(25)] {
        for statement in [Statement::PutRow, Statement::RemoveRow] {
            node.counters().reset();
            node.faults().once(statement, fault.clone());
            let error = match statement {
                Statement::PutRow => soon(rows.put(("k", 1i64))).await.unwrap_err(),
                _ => soon(rows.remove("k")).await.unwrap_err(),
            };
            assert!(error.is_outcome_unknown() && error.is_unavailable() && !error.is_retryable(), "{error}");
            assert_eq!(node.counters().statements(statement), 1);
        }
    }
    node.faults().once(Statement::PutRow, Fault::DropAfter);
    assert!(soon(rows.insert(("i", 1i64))).await.unwrap_err().is_outcome_unknown());
    assert!(soon(rows.take("k")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_drop_whose_answers_were_lost_is_unknown() {
    let node = node().await;
    let client = Client::connect(&url(&node, "retry_for=500ms")).await.unwrap();
    rows(&client).await;
    node.faults().order(FaultOrder::new(Fault::DropAfter).on(Statement::DropContainer).always());
    let error = soon(client.drop_collection("rows")).await.unwrap_err();
    assert!(error.is_unavailable() && error.is_outcome_unknown(), "{error}");
    assert!(node.container_names().is_empty());
    node.faults().clear();
    soon(client.drop_collection("rows")).await.unwrap();
}

#[tokio::test]
async fn a_refused_write_is_repeated() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    for error in [
        ErrorCode::PARTITION_STATE,
        ErrorCode::PARTITION_ROLE,
        ErrorCode::CLUSTER_ROLE,
        ErrorCode::QUEUE_LIMIT,
        ErrorCode::AUTH_REQUIRED,
        ErrorCode::SCHEMA_VERSION,
    ] {
        node.faults().order(FaultOrder::new(Fault::Refuse(error)).on(Statement::PutRow).times(2));
        soon(rows.put(("k", i64::from(error.code)))).await.unwrap();
        assert_eq!(number(&rows).await, Some(i64::from(error.code)));
    }
    // Every statement of the batch is refused separately. None of them may count as done.
    node.faults().order(FaultOrder::new(Fault::Refuse(ErrorCode::PARTITION_STATE)).on(Statement::FlushLog));
    let unknown = soon(rows.durability(Durability::Flush).put(("k", 1i64))).await.unwrap_err();
    assert!(unknown.is_outcome_unknown(), "{unknown}");
}

#[tokio::test]
async fn a_distinct_insert_is_repeated_and_recognises_its_own_row() {
    let node = node().await;
    let rows = rows(&connect(&node).await).await;
    for (fault, key) in [(Fault::DropBefore, "a"), (Fault::DropAfter, "b")] {
        node.faults().once(Statement::PutRow, fault);
        soon(rows.insert_distinct((key, 5i64))).await.unwrap();
    }
    rows.put(("c", 1i64)).await.unwrap();
    node.faults().once(Statement::PutRow, Fault::DropAfter);
    assert!(soon(rows.insert_distinct(("c", 2i64))).await.unwrap_err().is_key_exists());
}

#[tokio::test]
async fn an_unanswered_statement_ends_with_its_deadline() {
    let node = node().await;
    let client =
        Client::connect(&url(&node, "statement_timeout=300ms&lock_timeout=0s&retry_for=2s")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    for fault in [Fault::Ignore, Fault::Mute, Fault::WrongId(77_777)] {
        node.faults().once(Statement::RemoveRow, fault.clone());
        let error = soon(rows.remove("x")).await.unwrap_err();
        assert!(error.is_timeout() && error.is_outcome_unknown(), "{fault:?} {error}");
        node.faults().once(Statement::GetRow, fault);
        assert_eq!(soon(number(&rows)).await, Some(1));
    }
    // The connection has served other callers meanwhile.
    assert_eq!(client.stats().connections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_repeated() {
    let mut cases = Vec::new();
    for statement in [Statement::GetRow, Statement::PutRow, Statement::Commit] {
        for fault in [Fault::DropBefore, Fault::DropAfter, Fault::Truncate(25)] {
            for durability in [Durability::Server, Durability::Flush] {
                let fault = fault.clone();
                cases.push(async move {
                    let node = node().await;
                    let rows = rows(&connect(&node).await).await;
                    rows.put(("k", 0i64)).await.unwrap();
                    let what = format!("{statement:?} {fault:?} {durability:?}");
                    node.faults().once(statement, fault);
                    assert!(soon(rows.durability(durability).update("k", raise)).await.unwrap(), "{what}");
                    assert_eq!(number(&rows).await, Some(1), "{what}");
                    // No session was left open with a lock: the next update does not wait.
                    let at_once = rows.within(Duration::from_millis(900));
                    assert!(at_once.update("k", raise).await.unwrap(), "{what}");
                });
            }
        }
    }
    some_at_a_time(cases).await;
}

#[tokio::test]
async fn a_commit_lost_with_the_server_is_unknown() {
    let node = node().await;
    let client = Client::connect(&url(&node, "retry_for=5s")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 0i64)).await.unwrap();
    node.sync();
    node.faults().once(Statement::Commit, Fault::Ignore);
    let update = tokio::spawn({
        let rows = rows.clone();
        async move { rows.update("k", raise).await }
    });
    while node.counters().statements(Statement::Commit) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    node.crash_and_restart().await.unwrap();
    let error = soon(update).await.unwrap().unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert_eq!((error.code(), number(&rows).await), (Some(110_003), Some(0)));
}

#[tokio::test]
async fn a_transaction_commits_after_a_lost_connection() {
    let node = node().await;
    let rows = rows(&connect(&node).await).await;
    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let mut transaction = rows.transaction();
        transaction.put(("a", 1i64)).await.unwrap();
        transaction.put(("b", 1i64)).await.unwrap();
        node.faults().once(Statement::Commit, fault);
        soon(transaction.commit()).await.unwrap();
        assert_eq!(rows.remove_many(&["a", "b"]).await.unwrap(), [true, true]);
    }
    let mut transaction = rows.transaction();
    node.faults().once(Statement::PutRow, Fault::DropAfter);
    let lost = soon(transaction.put(("a", 1i64))).await.unwrap_err();
    assert!(!lost.is_outcome_unknown(), "{lost}");
    drop(transaction);
    assert!(rows.get("a").await.unwrap().is_none());
}

#[tokio::test]
async fn after_a_crash_rows_never_go_into_another_container() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush)).await;
    let client = connect(&node).await;
    let made = client.open_or_create("mine@7", &schema()).await.unwrap();
    made.put(("k", 1i64)).await.unwrap();
    node.crash_and_restart().await.unwrap();
    // The container is gone, and another one in the partition gets its id.
    let other = connect(&node).await.open_or_create("other@7", &schema()).await.unwrap();
    soon(made.put(("k", 2i64))).await.unwrap();
    assert!(other.get("k").await.unwrap().is_none());
    assert_eq!(number(&made).await, Some(2));
    made.flush().await.unwrap();
    made.durability(Durability::Flush).put(("k", 3i64)).await.unwrap();
    made.put(("k", 4i64)).await.unwrap();
    node.crash_and_restart().await.unwrap();
    assert_eq!(soon(number(&made)).await, Some(3));
}

#[tokio::test]
async fn a_node_that_is_down_is_reported_in_time_and_found_again() {
    let node = node().await;
    let client = Client::connect(&url(&node, "retry_for=300ms")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    node.sync();
    node.crash().await.unwrap();
    for _ in 0..3 {
        let error = soon(rows.get("k")).await.unwrap_err();
        assert!(error.is_unavailable() && error.is_retryable(), "{error:?}");
        assert!(soon(client.ping()).await.is_err());
    }
    node.restart().unwrap();
    let read = soon(async {
        loop {
            if let Ok(row) = rows.get("k").await {
                break row;
            }
        }
    });
    assert_eq!(read.await.unwrap().get::<i64>("n").unwrap(), 1);
    client.ping().await.unwrap();
    assert!(client.stats().connections_lost >= 1);
}

#[tokio::test]
async fn many_callers_share_one_reconnect() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    node.sync();
    node.crash().await.unwrap();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let rows = rows.clone();
            tokio::spawn(async move { number(&rows).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = client.stats().connections;
    node.restart().unwrap();
    for call in calls {
        assert_eq!(soon(call).await.unwrap(), Some(1));
    }
    assert_eq!(client.stats().connections, before + 1);
}

#[tokio::test]
async fn a_busy_node_is_retried() {
    let node = node().await;
    node.refuse_connections(true);
    let refused = Client::connect(&url(&node, "connect_timeout=300ms")).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    let connecting = tokio::spawn({
        let url = url(&node, "");
        async move { Client::connect(&url).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    node.refuse_connections(false);
    soon(connecting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_node_outside_its_cluster_is_unavailable_until_it_joins() {
    let node = node().await;
    let client = Client::connect(&url(&node, "retry_for=200ms")).await.unwrap();
    let rows = rows(&client).await;
    node.leave_cluster(true);
    let error = soon(rows.put(("k", 1i64))).await.unwrap_err();
    assert!(error.is_unavailable() && !error.is_outcome_unknown(), "{error}");
    node.leave_cluster(false);
    soon(rows.within(Duration::from_secs(10)).put(("k", 1i64))).await.unwrap();
}

#[tokio::test]
async fn a_refused_login_is_reported_at_once() {
    let node = node().await;
    for (url, kind) in [
        (format!("griddb://admin:sesame@{}/gridauth", node.address()), ErrorKind::Auth),
        (format!("griddb://nobody:admin@{}/gridauth", node.address()), ErrorKind::Auth),
        (format!("griddb://admin:admin@{}/gridauth/nosuch", node.address()), ErrorKind::Auth),
        (format!("griddb://admin:admin@{}/other", node.address()), ErrorKind::Config),
    ] {
        let error = timeout(Duration::from_secs(2), Client::connect(&url)).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error} {error:?}").contains("sesame"));
    }
}

#[tokio::test]
async fn addresses_of_different_clusters_are_refused() {
    let (one, two) = (node().await, node().await);
    let config = |nodes: &[&TestNode]| {
        // It waits this long for them to agree.
        let config = Config::new("admin", "admin", "gridauth").connect_timeout(Duration::from_secs(1));
        nodes.iter().fold(config, |config, node| config.host("127.0.0.1", node.address().port()))
    };
    let error = Client::connect_with(config(&[&one, &two])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SplitCluster, "{error}");
    two.crash().await.unwrap();
    let client = Client::connect_with(config(&[&one, &two])).await.unwrap();
    client.ping().await.unwrap();
}

#[tokio::test]
async fn round_trips_are_counted_alike_by_the_node() {
    let node = node_with(Options::new().latency(Duration::from_millis(5))).await;
    let client = connect(&node).await;
    let rows = rows(&client).await.durability(Durability::Flush);
    rows.put(("k", 1i64)).await.unwrap();
    let check = async |flights: u64, what: &str, before: (u64, u64)| {
        assert_eq!(node.counters().flights() - before.0, flights, "{what}");
        assert_eq!(client.stats().round_trips - before.1, flights, "{what}");
    };
    let now = || (node.counters().flights(), client.stats().round_trips);
    let before = now();
    rows.get("k").await.unwrap();
    check(1, "get", before).await;
    let before = now();
    rows.put(("k", 2i64)).await.unwrap();
    check(1, "flushed put", before).await;
    let before = now();
    rows.update("k", raise).await.unwrap();
    check(2, "flushed update", before).await;
    // The update's CLOSE_SESSION is sent along with it.
    let before = now();
    rows.take("k").await.unwrap();
    check(1, "flushed take", before).await;
}

#[tokio::test]
async fn answers_are_bounded() {
    let node = node().await;
    let client = Client::connect(&url(&node, "max_answer=65536&retry_for=300ms")).await.unwrap();
    let schema = Schema::new().key("k", ColumnType::String).column("b", ColumnType::Blob);
    let blobs = client.open_or_create("blobs", &schema).await.unwrap();
    blobs.put(("k", vec![1u8; 60_000])).await.unwrap();
    assert_eq!(blobs.get("k").await.unwrap().unwrap().get::<&[u8]>("b").unwrap().len(), 60_000);
    blobs.put(("k", vec![1u8; 70_000])).await.unwrap();
    let refused = blobs.get("k").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AnswerTooLong, "{refused:?}");

    let client = connect(&node).await;
    let blobs = client.open("blobs").await.unwrap();
    let large: Vec<u8> = (0..8_000_000u32).map(|n| n as u8).collect();
    blobs.put(("k", large.clone())).await.unwrap();
    let read = blobs.get("k").await.unwrap().unwrap();
    assert!(read.get::<&[u8]>("b").unwrap() == large);
}

#[cfg(feature = "provider")]
#[tokio::test]
async fn a_provider_lists_the_nodes() {
    let node = node().await;
    let list = listing(&[("127.0.0.1", node.address().port())]);
    let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{list}");
    let provider = provider(move || answer.clone(), AfterAnswer::Close).await;
    let url = format!("griddb://admin:admin@/gridauth?{provider}");
    Client::connect(&url).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_takes_too_long_is_aborted() {
    let node = node().await;
    let client = Client::connect(&url(&node, "lock_timeout=1s")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    let mut transaction = rows.transaction();
    transaction.lock("k").await.unwrap();
    transaction.put(("k", 2i64)).await.unwrap();
    // Another client gets the lock as soon as the server has aborted the transaction.
    assert!(soon(rows.update("k", raise)).await.is_ok());
    assert_eq!(transaction.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(number(&rows).await, Some(2));
}

#[tokio::test]
async fn futures_can_be_spawned() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let node = node().await;
    let rows = rows(&sendable(connect(&node)).await).await;
    sendable(rows.put(("k", 1i64))).await.unwrap();
    sendable(rows.update("k", raise)).await.unwrap();
    sendable(rows.take("k")).await.unwrap();
    let mut transaction = rows.transaction();
    sendable(transaction.put_many(&[("a", 1i64)])).await.unwrap();
    sendable(transaction.lock("a")).await.unwrap();
    sendable(transaction.commit()).await.unwrap();
    sendable(sendable(rows.query("select *").pages(10)).await.unwrap().next()).await.unwrap();
}

#[tokio::test]
async fn reopening_shortens_the_lock_wait() {
    let node = node().await;
    let client = Client::connect(&url(&node, "statement_timeout=8s&lock_timeout=5s")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    assert_eq!(node.counters().transaction_timeout(Statement::PutRow), Some(5));
    node.sync();
    node.crash_and_restart().await.unwrap();
    until(|| client.stats().connections_lost == 1).await;
    node.faults().once(Statement::GetContainer, Fault::Delay(Duration::from_secs(2)));
    node.counters().reset();
    rows.put(("k", 2i64)).await.unwrap();
    // What is left of eight seconds, minus the three of the server's check.
    let asked = node.counters().transaction_timeout(Statement::PutRow).unwrap();
    assert!((1..=2).contains(&asked), "{asked}");
}

#[tokio::test]
async fn no_wait_for_a_lock_is_longer_than_the_call() {
    let node = node().await;
    let client =
        Client::connect(&url(&node, "statement_timeout=8s&lock_timeout=4s&retry_for=10s")).await.unwrap();
    for seconds in [1, 2, 3, 5, 6, 9, 60] {
        node.counters().reset();
        let within = Duration::from_secs(seconds);
        let rows = client.open_or_create(&format!("rows{seconds}"), &schema()).await.unwrap().within(within);
        rows.put(("k", 1i64)).await.unwrap();
        rows.put_many(&[("a", 1i64), ("b", 1i64)]).await.unwrap();
        rows.update("k", raise).await.unwrap();
        rows.remove("k").await.unwrap();
        let mut transaction = rows.transaction();
        transaction.lock("a").await.unwrap();
        transaction.put(("a", 2i64)).await.unwrap();
        transaction.commit().await.unwrap();
        for statement in
            [Statement::PutRow, Statement::PutMultipleRows, Statement::GetRow, Statement::RemoveRow]
        {
            let asked = node.counters().transaction_timeout(statement).unwrap();
            assert!(u64::from(asked) <= seconds.min(8), "{statement:?} within {seconds} s waits {asked} s");
            // As long as the server can wait and still answer in time: it checks every three seconds only.
            let expected =
                if statement == Statement::GetRow || statement == Statement::PutRow { 1 } else { 0 };
            assert_eq!(
                u64::from(asked),
                seconds.saturating_sub(3).clamp(expected, 4),
                "{statement:?} {seconds}"
            );
        }
    }
    // Creating and dropping containers waits for transactions too.
    let hurried = Client::connect(&url(&node, "retry_for=1s")).await.unwrap();
    node.counters().reset();
    let indexed = schema().index("n");
    hurried.open_or_create("hurried", &indexed).await.unwrap();
    hurried.drop_collection("hurried").await.unwrap();
    for statement in [Statement::PutContainer, Statement::CreateIndex, Statement::DropContainer] {
        assert_eq!(node.counters().transaction_timeout(statement), Some(0), "{statement:?}");
    }
}
