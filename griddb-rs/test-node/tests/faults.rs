//! Each fault does what it says, to its statements only.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::{Bytes, Client, GET_PARTITION_ADDRESS, GET_ROW, Mode, PUT_ROW, Table};
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Options, Statement, TestNode};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::time::Instant;

async fn start() -> (TestNode, Client, Table) {
    let node = TestNode::start(Options::new()).await.unwrap();
    let mut client = Client::open(node.address()).await;
    let table = client.table("t", 128).await;
    (node, client, table)
}

async fn send_put(client: &mut Client, table: Table, key: &str) -> i64 {
    let body = client.put_body(table, key, 1, Mode::AUTO);
    client.send(PUT_ROW, table.partition, body).await
}

/// Whether the row exists, on a new connection.
async fn is_there(node: &TestNode, table: Table, key: &str) -> bool {
    let mut client = Client::open(node.address()).await;
    client.get(table, key).await.is_some()
}

#[tokio::test]
async fn the_connection_is_reset_before_or_after_executing() {
    for (fault, executed) in [(Fault::DropBefore, false), (Fault::DropAfter, true)] {
        let (node, mut client, table) = start().await;
        node.faults().once(Statement::PutRow, fault);
        send_put(&mut client, table, "a").await;
        let end = client.receive_raw().await.unwrap_err();
        assert_eq!(end.kind(), ErrorKind::ConnectionReset);
        assert_eq!(is_there(&node, table, "a").await, executed);
    }
}

#[tokio::test]
async fn a_statement_or_its_answer_is_dropped() {
    for (fault, executed) in [(Fault::Ignore, false), (Fault::Mute, true)] {
        let (node, mut client, table) = start().await;
        node.faults().once(Statement::PutRow, fault);
        send_put(&mut client, table, "a").await;
        assert!(client.is_silent().await);
        // the connection still works
        assert_eq!(client.get(table, "a").await.is_some(), executed);
    }
}

#[tokio::test]
async fn a_delayed_answer_delays_only_its_partition() {
    let (node, mut client, table) = start().await;
    let delay = Duration::from_millis(60);
    node.faults().once(Statement::PutRow, Fault::Delay(delay));
    let sent = Instant::now();
    let put = send_put(&mut client, table, "a").await;
    let get = client.row_head(table, Mode::AUTO).sized(b"a");
    let get = client.send(GET_ROW, table.partition, get).await;
    let other = (table.partition + 1) % 128;
    let question = client.send(GET_PARTITION_ADDRESS, other, Bytes::new().i32(0)).await;
    assert_eq!(client.receive().await.id, question);
    assert_eq!([client.receive().await.id, client.receive().await.id], [put, get]);
    assert!(sent.elapsed() >= delay);
}

#[tokio::test]
async fn delays_in_one_partition_do_not_shorten_each_other() {
    let (node, mut client, table) = start().await;
    let (short, long) = (Duration::from_millis(40), Duration::from_millis(500));
    for delay in [short, long, short] {
        node.faults().once(Statement::PutRow, Fault::Delay(delay));
    }
    let begun = Instant::now();
    let mut sent = Vec::new();
    for key in ["a", "b", "c"] {
        sent.push(send_put(&mut client, table, key).await);
    }
    let mut times = Vec::new();
    for id in sent {
        assert_eq!(client.receive().await.id, id);
        times.push(begun.elapsed());
    }
    assert!(times[0] >= short && times[0] < long, "{times:?}");
    assert!(times[1] >= long && times[2] >= long, "{times:?}");
}

#[tokio::test]
async fn any_error_can_be_injected_without_executing_the_statement() {
    let (node, mut client, table) = start().await;
    let codes = [ErrorCode::CLUSTER_ROLE, ErrorCode::PARTITION_ROLE, ErrorCode::PARTITION_STATE];
    for code in codes {
        node.faults().once(Statement::PutRow, Fault::Refuse(code));
        let answer = client.try_put(table, "a", 1, Mode::AUTO).await;
        assert_eq!(answer.status, 3);
        assert_eq!(answer.error(), Some((code.code, code.name.to_owned())));
    }
    assert_eq!(client.get(table, "a").await, None);
}

#[tokio::test]
async fn any_error_can_be_injected_after_executing_the_statement() {
    let (node, mut client, table) = start().await;
    for (code, key) in [(ErrorCode::REPLICATION_TIMEOUT, "a"), (ErrorCode::NODE_ERROR, "b")] {
        node.faults().once(Statement::PutRow, Fault::FailAfter(code));
        let answer = client.try_put(table, key, 1, Mode::AUTO).await;
        assert_eq!((answer.status, answer.code()), (code.status, code.code));
        assert_eq!(client.get(table, key).await, Some(1));
    }
    assert!(node.is_up());
}

#[tokio::test]
async fn later_answers_can_follow_a_cut_answer() {
    for (fault, length) in [(Fault::Cut(17), 17), (Fault::LongerBy(8), 34)] {
        let (node, mut client, table) = start().await;
        node.faults().once(Statement::PutRow, fault);
        send_put(&mut client, table, "a").await;
        client.send(GET_PARTITION_ADDRESS, 0, Bytes::new().i32(0)).await;
        client.send(101, 0, Bytes::new().i32(0)).await;
        let bytes = client.read_to_end().await.unwrap();
        assert_eq!(bytes[length..length + 4], bytes[..4], "another answer begins");
        if length == 34 {
            assert_eq!(bytes[16..20], 22_u32.to_le_bytes(), "eight bytes too many");
        }
        assert!(is_there(&node, table, "a").await);
    }
}

#[tokio::test]
async fn a_body_is_cut_or_replaced_behind_a_valid_head() {
    let (node, mut client, table) = start().await;
    client.put(table, "a", 1).await;
    node.faults().once(Statement::GetRow, Fault::ShortBody(5));
    let cut = client.try_get(table, "a", Mode::AUTO).await;
    assert_eq!((cut.status, cut.body.len(), cut.body[0]), (0, 5, 1));
    node.faults().once(Statement::GetRow, Fault::Nonsense(7, b"nonsense".to_vec()));
    let nonsense = client.try_get(table, "a", Mode::AUTO).await;
    assert_eq!((nonsense.status, nonsense.body.as_slice()), (7, b"nonsense".as_slice()));
    // the connection still works
    assert_eq!(client.get(table, "a").await, Some(1));
}

#[tokio::test]
async fn an_answer_is_cut_in_half() {
    let (node, mut client, table) = start().await;
    node.faults().once(Statement::PutRow, Fault::Truncate(17));
    send_put(&mut client, table, "a").await;
    assert_eq!(client.read_to_end().await.unwrap().len(), 17);
    assert!(is_there(&node, table, "a").await);
}

#[tokio::test]
async fn an_answer_is_garbage_or_has_a_wrong_id_or_length() {
    let (node, mut client, table) = start().await;
    let garbage: Vec<u8> = (0..=255).collect();
    node.faults().once(Statement::PutRow, Fault::WrongId(-9));
    node.faults().once(Statement::PutRow, Fault::WrongLength(0x7fff_ffff));
    send_put(&mut client, table, "a").await;
    assert_eq!(client.receive().await.id, -9);
    send_put(&mut client, table, "b").await;
    // the envelope, and then a body that is far from complete
    node.faults().once(Statement::GetRow, Fault::Garbage(garbage.clone()));
    let get = client.row_head(table, Mode::AUTO).sized(b"a");
    client.send(GET_ROW, table.partition, get).await;
    client.send(101, 0, Bytes::new().i32(0)).await;
    let bytes = client.read_to_end().await.unwrap();
    assert_eq!(bytes[16..20], 0x7fff_ffff_u32.to_le_bytes());
    assert_eq!(bytes[34..], garbage);
}

#[tokio::test]
async fn a_fault_can_be_limited_to_some_statements() {
    let (node, mut client, table) = start().await;
    let refuse = || FaultOrder::new(Fault::Refuse(ErrorCode::QUEUE_LIMIT));
    node.faults().order(refuse().on(Statement::PutRow).after(1).times(2));
    let mut codes = Vec::new();
    for number in 0..5 {
        codes.push(client.try_put(table, "a", number, Mode::AUTO).await.code());
    }
    assert_eq!(codes, [0, 10064, 10064, 0, 0]);
    node.faults().order(refuse().in_partition(table.partition).always());
    assert_eq!(client.try_get(table, "a", Mode::AUTO).await.code(), 10064);
    assert_eq!(client.try_put(table, "a", 1, Mode::AUTO).await.code(), 10064);
    assert_eq!(client.table("u@3", 128).await.partition, 3);
    node.faults().clear();
    assert_eq!(client.get(table, "a").await, Some(4));
}

#[tokio::test]
async fn a_paused_node_accepts_connections_and_answers_after_waking() {
    let (node, mut client, table) = start().await;
    node.pause();
    let put = send_put(&mut client, table, "a").await;
    assert!(client.is_silent().await);
    // TCP still connects
    let mut late = Client::dial(node.address()).await;
    assert!(late.is_silent().await);
    node.wake();
    assert_eq!(client.receive().await.id, put);
    assert_eq!(late.connect().await.status, 0);
}

#[tokio::test]
async fn a_paused_node_executes_nothing_that_arrives_after_the_pause() {
    let (node, mut client, table) = start().await;
    for taken in 0..20 {
        // The node has no time to see the pause before something arrives.
        (0..200).for_each(|_| drop(tokio::spawn(async {})));
        node.pause();
        let put = send_put(&mut client, table, "a").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(node.counters().statements(Statement::PutRow), taken);
        node.wake();
        assert_eq!(client.receive().await.id, put);
    }
}

#[tokio::test]
async fn new_connections_are_reset_at_the_connection_limit() {
    let (node, mut client, table) = start().await;
    node.refuse_connections(true);
    let mut refused = Client::dial(node.address()).await;
    assert_eq!(refused.read_to_end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(client.get(table, "a").await, None);
    node.refuse_connections(false);
    assert!(!is_there(&node, table, "a").await);
}

#[tokio::test]
async fn a_fault_applies_to_a_statement_that_had_to_wait() {
    let (node, mut client, table) = start().await;
    client.put(table, "a", 1).await;
    let lock = client.row_head(table, Mode::begin(1).for_update()).sized(b"a");
    client.call_with(GET_ROW, table.partition, 1, lock).await;
    let mut other = Client::open(node.address()).await;
    node.faults().once(Statement::PutRow, Fault::DropAfter);
    send_put(&mut other, table, "a").await;
    assert!(other.is_silent().await);
    client.end(common::COMMIT, table, 1, 2).await;
    assert_eq!(other.receive_raw().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_killed_node_refuses_connections_and_restarts_on_its_port() {
    let (node, mut client, table) = start().await;
    let address = node.address();
    node.crash().await.unwrap();
    assert_eq!(client.receive_raw().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    node.restart().unwrap();
    assert_eq!(node.address(), address);
    let mut client = Client::open(address).await;
    assert_eq!(client.table("t", 128).await.partition, table.partition);
}

#[tokio::test]
async fn a_dropped_crash_is_completed_by_the_next() {
    let (node, mut client, table) = start().await;
    tokio::select! {
        biased;
        _ = node.crash() => unreachable!("the node's tasks have not run yet"),
        () = std::future::ready(()) => {}
    }
    assert!(!node.is_up());
    assert_eq!(client.receive_raw().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    node.crash_and_restart().await.unwrap();
    let mut client = Client::open(node.address()).await;
    assert_eq!(client.table("t", 128).await.partition, table.partition);
}

#[tokio::test]
async fn a_restarted_node_stays_outside_its_cluster_until_it_rejoins() {
    let options = Options::new().rejoin_delay(Duration::from_millis(50));
    let node = TestNode::start(options).await.unwrap();
    node.crash_and_restart().await.unwrap();
    let mut client = Client::dial(node.address()).await;
    assert_eq!(client.connect().await.code(), 10008);
    while client.connect().await.code() == 10008 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(client.log_in("gridauth", true).await.status, 0);
}
