//! Sessions that are left open when their node is lost. The next owner of the partition keeps their locks for five
//! minutes, so the client closes them there in the background.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

use std::time::Duration;

use griddb_rs::{Change, Client, Collection, ColumnType, Row, Schema};
use griddb_test_node::{ClusterOptions, Fault, FaultOrder, Options, Statement, TestCluster};
use tokio::time::timeout;

/// A transaction timeout of one second is 50 ms here, which passes before another node takes over. A session lasts for
/// 15 s, longer than any call waits for a lock.
async fn cluster() -> TestCluster {
    let node = Options::new().partitions(12).check_interval(Duration::from_millis(20));
    let node = node.second(Duration::from_millis(50));
    let options = ClusterOptions::new(node).takeover(Duration::from_millis(400));
    TestCluster::start(3, options).await.unwrap()
}

async fn connect(cluster: &TestCluster, options: &str) -> Client {
    Client::connect(&format!("{}?lock_timeout=1s&{options}", cluster.url())).await.unwrap()
}

/// A collection at node 1, with its backup at node 2 and the row `k` = 1; and the same of another client.
async fn rows(cluster: &TestCluster, client: &Client) -> (Collection, Collection) {
    let partition = cluster.partition_at(1, 2).unwrap();
    let schema = Schema::new().key("k", ColumnType::String).column("n", ColumnType::Long);
    let rows = client.open_or_create(&format!("rows@{partition}"), &schema).await.unwrap();
    rows.put(("k", 1i64)).await.unwrap();
    let other = connect(cluster, "").await.open(&rows.name().to_string()).await.unwrap();
    (rows, other)
}

fn raise(row: Option<&Row>) -> Change<(&'static str, i64)> {
    Change::Put(("k", row.map_or(0, |row| row.get::<i64>("n").unwrap()) + 1))
}

/// Whether another client gets the lock at the new owner.
async fn assert_unlocked(cluster: &TestCluster, other: &Collection, number: i64) {
    cluster.settled().await;
    let updated = other.update_at("k", raise).await.unwrap();
    assert_eq!(updated.node(), cluster.nodes()[2].address().into());
    assert_eq!(other.get("k").await.unwrap().unwrap().get::<i64>("n").unwrap(), number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_in_flight_when_the_owner_dies_leaves_no_lock() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let (rows, other) = rows(&cluster, &client).await;
    cluster.nodes()[1].faults().once(Statement::PutRow, Fault::KillBefore);
    // The caller goes away while the update waits for another owner.
    assert!(timeout(Duration::from_millis(100), rows.update("k", raise)).await.is_err());
    cluster.kill(1).await.unwrap();
    assert_unlocked(&cluster, &other, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_dropped_after_the_owner_died_leaves_no_lock() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let (rows, other) = rows(&cluster, &client).await;
    let mut transaction = rows.transaction();
    transaction.put(("k", 5i64)).await.unwrap();
    cluster.kill(1).await.unwrap();
    drop(transaction);
    assert_unlocked(&cluster, &other, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_dropped_while_the_owner_is_silent_leaves_no_lock() {
    let cluster = cluster().await;
    let client = connect(&cluster, "heartbeat=100ms").await;
    let (rows, _) = rows(&cluster, &client).await;
    let other = connect(&cluster, "heartbeat=100ms").await.open(&rows.name().to_string()).await.unwrap();
    let mut transaction = rows.transaction();
    transaction.put(("k", 5i64)).await.unwrap();
    cluster.pause(1);
    // Its CLOSE_SESSION is sent and never answered.
    drop(transaction);
    assert_unlocked(&cluster, &other, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_whose_answer_is_lost_is_repeated() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let (rows, other) = rows(&cluster, &client).await;
    let mut transaction = rows.transaction();
    transaction.put(("k", 5i64)).await.unwrap();
    cluster.nodes()[1].faults().once(Statement::CloseSession, Fault::KillBefore);
    drop(transaction);
    while cluster.nodes()[1].faults().pending() > 0 {
        tokio::task::yield_now().await;
    }
    cluster.kill(1).await.unwrap();
    assert_unlocked(&cluster, &other, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_refused_by_a_former_owner_is_repeated_at_the_new_one() {
    let cluster = cluster().await;
    // A transaction lives for 5 s, longer than the other client waits.
    let url = format!("{}?lock_timeout=100s&statement_timeout=200s&retry_for=200s", cluster.url());
    let client = Client::connect(&url).await.unwrap();
    let (rows, other) = rows(&cluster, &client).await;
    let mut transaction = rows.transaction();
    transaction.put(("k", 5i64)).await.unwrap();
    assert!(cluster.move_partition(i32::try_from(rows.partition()).unwrap()));
    drop(transaction);
    assert_unlocked(&cluster, &other, 2).await;
}

/// Closing is tried until it succeeds, also while the partition has no owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_survives_failed_attempts() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let (rows, other) = rows(&cluster, &client).await;
    let mut transaction = rows.transaction();
    transaction.put(("k", 5i64)).await.unwrap();
    let refuse = Fault::Refuse(griddb_test_node::ErrorCode::PARTITION_STATE);
    cluster.nodes()[2].faults().order(FaultOrder::new(refuse).on(Statement::CloseSession).times(2));
    cluster.kill(1).await.unwrap();
    drop(transaction);
    assert_unlocked(&cluster, &other, 2).await;
    assert_eq!(cluster.nodes()[2].faults().pending(), 0);
}
