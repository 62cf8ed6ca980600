//! What must not stop a client: endless answers, forgotten logins, calls with little time, and partly refused
//! input.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::time::{Duration, UNIX_EPOCH};

use common::*;
use griddb_rs::{
    Change, Client, ColumnType, Durability, Error, ErrorKind, Row, Schema, Timestamp, ToKey, Value,
};
use griddb_test_node::{ErrorCode, Fault, FaultOrder, LogWrite, Options, Statement};

#[tokio::test]
async fn an_endless_answer_costs_one_connection() {
    let node = node().await;
    let client =
        Client::connect(&url(&node, "statement_timeout=2s&lock_timeout=0s&heartbeat=400ms&retry_for=5s"))
            .await
            .unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    // Answers to other callers arrive in the middle of it.
    for length in [100, 1000, 100 << 20] {
        node.faults().once(Statement::GetRow, Fault::WrongLength(length));
        assert_eq!(soon(number(&rows)).await, Some(1), "{length}");
        assert_eq!(node.faults().pending(), 0);
    }
    assert!(client.stats().connections <= 4);
}

#[tokio::test]
async fn an_oversized_answer_is_skipped() {
    let node = node().await;
    let client = Client::connect(&url(&node, "max_answer=65536")).await.unwrap();
    let blobs = blobs(&client).await;
    blobs.put(("long", vec![1u8; 3_000_000])).await.unwrap();
    blobs.put(("short", vec![1u8; 100])).await.unwrap();
    let (long, short) = tokio::join!(blobs.get("long"), blobs.get("short"));
    assert_eq!(long.unwrap_err().kind(), ErrorKind::AnswerTooLong);
    assert_eq!(short.unwrap().unwrap().get::<&[u8]>("b").unwrap().len(), 100);
    assert!(blobs.put(("short", vec![2u8; 100])).await.unwrap());
    assert_eq!((client.stats().connections, client.stats().connections_lost), (1, 0));
}

#[tokio::test]
async fn an_oversized_answer_without_a_waiting_caller_is_skipped() {
    let node = node().await;
    let client = Client::connect(&url(&node, "max_answer=65536")).await.unwrap();
    let blobs = blobs(&client).await;
    blobs.put(("long", vec![1u8; 3_000_000])).await.unwrap();
    node.faults().once(Statement::GetRow, Fault::Delay(Duration::from_millis(300)));
    let late = blobs.within(Duration::from_millis(100)).get("long").await.unwrap_err();
    assert!(late.is_timeout(), "{late}");
    assert_eq!(node.counters().statements(Statement::GetRow), 1);
    assert!(!blobs.put(("short", vec![2u8; 100])).await.unwrap());
    assert_eq!((client.stats().connections, client.stats().connections_lost), (1, 0));
}

#[tokio::test]
async fn a_forgotten_login_is_renewed() {
    for code in [10006, 10091, 10092] {
        let node = node().await;
        let client = connect(&node).await;
        let rows = rows(&client).await;
        rows.put(("k", 1i64)).await.unwrap();
        let refused = ErrorCode { code, ..ErrorCode::AUTH_REQUIRED };
        for statement in [Statement::GetRow, Statement::GetContainer, Statement::GetPartitionAddress] {
            node.faults().order(FaultOrder::new(Fault::Refuse(refused)).on(statement).always());
        }
        let logins = node.counters().statements(Statement::Login);
        let read = tokio::spawn({
            let rows = rows.clone();
            async move { number(&rows).await }
        });
        until(|| node.counters().statements(Statement::Login) > logins).await;
        node.faults().clear();
        assert_eq!(soon(read).await.unwrap(), Some(1), "{code}");
    }
}

#[tokio::test]
async fn statements_lost_with_a_forgotten_login_are_reported_as_lost() {
    let node = node().await;
    let client = connect(&node).await;
    let (rows, others) = (rows(&client).await, client.open_or_create("others", &schema()).await.unwrap());
    assert_ne!(rows.partition(), others.partition());
    rows.put(("k", 1i64)).await.unwrap();
    let mut transaction = rows.transaction();
    transaction.put(("a", 1i64)).await.unwrap();
    // It takes longer than a closing connection waits.
    node.faults().once(Statement::QueryTql, Fault::Delay(Duration::from_secs(6)));
    let slow = tokio::spawn(async move { others.query("select *").rows().await });
    until(|| node.counters().statements(Statement::QueryTql) == 1).await;
    node.faults().once(Statement::GetRow, Fault::Refuse(ErrorCode::AUTH_REQUIRED));
    assert_eq!(soon(number(&rows)).await, Some(1));
    let lost = soon(transaction.put(("b", 1i64))).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::ConnectionLost, "{lost}");
    assert!(soon(slow).await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn an_idle_connection_is_checked() {
    let node = node().await;
    let client = Client::connect(&url(&node, "keepalive=50ms&heartbeat=500ms")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    until(|| client.stats().heartbeats >= 3).await;
    assert_eq!(client.stats().connections_lost, 0);
    // Nobody sends anything, and the loss is noticed anyway.
    node.faults().order(FaultOrder::new(Fault::Ignore).on(Statement::Connect).always());
    until(|| client.stats().connections_lost == 1).await;
    node.faults().clear();
    assert_eq!(soon(number(&rows)).await, Some(1));
}

#[tokio::test]
async fn a_call_with_little_time_costs_others_nothing() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    node.counters().reset();
    for _ in 0..3 {
        node.faults().once(Statement::GetRow, Fault::Delay(Duration::from_millis(150)));
        let late = rows.within(Duration::from_millis(30)).get("k").await.unwrap_err();
        assert!(late.is_timeout(), "{late}");
        assert_eq!(soon(number(&rows)).await, Some(1));
    }
    for statement in [Statement::GetContainer, Statement::GetPartitionAddress, Statement::Login] {
        assert_eq!(node.counters().statements(statement), 0, "{statement:?}");
    }
}

#[tokio::test]
async fn rows_before_a_refused_one_are_not_reported_as_missing() {
    let node = node().await;
    let client = Client::connect(&url(&node, "lock_timeout=0s")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("b", 0i64)).await.unwrap();
    let other = Client::connect(&url(&node, "lock_timeout=4s")).await.unwrap();
    let others = other.open("rows").await.unwrap();
    let mut holder = others.transaction();
    holder.lock("b").await.unwrap();
    let error = soon(rows.put_many(&[("a", 1i64), ("b", 1i64)])).await.unwrap_err();
    assert!(error.is_lock_timeout() && error.is_outcome_unknown(), "{error}");
    assert!(rows.get("a").await.unwrap().is_some());
    // A single row is refused as a whole.
    let error = soon(rows.put_many(&[("b", 1i64)])).await.unwrap_err();
    assert!(error.is_lock_timeout() && !error.is_outcome_unknown(), "{error}");
}

#[tokio::test]
async fn rows_before_a_refused_one_are_not_written_again() {
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    rows.put(("b", 0i64)).await.unwrap();
    let mut holder = rows.transaction();
    holder.lock("b").await.unwrap();
    // Too little time to let the server wait for the lock.
    let hurried = rows.within(Duration::from_millis(2900));
    let others = async {
        while rows.get("a").await.unwrap().is_none() {}
        rows.put(("a", 7i64)).await.unwrap();
        drop(holder);
    };
    let (told, ()) = tokio::join!(hurried.put_many(&[("a", 1i64), ("b", 1i64)]), others);
    let error = told.unwrap_err();
    assert!(error.is_lock_timeout() && error.is_outcome_unknown(), "{error}");
    assert_eq!(rows.get("a").await.unwrap().unwrap().get::<i64>("n").unwrap(), 7);
}

#[tokio::test]
async fn a_transaction_that_failed_holds_no_lock() {
    let node = node().await;
    let rows = rows(&connect(&node).await).await;
    rows.put(("k", 1i64)).await.unwrap();
    let mut transaction = rows.transaction();
    transaction.lock("k").await.unwrap();
    assert_eq!(transaction.put(("b", "no number")).await.unwrap_err().kind(), ErrorKind::Input);
    rows.within(Duration::from_secs(2)).put(("k", 2i64)).await.unwrap();
    assert_eq!(transaction.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
}

#[tokio::test]
async fn a_transaction_with_a_refused_row_cannot_be_committed() {
    let node = node().await;
    let rows = rows(&connect(&node).await).await;
    let mut transaction = rows.transaction();
    transaction.put(("a", 1i64)).await.unwrap();
    let refused = transaction.put_many(&[("b", "no number")]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Input, "{refused}");
    assert_eq!(transaction.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert!(rows.get("a").await.unwrap().is_none());

    let mut transaction = rows.transaction();
    transaction.put(("a", 1i64)).await.unwrap();
    let too_many = transaction.put_many(&vec![("b", 1i64); 1 << 20]).await.unwrap_err();
    assert_eq!(too_many.kind(), ErrorKind::Input, "{too_many}");
    assert!(transaction.commit().await.is_err());
    assert!(rows.get("a").await.unwrap().is_none());

    let mut transaction = rows.transaction();
    assert!(transaction.update_existing(("a", 1i64)).await.unwrap_err().is_key_missing());
}

#[tokio::test]
async fn times_that_a_column_truncates_are_the_same_key() {
    let node = node().await;
    let client = connect(&node).await;
    let schema = Schema::new().key("t", ColumnType::Timestamp).column("u", ColumnType::TimestampMicros);
    let times = client.open_or_create("times", &schema).await.unwrap();
    let fine = Timestamp::from(UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789));
    node.faults().once(Statement::PutRow, Fault::DropAfter);
    soon(times.insert_distinct((fine, fine))).await.unwrap();
    assert!(times.update(fine, |_| Change::Put((fine, fine))).await.unwrap());
    let other = Timestamp::from(UNIX_EPOCH + Duration::new(1_700_000_000, 124_456_789));
    let changed = times.update(fine, |_| Change::Put((other, fine))).await.unwrap_err();
    assert_eq!(changed.kind(), ErrorKind::Input);
}

#[tokio::test]
async fn a_panic_in_the_callers_code_leaves_the_connection_intact() {
    struct Broken;
    impl ToKey for Broken {
        fn with_key<R>(&self, _: impl FnOnce(&[Value<'_>]) -> R) -> R {
            panic!("a key that cannot be made")
        }
    }
    enum Key {
        Good,
        Bad,
    }
    impl ToKey for Key {
        fn with_key<R>(&self, key: impl FnOnce(&[Value<'_>]) -> R) -> R {
            match self {
                Self::Good => "k".with_key(key),
                Self::Bad => Broken.with_key(key),
            }
        }
    }
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    let panicked = tokio::spawn({
        let rows = rows.clone();
        async move { rows.get_many(&[Key::Good, Key::Bad]).await.map(drop) }
    });
    assert!(panicked.await.unwrap_err().is_panic());
    node.counters().reset();
    assert_eq!(soon(number(&rows)).await, Some(1));
    assert_eq!(node.counters().statements(Statement::GetRow), 1);
    assert_eq!(client.stats().connections, 1);
}

#[tokio::test]
async fn an_index_lost_in_a_crash_is_created_again() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush)).await;
    let client = connect(&node).await;
    let rows = client.open_or_create("indexed", &schema().index("n")).await.unwrap();
    rows.flush().await.unwrap();
    rows.put(("k", 1i64)).await.unwrap();
    rows.flush().await.unwrap();
    node.crash_and_restart().await.unwrap();
    node.counters().reset();
    assert_eq!(soon(number(&rows)).await, Some(1));
    assert_eq!(node.counters().statements(Statement::CreateIndex), 1);
}

/// An unused collection still holds what it learned on the lost connection. The socket is closed anyway.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_lost_connection_closes_its_socket() {
    let inode = |port: u16| {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let remote = format!(":{port:04X}");
        let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut inodes =
            fields.filter(|fields| fields[2].ends_with(&remote)).map(|fields| fields[9].to_owned());
        inodes.next().unwrap()
    };
    let is_held = |inode: &str| {
        let files = std::fs::read_dir("/proc/self/fd").unwrap();
        let mut links = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        links.any(|link| link.to_str() == Some(&format!("socket:[{inode}]")))
    };
    let node = node().await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    let socket = inode(node.address().port());
    assert!(is_held(&socket));
    node.crash().await.unwrap();
    until(|| client.stats().connections_lost == 1).await;
    until(|| !is_held(&socket)).await;
    drop(rows);
}

#[tokio::test]
async fn what_an_update_has_found_is_flushed_before_it_returns() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush)).await;
    let client = connect(&node).await;
    let rows = rows(&client).await;
    rows.flush().await.unwrap();
    let flushed = rows.durability(Durability::Flush);
    let keep = |_: Option<&Row>| Change::<(&str, i64)>::Keep;

    rows.put(("k", 1i64)).await.unwrap();
    assert!(!flushed.update("k", keep).await.unwrap());
    node.crash_and_restart().await.unwrap();
    assert_eq!(soon(number(&rows)).await, Some(1));

    assert!(rows.remove("k").await.unwrap());
    assert!(!flushed.update("k", |_| Change::<(&str, i64)>::Remove).await.unwrap());
    node.crash_and_restart().await.unwrap();
    assert_eq!(soon(number(&rows)).await, None);

    // Without the flush it is lost.
    rows.put(("k", 1i64)).await.unwrap();
    assert!(!rows.update("k", keep).await.unwrap());
    node.crash_and_restart().await.unwrap();
    assert_eq!(soon(number(&rows)).await, None);
}

#[tokio::test]
async fn a_decision_that_fails_changes_nothing() {
    #[derive(Debug, PartialEq)]
    enum Refused {
        TooLittle,
        Database,
    }
    impl From<Error> for Refused {
        fn from(_: Error) -> Self {
            Self::Database
        }
    }
    let node = node().await;
    let rows = rows(&connect(&node).await).await;
    rows.put(("k", 5i64)).await.unwrap();
    let spend = async |amount: i64| {
        rows.try_update("k", |row| {
            let left = row.map_or(Ok(0), |row| row.get::<i64>("n"))?;
            if left < amount { Err(Refused::TooLittle) } else { Ok(Change::Put(("k", left - amount))) }
        })
        .await
    };
    assert_eq!(spend(7).await, Err(Refused::TooLittle));
    assert_eq!(number(&rows).await, Some(5));
    assert_eq!(spend(3).await, Ok(true));
    assert_eq!(number(&rows).await, Some(2));
    node.faults().once(Statement::GetRow, Fault::Refuse(ErrorCode::NOT_SUPPORTED));
    assert_eq!(spend(1).await, Err(Refused::Database));
}
