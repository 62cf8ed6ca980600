//! A cluster of several nodes: owners move, nodes are killed, paused and woken. The simulated nodes behave like
//! three observed real ones.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use griddb_rs::{Change, Client, Collection, ColumnType, Row, Schema};
use griddb_test_node::{ClusterOptions, Fault, Options, Statement, TestCluster};
use tokio::{task::JoinHandle, time::sleep};

async fn cluster() -> TestCluster {
    let node = Options::new().partitions(12).check_interval(Duration::from_millis(20));
    TestCluster::start(3, ClusterOptions::new(node)).await.unwrap()
}

async fn connect(cluster: &TestCluster, options: &str) -> Client {
    Client::connect(&format!("{}?{options}", cluster.url())).await.unwrap()
}

fn address(cluster: &TestCluster, node: usize) -> SocketAddr {
    cluster.nodes()[node].address().into()
}

/// A collection in a partition with that owner and backup.
async fn rows_at(client: &Client, cluster: &TestCluster, owner: usize, backup: usize) -> Collection {
    let partition = cluster.partition_at(owner, backup).unwrap();
    let schema = Schema::new().key("k", ColumnType::String).column("n", ColumnType::Long);
    client.open_or_create(&format!("rows@{partition}"), &schema).await.unwrap()
}

fn raise(row: Option<&Row>) -> Change<(&'static str, i64)> {
    Change::Put(("k", row.map_or(0, |row| row.get::<i64>("n").unwrap()) + 1))
}

async fn number(rows: &Collection) -> i64 {
    rows.get("k").await.unwrap().map_or(0, |row| row.get("n").unwrap())
}

/// Inserts rows and increments a number until stopped, and records the answers.
struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Told>,
}

#[derive(Default)]
struct Told {
    inserted: Vec<String>,
    raised: i64,
    unknown: i64,
}

impl Load {
    fn on(rows: &Collection) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (rows, stopped) = (rows.clone(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut told = Told::default();
            for turn in 0i64.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("row{turn}");
                match rows.insert((&key, turn)).await {
                    Ok(()) => told.inserted.push(key),
                    Err(error) => assert!(error.is_outcome_unknown(), "{error}"),
                }
                match rows.update("k", raise).await {
                    Ok(changed) => told.raised += i64::from(changed),
                    Err(error) if error.is_outcome_unknown() => told.unknown += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            told
        });
        Self { stop, task }
    }

    /// Stops it, and checks that every answer was true.
    async fn check(self, rows: &Collection) {
        sleep(Duration::from_millis(50)).await;
        self.stop.store(true, Ordering::Relaxed);
        let told = self.task.await.unwrap();
        let found = rows.get_many(&told.inserted).await.unwrap();
        assert!(found.iter().all(Option::is_some));
        let number = number(rows).await;
        assert!((told.raised..=told.raised + told.unknown).contains(&number), "{number} {}", told.raised);
        assert!(told.raised > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_are_found_and_followed() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    for (owner, backup) in [(0, 1), (1, 2), (2, 0)] {
        let rows = rows_at(&client, &cluster, owner, backup).await;
        let written = rows.put_at(("k", 0i64)).await.unwrap();
        assert_eq!(written.node(), address(&cluster, owner));
        assert_eq!(rows.owner().await.unwrap(), Some(written.node()));
        let load = Load::on(&rows);
        for _ in 0..3 {
            sleep(Duration::from_millis(20)).await;
            assert!(cluster.move_partition(i32::try_from(rows.partition()).unwrap()));
        }
        load.check(&rows).await;
        assert_eq!(rows.put_at(("z", 0i64)).await.unwrap().node(), address(&cluster, backup));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_follow_the_owner_too() {
    let cluster = cluster().await;
    let client = connect(&cluster, "owner_check=50ms").await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    rows.put(("k", 1i64)).await.unwrap();
    assert!(cluster.move_partition(i32::try_from(rows.partition()).unwrap()));
    // The former owner still answers reads.
    let new_owner = &cluster.nodes()[2];
    let before = new_owner.counters().statements(Statement::GetRow);
    for _ in 0..500 {
        assert_eq!(number(&rows).await, 1);
        if new_owner.counters().statements(Statement::GetRow) > before {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("reads have stayed at the former owner");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_owner_is_replaced() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    let load = Load::on(&rows);
    sleep(Duration::from_millis(50)).await;
    cluster.kill(1).await.unwrap();
    cluster.settled().await;
    load.check(&rows).await;
    assert_eq!(rows.put_at(("z", 0i64)).await.unwrap().node(), address(&cluster, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let own = rows_at(&client, &cluster, 0, 1).await;
    let others = rows_at(&client, &cluster, 1, 2).await;
    let loads = [Load::on(&own), Load::on(&others)];
    sleep(Duration::from_millis(50)).await;
    cluster.kill(0).await.unwrap();
    cluster.settled().await;
    for (load, rows) in loads.into_iter().zip([&own, &others]) {
        load.check(rows).await;
    }
    client.ping().await.unwrap();
    let later = connect(&cluster, "").await;
    later.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_finished_at_the_new_owner() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    rows.put(("k", 1i64)).await.unwrap();
    let mut transaction = rows.transaction();
    transaction.put(("k", 2i64)).await.unwrap();
    transaction.put(("other", 2i64)).await.unwrap();
    cluster.kill(1).await.unwrap();
    let commit = transaction.commit_at();
    assert_eq!(commit.await.unwrap(), Some(address(&cluster, 2)));
    assert_eq!(number(&rows).await, 2);
    assert!(rows.get("other").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_owner_is_replaced_and_detected_when_it_wakes() {
    let cluster = cluster().await;
    let client = connect(&cluster, "heartbeat=100ms&statement_timeout=2s&lock_timeout=1s").await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    rows.put(("token", 1i64)).await.unwrap();
    // A client that talks to the old owner and does not hear of the change.
    let late = connect(&cluster, "heartbeat=10s&statement_timeout=10s&lock_timeout=1s").await;
    let late = late.open(&rows.name().to_string()).await.unwrap();
    cluster.pause(1);
    let queued = tokio::spawn(async move { late.remove_at("token").await });
    cluster.settled().await;
    // A read is repeated until a node answers it; a removal sent to the silent node would have an unknown outcome.
    assert!(rows.get("token").await.unwrap().is_some());
    let taken = rows.remove_at("token").await.unwrap();
    assert!(taken.existed());
    assert_eq!(
        (taken.node(), rows.owner().await.unwrap()),
        (address(&cluster, 2), Some(address(&cluster, 2)))
    );
    cluster.wake(1);
    let second = queued.await.unwrap().unwrap();
    // A node that is not the owner any more also returned `true`. Asking the master reveals it.
    assert!(second.existed());
    assert_ne!(Some(second.node()), rows.owner().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_owner_is_replaced_before_its_heartbeat_fails() {
    let cluster = cluster().await;
    let times = "statement_timeout=1s&lock_timeout=1s&retry_for=8s&heartbeat=20s&owner_check=60s";
    let client = connect(&cluster, times).await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    rows.put(("k", 1i64)).await.unwrap();
    cluster.pause(1);
    cluster.settled().await;
    assert_eq!(number(&rows).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_refused_by_one_node_is_looked_up_again() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    let refuse = |error| cluster.nodes()[1].faults().once(Statement::PutRow, Fault::Refuse(error));
    refuse(griddb_test_node::ErrorCode::PARTITION_ROLE);
    let before = cluster.nodes()[0].counters().statements(Statement::GetPartitionAddress);
    rows.put(("k", 1i64)).await.unwrap();
    assert!(cluster.nodes()[0].counters().statements(Statement::GetPartitionAddress) > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_without_an_owner_is_waited_for() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    rows.put(("k", 1i64)).await.unwrap();
    let partition = i32::try_from(rows.partition()).unwrap();
    assert!(cluster.move_partition_with_gap(partition, Duration::from_millis(1500)));
    assert_eq!(rows.owner().await.unwrap(), None);
    let impatient = rows.within(Duration::from_millis(500));
    let (read, write) = tokio::join!(impatient.get("k"), impatient.put(("k", 2i64)));
    for error in [read.map(drop).unwrap_err(), write.map(drop).unwrap_err()] {
        assert!(error.is_unavailable() && !error.is_outcome_unknown(), "{error}");
    }
    // A client that starts in the gap waits too.
    let newcomer = connect(&cluster, "").await;
    let opened = newcomer.open(&rows.name().to_string()).await.unwrap();
    assert_eq!(number(&opened).await, 1);
    assert_eq!(rows.put_at(("k", 3i64)).await.unwrap().node(), address(&cluster, 2));
    assert_eq!(rows.owner().await.unwrap(), Some(address(&cluster, 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_while_partitions_keep_losing_their_owner() {
    let cluster = cluster().await;
    let client = connect(&cluster, "").await;
    let rows = rows_at(&client, &cluster, 1, 2).await;
    let partition = i32::try_from(rows.partition()).unwrap();
    let load = Load::on(&rows);
    for _ in 0..5 {
        sleep(Duration::from_millis(30)).await;
        assert!(cluster.move_partition_with_gap(partition, Duration::from_millis(60)));
        cluster.settled().await;
    }
    load.check(&rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_calls_end_in_time() {
    let cluster = cluster().await;
    let client = connect(&cluster, "retry_for=400ms").await;
    let rows = rows_at(&client, &cluster, 2, 0).await;
    rows.put(("k", 1i64)).await.unwrap();
    cluster.kill(0).await.unwrap();
    cluster.kill(1).await.unwrap();
    cluster.settled().await;
    let error = rows.put(("k", 2i64)).await.unwrap_err();
    assert!(error.is_unavailable() && !error.is_outcome_unknown(), "{error}");
    cluster.restart(0).unwrap();
    cluster.restart(1).unwrap();
    cluster.settled().await;
    rows.within(Duration::from_secs(10)).put(("k", 3i64)).await.unwrap();
}
