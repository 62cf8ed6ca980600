//! Statements that wait for a lock: what wakes them, and what goes before them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::{
    ABORT, CLOSE_SESSION, COMMIT, Client, GET_ROW, Mode, PUT_ROW, REMOVE_ROW, Table, envelope, number,
};
use griddb_test_node::{Fault, Options, Statement, TestNode};
use std::time::Duration;

/// A node with a check interval longer than the test.
fn inert() -> Options {
    Options::new().check_interval(Duration::from_secs(600))
}

struct Scene {
    node: TestNode,
    holder: Client,
    waiting: Client,
    table: Table,
}

impl Scene {
    /// One client holds a row, and another one waits to put it.
    async fn set(options: Options) -> Self {
        let node = TestNode::start(options).await.unwrap();
        let (mut holder, mut waiting) = (client(&node, 1).await, client(&node, 2).await);
        let table = holder.table("t", 128).await;
        holder.put(table, "a", 1).await;
        let lock = holder.row_head(table, Mode::begin(1).for_update()).sized(b"a");
        assert_eq!(holder.call_with(GET_ROW, table.partition, 1, lock).await.code(), 0);
        let put = waiting.put_body(table, "a", 2, Mode::AUTO);
        waiting.send(PUT_ROW, table.partition, put).await;
        assert!(waiting.is_silent().await);
        Self { node, holder, waiting, table }
    }

    async fn is_woken(&mut self) {
        assert_eq!(self.waiting.receive().await.code(), 0);
        assert_eq!(self.holder.get(self.table, "a").await, Some(2));
    }
}

async fn client(node: &TestNode, uuid: u8) -> Client {
    let mut client = Client::open(node.address()).await;
    client.uuid = [uuid; 16];
    client
}

#[tokio::test]
async fn commit_abort_and_close_wake_waiting_statements() {
    for ending in [COMMIT, ABORT, CLOSE_SESSION] {
        let mut scene = Scene::set(inert()).await;
        assert_eq!(scene.holder.end(ending, scene.table, 1, 2).await.code(), 0);
        scene.is_woken().await;
    }
}

#[tokio::test]
async fn an_error_that_aborts_the_transaction_does_not_wake_them() {
    let mut scene = Scene::set(inert()).await;
    let exists = scene.holder.put_body(scene.table, "a", 9, Mode::go_on(1).insert_only());
    let refused = scene.holder.call_with(PUT_ROW, scene.table.partition, 2, exists).await;
    assert_eq!(refused.code(), 60154);
    assert!(scene.waiting.is_silent().await);
    // the lock is gone anyway, and the end of any other transaction in the partition wakes them
    let mut other = client(&scene.node, 3).await;
    let lock = other.row_head(scene.table, Mode::begin(1).for_update().timeout(0)).sized(b"a");
    assert_eq!(other.call_with(GET_ROW, scene.table.partition, 1, lock).await.code(), 0);
    assert_eq!(other.end(COMMIT, scene.table, 1, 2).await.code(), 0);
    scene.is_woken().await;
}

#[tokio::test]
async fn an_error_that_aborts_the_transaction_is_noticed_at_the_next_check() {
    let mut scene = Scene::set(Options::new().check_interval(Duration::from_millis(300))).await;
    let exists = scene.holder.put_body(scene.table, "a", 9, Mode::go_on(1).insert_only());
    scene.holder.call_with(PUT_ROW, scene.table.partition, 2, exists).await;
    scene.is_woken().await;
}

#[tokio::test]
async fn closing_a_session_without_a_transaction_wakes_nobody() {
    let mut scene = Scene::set(inert()).await;
    let mut other = client(&scene.node, 3).await;
    let put = other.put_body(scene.table, "b", 1, Mode { transaction_mode: 0, ..Mode::begin(1) });
    assert_eq!(other.call_with(PUT_ROW, scene.table.partition, 1, put).await.code(), 0);
    // an error releases the row, and nobody is notified
    let gap = scene.holder.put_body(scene.table, "c", 1, Mode::go_on(1));
    assert_eq!(scene.holder.call_with(PUT_ROW, scene.table.partition, 9, gap).await.code(), 110033);
    assert_eq!(other.end(CLOSE_SESSION, scene.table, 1, 2).await.code(), 0);
    assert!(scene.waiting.is_silent().await);
}

#[tokio::test]
async fn statements_that_arrived_together_go_before_waiting_ones() {
    let mut scene = Scene::set(inert()).await;
    let (table, holder) = (scene.table, &mut scene.holder);
    let commit = holder.session_body(table, 1);
    let put = holder.put_body(table, "a", 3, Mode::AUTO);
    let get = holder.row_head(table, Mode::AUTO).sized(b"a");
    let mut together = Vec::new();
    for (statement, id, body) in [(COMMIT, 2, commit), (PUT_ROW, 50, put), (GET_ROW, 51, get)] {
        let head = common::Bytes::new().i32(statement).i32(table.partition).i64(id);
        together.extend(envelope(&head.raw(&body.0).0));
    }
    holder.send_raw(&together).await;
    assert_eq!((holder.receive().await.code(), holder.receive().await.code()), (0, 0));
    assert_eq!(number(&holder.receive().await), Some(3));
    scene.is_woken().await;
}

#[tokio::test]
async fn they_are_woken_even_if_the_waking_answer_is_lost() {
    let mut scene = Scene::set(inert()).await;
    scene.node.faults().once(Statement::Commit, Fault::DropAfter);
    let commit = scene.holder.session_body(scene.table, 1);
    scene.holder.send_with(COMMIT, scene.table.partition, 2, commit).await;
    assert_eq!(scene.waiting.receive().await.code(), 0);
}

#[tokio::test]
async fn waiting_statements_run_in_order_of_arrival() {
    let mut scene = Scene::set(inert()).await;
    let mut second = client(&scene.node, 3).await;
    let remove = second.row_head(scene.table, Mode::AUTO).sized(b"a");
    second.send(REMOVE_ROW, scene.table.partition, remove).await;
    assert!(second.is_silent().await);
    scene.holder.end(COMMIT, scene.table, 1, 2).await;
    assert_eq!(scene.waiting.receive().await.code(), 0);
    assert!(second.receive().await.flag());
    assert_eq!(scene.holder.get(scene.table, "a").await, None);
}

#[tokio::test]
async fn waiting_statements_get_no_answer_while_their_node_is_outside_its_cluster() {
    let mut scene = Scene::set(Options::new().check_interval(Duration::from_millis(20))).await;
    scene.node.leave_cluster(true);
    assert!(scene.waiting.is_silent().await);
    assert_eq!(scene.holder.end(COMMIT, scene.table, 1, 2).await.code(), 10010);
    assert!(scene.waiting.is_silent().await);
    scene.node.leave_cluster(false);
    assert!(scene.waiting.is_silent().await);
    assert_eq!(scene.holder.end(COMMIT, scene.table, 1, 2).await.code(), 0);
    scene.is_woken().await;
}
