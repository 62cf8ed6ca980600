//! Several nodes: who answers what, and what happens when one is lost, paused or woken.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::{
    Bytes, CLOSE_SESSION, COMMIT, Client, GET_PARTITION_ADDRESS, GET_ROW, Mode, PUT_ROW, Table,
    container_key, number,
};
use griddb_test_node::{ClusterOptions, Options, TestCluster};
use std::net::SocketAddrV4;
use std::time::Duration;

const PARTITIONS: u32 = 12;

async fn three() -> TestCluster {
    let node = Options::new().partitions(PARTITIONS).check_interval(Duration::from_millis(20));
    TestCluster::start(3, ClusterOptions::new(node)).await.unwrap()
}

async fn client_of(cluster: &TestCluster, node: usize) -> Client {
    Client::open(cluster.nodes()[node].address()).await
}

/// A container in a partition of these nodes, with the row `a` = 1.
async fn table_at(cluster: &TestCluster, owner: usize, backup: usize) -> Table {
    let partition = cluster.partition_at(owner, backup).unwrap();
    let mut client = client_of(cluster, owner).await;
    let table = client.table(&format!("t@{partition}"), PARTITIONS).await;
    client.put(table, "a", 1).await;
    table
}

async fn master_named_by(client: &mut Client) -> (bool, SocketAddrV4) {
    let answer = client.call(GET_PARTITION_ADDRESS, 0, Bytes::new().i32(0).u8(1)).await;
    assert_eq!(answer.status, 0, "{:?}", answer.error());
    (answer.body[6] == 1, address(&answer.body[8..16]))
}

fn address(bytes: &[u8]) -> SocketAddrV4 {
    let ip: [u8; 4] = bytes[..4].try_into().unwrap();
    let port = i32::from_le_bytes(bytes[4..8].try_into().unwrap());
    SocketAddrV4::new(ip.into(), u16::try_from(port).unwrap())
}

async fn owner_named_by(client: &mut Client, partition: i32) -> Option<SocketAddrV4> {
    let answer = client.call(GET_PARTITION_ADDRESS, partition, Bytes::new().i32(0)).await;
    assert_eq!(answer.status, 0, "{:?}", answer.error());
    (answer.body[4] == 1).then(|| address(&answer.body[5..13]))
}

#[tokio::test]
async fn every_node_names_the_master_and_only_the_master_names_owners() {
    let cluster = three().await;
    let mut owners = vec![0; 3];
    for node in 0..3 {
        let mut client = client_of(&cluster, node).await;
        assert_eq!(master_named_by(&mut client).await, (node == 0, cluster.nodes()[0].address()));
        for partition in 0..PARTITIONS as i32 {
            if node == 0 {
                let owner = cluster.owner(partition).unwrap();
                let named = owner_named_by(&mut client, partition).await;
                assert_eq!(named, Some(cluster.nodes()[owner].address()));
                assert_ne!(cluster.backup(partition), Some(owner));
                owners[owner] += 1;
            } else {
                let refused = client.call(GET_PARTITION_ADDRESS, partition, Bytes::new().i32(0)).await;
                assert_eq!((refused.status, refused.code()), (3, 10008));
            }
        }
    }
    assert_eq!(owners, [4, 4, 4]);
}

#[tokio::test]
async fn a_backup_serves_reads_and_refuses_writes() {
    let cluster = three().await;
    let table = table_at(&cluster, 1, 2).await;
    let (mut owner, mut backup, mut other) =
        (client_of(&cluster, 1).await, client_of(&cluster, 2).await, client_of(&cluster, 0).await);
    for value in 2..50 {
        owner.put(table, "a", value).await;
        assert_eq!(backup.get(table, "a").await, Some(value));
    }
    assert_eq!(backup.query(table, "select * where n > 0").await, Ok(vec![49]));
    let refused = [
        backup.try_put(table, "a", 2, Mode::AUTO).await,
        backup.try_remove(table, "a", Mode::AUTO).await,
        backup.try_get(table, "a", Mode::AUTO.for_update()).await,
        backup.end(COMMIT, table, 1, 1).await,
        backup.flush(table).await,
        backup.put_table("u", table.partition).await,
    ];
    assert!(refused.iter().all(|answer| (answer.status, answer.code()) == (3, 10009)));
    assert_eq!(
        other.try_get(table, "a", Mode::AUTO).await.error(),
        Some((10010, "TXN_PARTITION_STATE_UNMATCH".into()))
    );
    assert_eq!(other.try_put(table, "a", 2, Mode::AUTO).await.code(), 10010);
}

#[tokio::test]
async fn the_backup_of_a_killed_owner_takes_over_after_the_takeover_time() {
    let cluster = three().await;
    let table = table_at(&cluster, 1, 2).await;
    let (mut master, mut backup) = (client_of(&cluster, 0).await, client_of(&cluster, 2).await);
    cluster.kill(1).await.unwrap();
    // the master still names the dead node; the backup serves reads only
    assert_eq!(owner_named_by(&mut master, table.partition).await, Some(cluster.nodes()[1].address()));
    assert_eq!(backup.get(table, "a").await, Some(1));
    assert_eq!(backup.try_put(table, "a", 2, Mode::AUTO).await.code(), 10009);
    cluster.settled().await;
    assert_eq!(owner_named_by(&mut master, table.partition).await, Some(cluster.nodes()[2].address()));
    assert!(backup.put(table, "a", 2).await);
    // and the third node is its backup
    assert_eq!(cluster.backup(table.partition), Some(0));
    assert_eq!(master.get(table, "a").await, Some(2));
}

#[tokio::test]
async fn after_the_master_is_killed_nothing_is_served_until_a_new_one_is_elected() {
    let node = Options::new().partitions(PARTITIONS);
    let times = ClusterOptions::new(node).election(Duration::from_millis(300));
    let cluster = TestCluster::start(3, times).await.unwrap();
    let table = table_at(&cluster, 1, 2).await;
    let masters = table_at(&cluster, 0, 1).await;
    let mut client = client_of(&cluster, 1).await;
    cluster.kill(0).await.unwrap();
    // the others still name it, and serve their own partitions
    assert_eq!(master_named_by(&mut client).await, (false, cluster.nodes()[0].address()));
    assert!(client.put(table, "a", 2).await);
    assert_eq!(client.try_put(masters, "a", 2, Mode::AUTO).await.code(), 10009);
    while client.try_get(table, "a", Mode::AUTO).await.status == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(client.try_get(table, "a", Mode::AUTO).await.code(), 10010);
    let question = client.call(GET_PARTITION_ADDRESS, 0, Bytes::new().i32(0).u8(1)).await;
    assert_eq!((question.status, question.code()), (3, 10008));
    assert_eq!(Client::dial(cluster.nodes()[2].address()).await.connect().await.code(), 10008);
    cluster.settled().await;
    let mut client = client_of(&cluster, 1).await;
    assert_eq!(master_named_by(&mut client).await, (true, cluster.nodes()[1].address()));
    assert_eq!(owner_named_by(&mut client, masters.partition).await, Some(cluster.nodes()[1].address()));
    assert_eq!((client.get(masters, "a").await, client.get(table, "a").await), (Some(1), Some(2)));
    assert!(client.put(masters, "a", 5).await);
}

#[tokio::test]
async fn sessions_transactions_and_locks_move_to_the_backup() {
    let cluster = three().await;
    let table = table_at(&cluster, 1, 2).await;
    let mut owner = client_of(&cluster, 1).await;
    let put = owner.put_body(table, "a", 2, Mode::begin(1));
    owner.call_with(PUT_ROW, table.partition, 1, put).await;
    cluster.kill(1).await.unwrap();
    cluster.settled().await;
    let mut heir = client_of(&cluster, 2).await;
    let mut other = client_of(&cluster, 2).await;
    other.uuid = [9; 16];
    assert_eq!(other.get(table, "a").await, Some(1));
    assert_eq!(other.try_put(table, "a", 3, Mode::AUTO.timeout(0)).await.code(), 60166);
    let put = heir.put_body(table, "b", 2, Mode::go_on(1));
    assert_eq!(heir.call_with(PUT_ROW, table.partition, 2, put).await.code(), 0);
    assert_eq!(heir.end(COMMIT, table, 1, 3).await.status, 0);
    assert_eq!(heir.end(COMMIT, table, 1, 3).await.status, 0);
    assert_eq!((other.get(table, "a").await, other.get(table, "b").await), (Some(2), Some(2)));
}

/// The timeout of a transaction is only checked at the owner. If it passes while its node is a backup, the locks stay
/// until the session expires or is closed (protocol 12).
#[tokio::test]
async fn a_transaction_that_expires_at_a_backup_keeps_its_locks_at_the_new_owner() {
    let node = Options::new().partitions(PARTITIONS).check_interval(Duration::from_millis(20));
    let node = node.second(Duration::from_millis(10));
    let cluster = TestCluster::start(3, ClusterOptions::new(node)).await.unwrap();
    let [closed, left] = [table_at(&cluster, 1, 2).await, table_at(&cluster, 1, 0).await];
    let mut owner = client_of(&cluster, 1).await;
    for table in [closed, left] {
        let put = owner.put_body(table, "a", 2, Mode::begin(1).timeout(5));
        owner.call_with(PUT_ROW, table.partition, 1, put).await;
    }
    cluster.kill(1).await.unwrap();
    cluster.settled().await;
    // the timeout of 50 ms has passed long ago at both backups
    for (table, heir) in [(closed, 2), (left, 0)] {
        let mut other = client_of(&cluster, heir).await;
        other.uuid = [9; 16];
        let refused = other.try_put(table, "a", 3, Mode::AUTO.timeout(0)).await;
        assert_eq!(refused.code(), 60166);
        if heir == 2 {
            let mut same = client_of(&cluster, heir).await;
            assert_eq!(same.end(CLOSE_SESSION, table, 1, 2).await.status, 0);
            assert!(other.put(table, "a", 3).await);
        } else {
            // the session expires after 300 seconds, which are 3 here
            assert_eq!(other.try_put(table, "a", 3, Mode::AUTO.timeout(100)).await.code(), 60166);
            assert!(other.try_put(table, "a", 3, Mode::AUTO.timeout(300)).await.flag());
        }
    }
}

#[tokio::test]
async fn a_former_owner_that_wakes_accepts_writes_that_are_lost() {
    let node = Options::new().partitions(PARTITIONS);
    let times = ClusterOptions::new(node).demotion(Duration::from_millis(300));
    let cluster = TestCluster::start(3, times).await.unwrap();
    let table = table_at(&cluster, 1, 2).await;
    let mut old = client_of(&cluster, 1).await;
    old.put(table, "token", 1).await;
    cluster.pause(1);
    let queued = old.row_head(table, Mode::AUTO).sized(b"a");
    old.send(common::REMOVE_ROW, table.partition, queued).await;
    assert!(old.is_silent().await);
    cluster.settled().await;
    let mut new = client_of(&cluster, 2).await;
    assert!(new.remove(table, "token").await);
    assert!(new.remove(table, "a").await);
    cluster.wake(1);
    // consumed twice: a queued statement and a new one
    assert!(old.receive().await.flag());
    assert!(old.remove(table, "token").await);
    old.put(table, "only here", 1).await;
    assert_eq!(new.get(table, "only here").await, None);
    // asking the master would have revealed it
    let mut master = client_of(&cluster, 0).await;
    assert_eq!(owner_named_by(&mut master, table.partition).await, Some(cluster.nodes()[2].address()));
    cluster.settled().await;
    let refused = old.try_put(table, "x", 1, Mode::AUTO).await;
    assert!([10009, 10010].contains(&refused.code()), "{:?}", refused.error());
    for node in 0..3 {
        let answer = client_of(&cluster, node).await.try_get(table, "only here", Mode::AUTO).await;
        assert!(answer.code() == 10010 || number(&answer).is_none());
    }
}

#[tokio::test]
async fn a_short_pause_changes_nothing() {
    let cluster = three().await;
    let table = table_at(&cluster, 1, 2).await;
    cluster.pause(1);
    cluster.wake(1);
    cluster.settled().await;
    assert_eq!(cluster.owner(table.partition), Some(1));
    let (mut owner, mut backup) = (client_of(&cluster, 1).await, client_of(&cluster, 2).await);
    owner.put(table, "a", 9).await;
    assert_eq!(backup.get(table, "a").await, Some(9));
}

#[tokio::test]
async fn a_paused_master_is_replaced_and_follows_after_waking() {
    let cluster = three().await;
    cluster.pause(0);
    cluster.settled().await;
    assert_eq!(cluster.master(), Some(1));
    cluster.wake(0);
    cluster.settled().await;
    let mut client = client_of(&cluster, 0).await;
    assert_eq!(master_named_by(&mut client).await, (false, cluster.nodes()[1].address()));
}

#[tokio::test]
async fn without_a_majority_nodes_stop_serving() {
    let cluster = three().await;
    let table = table_at(&cluster, 2, 0).await;
    let mut last = client_of(&cluster, 2).await;
    cluster.kill(0).await.unwrap();
    cluster.settled().await;
    cluster.kill(1).await.unwrap();
    // it serves its own partitions a little longer
    assert!(last.put(table, "a", 2).await);
    cluster.settled().await;
    assert_eq!(last.try_get(table, "a", Mode::AUTO).await.code(), 10010);
    assert_eq!(Client::dial(cluster.nodes()[2].address()).await.connect().await.code(), 10008);
    // a second node restores the majority, and the latest copy wins
    cluster.restart(1).unwrap();
    cluster.settled().await;
    let owner = cluster.owner(table.partition).unwrap();
    assert_eq!(client_of(&cluster, owner).await.get(table, "a").await, Some(2));
}

#[tokio::test]
async fn a_killed_node_returns_as_a_backup() {
    let cluster = TestCluster::start(2, ClusterOptions::new(Options::new().partitions(4))).await.unwrap();
    let partition = cluster.partition_at(0, 1).unwrap();
    let mut client = client_of(&cluster, 0).await;
    let table = client.table(&format!("t@{partition}"), 4).await;
    client.put(table, "a", 1).await;
    cluster.kill(1).await.unwrap();
    client.put(table, "a", 2).await;
    cluster.restart(1).unwrap();
    cluster.settled().await;
    assert_eq!(client_of(&cluster, 1).await.get(table, "a").await, Some(2));
}

#[tokio::test]
async fn a_partition_moves_with_its_sessions_and_without_a_gap() {
    let cluster = three().await;
    let table = table_at(&cluster, 1, 2).await;
    let mut client = client_of(&cluster, 1).await;
    let put = client.put_body(table, "a", 2, Mode::begin(1));
    client.call_with(PUT_ROW, table.partition, 1, put).await;
    let mut waiting = client_of(&cluster, 1).await;
    waiting.uuid = [9; 16];
    let body = waiting.put_body(table, "a", 3, Mode::AUTO);
    waiting.send(PUT_ROW, table.partition, body).await;
    assert!(waiting.is_silent().await);
    assert!(cluster.move_partition(table.partition));
    // at the next check
    assert_eq!(waiting.receive().await.code(), 10009);
    assert_eq!(client.end(COMMIT, table, 1, 2).await.code(), 10009);
    let mut master = client_of(&cluster, 0).await;
    assert_eq!(owner_named_by(&mut master, table.partition).await, Some(cluster.nodes()[2].address()));
    let mut owner = client_of(&cluster, 2).await;
    assert_eq!(owner.end(COMMIT, table, 1, 2).await.status, 0);
    assert_eq!(client.get(table, "a").await, Some(2));
}

#[tokio::test]
async fn statements_waiting_at_a_former_owner_are_refused_at_its_next_check() {
    let check = Duration::from_millis(1500);
    let node = Options::new().partitions(PARTITIONS).check_interval(check);
    let cluster = TestCluster::start(3, ClusterOptions::new(node)).await.unwrap();
    let table = table_at(&cluster, 1, 2).await;
    let mut holder = client_of(&cluster, 1).await;
    let put = holder.put_body(table, "a", 2, Mode::begin(1));
    holder.call_with(PUT_ROW, table.partition, 1, put).await;
    let mut waiting = client_of(&cluster, 1).await;
    waiting.uuid = [9; 16];
    let body = waiting.put_body(table, "a", 3, Mode::AUTO);
    waiting.send(PUT_ROW, table.partition, body).await;
    assert!(waiting.is_silent().await);
    assert!(cluster.move_partition(table.partition));
    assert!(waiting.is_silent().await, "until it looks again");
    assert_eq!(waiting.receive().await.code(), 10009);
}

#[tokio::test]
async fn a_partition_can_be_without_an_owner_during_a_move() {
    let cluster = three().await;
    let table = table_at(&cluster, 1, 2).await;
    let mut clients = Vec::new();
    for node in 0..3 {
        clients.push(client_of(&cluster, node).await);
    }
    assert!(cluster.move_partition_with_gap(table.partition, Duration::from_secs(1)));
    assert_eq!(cluster.owner(table.partition), None);
    assert_eq!(owner_named_by(&mut clients[0], table.partition).await, None);
    for client in &mut clients {
        assert_eq!(client.try_get(table, "a", Mode::AUTO).await.code(), 10010);
        assert_eq!(client.try_put(table, "a", 2, Mode::AUTO).await.code(), 10010);
    }
    cluster.settled().await;
    assert_eq!((cluster.owner(table.partition), cluster.backup(table.partition)), (Some(2), Some(1)));
    assert!(clients[2].put(table, "a", 2).await);
    assert_eq!(clients[1].get(table, "a").await, Some(2));
}

#[tokio::test]
async fn a_gap_ends_early_if_the_next_owner_is_lost() {
    let cluster = three().await;
    let table = table_at(&cluster, 1, 2).await;
    assert!(cluster.move_partition_with_gap(table.partition, Duration::from_secs(30)));
    cluster.kill(2).await.unwrap();
    let next = async {
        loop {
            if let Some(owner) = cluster.owner(table.partition) {
                break owner;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let owner = tokio::time::timeout(Duration::from_secs(5), next).await.unwrap();
    assert_eq!(client_of(&cluster, owner).await.get(table, "a").await, Some(1));
}

#[tokio::test]
async fn a_lagging_backup_misses_the_latest_writes() {
    let node = Options::new().partitions(PARTITIONS);
    let times = ClusterOptions::new(node).replication_lag(Duration::from_secs(60));
    let cluster = TestCluster::start(3, times).await.unwrap();
    let table = table_at(&cluster, 1, 2).await;
    let (mut owner, mut backup) = (client_of(&cluster, 1).await, client_of(&cluster, 2).await);
    cluster.replicate();
    assert_eq!(backup.get(table, "a").await, Some(1));
    owner.put(table, "a", 2).await;
    owner.flush(table).await;
    assert_eq!(backup.get(table, "a").await, Some(1));
    cluster.kill(1).await.unwrap();
    cluster.settled().await;
    assert_eq!(backup.get(table, "a").await, Some(1));
    assert!(backup.put(table, "a", 3).await);
}

#[tokio::test]
async fn a_partition_moves_completely_even_if_its_backup_lagged() {
    let node = Options::new().partitions(PARTITIONS);
    let times = ClusterOptions::new(node).replication_lag(Duration::from_secs(60));
    let cluster = TestCluster::start(3, times).await.unwrap();
    let table = table_at(&cluster, 1, 2).await;
    assert!(cluster.move_partition(table.partition));
    assert_eq!(client_of(&cluster, 2).await.get(table, "a").await, Some(1));
}

#[tokio::test]
async fn writes_can_wait_for_a_silent_backup_and_then_succeed() {
    let wait = Duration::from_millis(300);
    let node = Options::new().partitions(PARTITIONS);
    let times = ClusterOptions::new(node).wait_for_backup(wait).takeover(Duration::from_secs(5));
    let cluster = TestCluster::start(3, times).await.unwrap();
    let table = table_at(&cluster, 1, 2).await;
    let mut owner = client_of(&cluster, 1).await;
    cluster.pause(2);
    let sent = tokio::time::Instant::now();
    assert!(owner.put(table, "a", 2).await);
    assert!(sent.elapsed() >= wait);
    // what is refused is refused at once
    let sent = tokio::time::Instant::now();
    assert_eq!(owner.try_put(table, "a", 2, Mode::AUTO.insert_only()).await.code(), 60154);
    assert!(sent.elapsed() < wait);
}

#[tokio::test]
async fn a_write_that_waited_for_a_lock_waits_for_a_silent_backup_too() {
    let wait = Duration::from_millis(200);
    let node = Options::new().partitions(PARTITIONS);
    let times = ClusterOptions::new(node).wait_for_backup(wait).takeover(Duration::from_secs(5));
    let cluster = TestCluster::start(3, times).await.unwrap();
    let table = table_at(&cluster, 1, 2).await;
    let (mut holder, mut other) = (client_of(&cluster, 1).await, client_of(&cluster, 1).await);
    other.uuid = [9; 16];
    let lock = holder.row_head(table, Mode::begin(1).for_update()).sized(b"a");
    assert_eq!(holder.call_with(GET_ROW, table.partition, 1, lock).await.code(), 0);
    let put = other.put_body(table, "a", 2, Mode::AUTO);
    let put = other.send(PUT_ROW, table.partition, put).await;
    assert!(other.is_silent().await);
    cluster.pause(2);
    let sent = tokio::time::Instant::now();
    let commit = holder.session_body(table, 1);
    holder.send_with(COMMIT, table.partition, 2, commit).await;
    assert_eq!(other.receive().await.id, put);
    assert!(sent.elapsed() >= wait);
}

/// Decodes a captured request.
fn recorded(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The requests and answers of the captured cluster, by label.
fn capture() -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let path = format!("{}/../tests/captures/09-cluster-three-nodes.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Vec<&str>> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect()).collect();
    let pairs = lines.chunks(2);
    pairs.map(|pair| (pair[0][0].to_owned(), recorded(pair[0][2]), recorded(pair[1][2]))).collect()
}

/// Compares with the answer of another server version: an error without its text, a container without what follows
/// its attribute, anything else completely.
fn assert_same(label: &str, expected: &[u8], got: &[u8]) {
    let (wanted, answer) = (common::Answer::parse(expected), common::Answer::parse(got));
    assert_eq!(wanted.error(), answer.error(), "{label}");
    assert_eq!(
        (wanted.statement, wanted.id, wanted.status),
        (answer.statement, answer.id, answer.status),
        "{label}"
    );
    if wanted.status == 0 {
        let tail = if label.ends_with("get_container") { 8 } else { 0 };
        let length = wanted.body.len() - tail;
        assert_eq!(wanted.body[..length], answer.body[..length], "{label}");
    }
}

/// The ports by which the captured nodes name themselves.
fn name_nodes(answer: &mut [u8], nodes: [SocketAddrV4; 3]) {
    for (port, node) in [11101_u32, 11201, 11301].into_iter().zip(nodes) {
        let recorded: Vec<u8> = [127, 0, 0, 1].into_iter().chain(port.to_le_bytes()).collect();
        for at in 20..answer.len().saturating_sub(7) {
            if answer[at..].starts_with(&recorded) {
                answer[at + 4..at + 8].copy_from_slice(&u32::from(node.port()).to_le_bytes());
            }
        }
    }
}

#[tokio::test]
async fn three_nodes_answer_as_captured() {
    let cluster = TestCluster::start(3, ClusterOptions::new(Options::new())).await.unwrap();
    let addresses = [0, 1, 2].map(|node| cluster.nodes()[node].address());
    let capture = capture();
    let find = |label: &str| capture.iter().find(|(found, ..)| found == label).unwrap().clone();
    // partition 1 is like the captured one: its owner is not the master, its backup is on another node
    let (owner, backup) = (cluster.owner(1).unwrap(), cluster.backup(1).unwrap());
    let master = cluster.master().unwrap();
    let other = 3 - owner - backup;
    assert_eq!((owner, backup, master), (1, 2, 0));
    let mut client = client_of(&cluster, owner).await;
    client.send_raw(&find("backup_put_container").1).await;
    assert_eq!(client.receive().await.status, 0);
    let mut put = find("backup_put").1;
    *put.last_mut().unwrap() = b'1';
    client.send_raw(&put).await;
    assert_eq!(client.receive().await.status, 0);
    let mut compared = 0;
    for (label, request, mut expected) in capture.clone() {
        let (at, immediate) = match label.split('_').next().unwrap() {
            "master" => (master, true),
            "follower" => (owner, true),
            "backup" => (backup, !label.contains("immediate0")),
            "other" => (other, true),
            "any" => (owner, false),
            _ => continue,
        };
        // in the capture the backup was the master
        let last = if label.ends_with("master_address") { addresses[master] } else { addresses[backup] };
        name_nodes(&mut expected, [addresses[other], addresses[owner], last]);
        let mut client = Client::dial(addresses[at]).await;
        client.connect().await;
        client.log_in("gridauth", immediate).await;
        client.send_raw(&request).await;
        assert_same(&label, &expected, &client.receive_raw().await.unwrap());
        compared += 1;
    }
    assert_eq!(compared, 31);
}

#[tokio::test]
async fn a_transaction_continues_at_the_new_owner_as_captured() {
    let cluster = TestCluster::start(3, ClusterOptions::new(Options::new())).await.unwrap();
    assert_eq!(cluster.owner(0), Some(0));
    let mut client = client_of(&cluster, 0).await;
    client.uuid = std::array::from_fn(|at| at as u8);
    // a container of two columns with the id 1
    let define = |name: &str| {
        let body = Bytes::new().i32(0).raw(&container_key(name).0).u8(0).u8(0);
        body.i32(2).string("k").u8(0).u8(4).string("v").u8(0).u8(0).i16(1).i16(0).string("")
    };
    for name in ["zero@0", "one@0"] {
        assert_eq!(client.call(common::PUT_CONTAINER, 0, define(name)).await.status, 0);
    }
    let table = Table { partition: 0, id: 1 };
    let row = |client: &Client, mode, value: &[u8]| {
        client.row_head(table, mode).i64(0).u8(0).varsize(2).sized(b"x").sized(value)
    };
    let put = row(&client, Mode::AUTO, b"1");
    assert_eq!(client.call(PUT_ROW, 0, put).await.code(), 0);
    let lock = client.row_head(table, Mode::begin(1).for_update()).sized(b"x");
    assert_eq!(client.call_with(GET_ROW, 0, 1, lock).await.code(), 0);
    let put = row(&client, Mode::go_on(1), b"2");
    assert_eq!(client.call_with(PUT_ROW, 0, 2, put).await.code(), 0);
    let steps: Vec<_> = capture().into_iter().filter(|(label, ..)| label.contains("_owner_")).collect();
    let (first, after) = steps.split_first().unwrap();
    client.send_raw(&first.1).await;
    assert_same(&first.0, &first.2, &client.receive_raw().await.unwrap());
    cluster.kill(0).await.unwrap();
    cluster.settled().await;
    let heir = cluster.owner(0).unwrap();
    let mut client = client_of(&cluster, heir).await;
    for (label, request, expected) in after {
        client.send_raw(request).await;
        assert_same(label, expected, &client.receive_raw().await.unwrap());
    }
    assert_eq!(after.len(), 5);
    // and then there is no quorum
    let last = 3 - heir;
    let mut client = client_of(&cluster, last).await;
    cluster.kill(heir).await.unwrap();
    cluster.settled().await;
    let steps: Vec<_> = capture().into_iter().filter(|(label, ..)| label.starts_with("no_quorum")).collect();
    assert_eq!(steps.len(), 3);
    for (label, request, expected) in steps {
        if label.ends_with(".new") {
            client = Client::dial(cluster.nodes()[last].address()).await;
        }
        client.send_raw(&request).await;
        assert_same(&label, &expected, &client.receive_raw().await.unwrap());
    }
}
