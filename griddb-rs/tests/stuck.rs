//! Nodes and connections that fall silent without closing.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::time::Duration;

use common::*;
use griddb_rs::{Client, Collection, Config, Error, ErrorKind};
use griddb_test_node::{Fault, Statement};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

#[tokio::test]
async fn a_silent_node_is_dropped() {
    let node = node().await;
    let client =
        Client::connect(&url(&node, "heartbeat=200ms&statement_timeout=10s&retry_for=20s")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    node.pause();
    let unknown = soon(rows.remove("x")).await.unwrap_err();
    assert!(unknown.is_outcome_unknown() && unknown.kind() == ErrorKind::ConnectionLost, "{unknown}");
    assert_eq!(client.stats().heartbeats, 1);
    let read = tokio::spawn({
        let rows = rows.clone();
        async move { number(&rows).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    node.wake();
    assert_eq!(soon(read).await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_slow_answer_is_awaited_while_the_node_is_alive() {
    let node = node().await;
    let client = Client::connect(&url(&node, "heartbeat=100ms")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    node.faults().once(Statement::RemoveRow, Fault::Delay(Duration::from_millis(700)));
    assert!(soon(rows.remove("k")).await.unwrap());
    let stats = client.stats();
    assert!(stats.heartbeats >= 1 && stats.connections == 1, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_reported_as_not_done_is_never_done() {
    let node = node().await;
    let client =
        Client::connect(&url(&node, "heartbeat=100ms&retry_for=300ms&lock_timeout=0s")).await.unwrap();
    let blobs = blobs(&client).await;
    blobs.put(("x", vec![0u8])).await.unwrap();
    node.pause();
    // More than the socket takes while nobody reads, so that some of it is never sent.
    let puts: Vec<_> = (0..12u8)
        .map(|number| {
            let blobs = blobs.clone();
            tokio::spawn(async move { blobs.insert((format!("k{number}"), vec![number; 3_000_000])).await })
        })
        .collect();
    let mut not_done = Vec::new();
    for (number, put) in puts.into_iter().enumerate() {
        let error = soon(put).await.unwrap().unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        if !error.is_outcome_unknown() {
            not_done.push(format!("k{number}"));
        }
    }
    assert!(!not_done.is_empty());
    node.wake();
    drop((client, blobs));
    // What was sent is executed meanwhile.
    until(|| node.counters().open_connections() == 0).await;
    let blobs = connect(&node).await.open("blobs").await.unwrap();
    assert!(blobs.get_many(&not_done).await.unwrap().iter().all(Option::is_none));
}

/// Inserts more than a socket takes while nobody reads.
fn insert_much(blobs: &Collection) -> Vec<(String, JoinHandle<Result<(), Error>>)> {
    let insert = |number: u8| {
        let (blobs, key) = (blobs.clone(), format!("k{number}"));
        let row = (key.clone(), vec![number; 3_000_000]);
        (key, tokio::spawn(async move { blobs.insert(row).await }))
    };
    (0..12).map(insert).collect()
}

/// The statements expire before the connection is dropped, and then the node reads again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_timed_out_unsent_is_never_done() {
    let node = node().await;
    let options = "heartbeat=20s&statement_timeout=400ms&retry_for=400ms&lock_timeout=0s";
    let client = Client::connect(&url(&node, options)).await.unwrap();
    let rows = blobs(&client).await;
    rows.put(("x", vec![0u8])).await.unwrap();
    node.pause();
    let mut not_done = Vec::new();
    for (key, insert) in insert_much(&rows) {
        if !soon(insert).await.unwrap().unwrap_err().is_outcome_unknown() {
            not_done.push(key);
        }
    }
    assert!(!not_done.is_empty());
    node.wake();
    drop((client, rows));
    until(|| node.counters().open_connections() == 0).await;
    let found = blobs(&connect(&node).await).await.get_many(&not_done).await.unwrap();
    let there: Vec<_> = not_done.iter().zip(&found).filter(|(_, row)| row.is_some()).collect();
    assert!(there.is_empty(), "said not to be done, and there: {there:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsent_insert_never_finds_its_own_row() {
    let node = node().await;
    let options = "heartbeat=20s&statement_timeout=400ms&retry_for=10s&lock_timeout=0s";
    let client = Client::connect(&url(&node, options)).await.unwrap();
    let rows = blobs(&client).await;
    rows.put(("x", vec![0u8])).await.unwrap();
    node.pause();
    let inserts = insert_much(&rows);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    node.wake();
    for (key, insert) in inserts {
        if let Err(error) = soon(insert).await.unwrap() {
            assert!(error.is_outcome_unknown(), "{key}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_send_queue_is_bounded() {
    let node = node().await;
    let options = "heartbeat=20s&statement_timeout=5s&retry_for=5s&lock_timeout=0s";
    let client = Client::connect(&url(&node, options)).await.unwrap();
    let rows = blobs(&client).await;
    rows.put(("x", vec![0u8])).await.unwrap();
    node.pause();
    let at_once = rows.within(Duration::from_millis(300));
    let insert = |number: u8| {
        let rows = if number < 20 { rows.clone() } else { at_once.clone() };
        tokio::spawn(async move { rows.insert((format!("k{number}"), vec![number; 3_000_000])).await })
    };
    let waiting: Vec<_> = (0..20).map(insert).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = soon(insert(20)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.is_unavailable() && error.is_retryable());
    node.wake();
    // The callers that were told to retry have done so.
    for insert in waiting {
        soon(insert).await.unwrap().unwrap();
    }
    assert_eq!(client.stats().connections, 1);
}

/// A proxy to a node whose open connections can be made to lose every byte without closing.
struct Way {
    address: std::net::SocketAddr,
    lost: watch::Sender<u64>,
}

impl Way {
    async fn to(node: std::net::SocketAddrV4) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lost = watch::Sender::new(0);
        let sender = lost.clone();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = TcpStream::connect(node).await.unwrap();
                let mut lost = sender.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = lost.changed() => {
                            // Neither side hears from the other any more, until this client gives up.
                            let mut bytes = [0; 1024];
                            while let Ok(1..) = near.read(&mut bytes).await {}
                            let _ = far.shutdown().await;
                        }
                    }
                });
            }
        });
        Self { address, lost }
    }

    fn lose(&self) {
        self.lost.send_modify(|times| *times += 1);
    }
}

/// The timeouts of a service that answers requests within ten seconds, with the default heartbeat.
async fn service_over(way: &Way) -> Client {
    let config = Config::new("admin", "admin", "gridauth").host("127.0.0.1", way.address.port());
    let seconds = Duration::from_secs;
    let config = config.statement_timeout(seconds(8)).lock_timeout(seconds(4)).retry_for(seconds(10));
    Client::connect_with(config).await.unwrap()
}

#[tokio::test]
async fn a_read_on_a_silently_dead_connection_is_repeated_on_another() {
    let node = node().await;
    let way = Way::to(node.address()).await;
    let client = service_over(&way).await;
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    way.lose();
    let begun = Instant::now();
    assert_eq!(timeout(Duration::from_secs(10), number(&rows)).await.unwrap(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!((client.stats().connections, client.stats().connections_lost), (2, 1));
}

/// Each caller gives up long before a heartbeat is due.
#[tokio::test]
async fn a_silently_dead_connection_is_noticed_even_if_each_caller_gives_up_early() {
    let node = node().await;
    let way = Way::to(node.address()).await;
    let config = Config::new("admin", "admin", "gridauth").host("127.0.0.1", way.address.port());
    let config = config.heartbeat(Duration::from_millis(300));
    let client = Client::connect_with(config).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    way.lose();
    soon(async {
        while !matches!(timeout(Duration::from_millis(100), rows.get("k")).await, Ok(Ok(Some(_)))) {}
    })
    .await;
    assert_eq!((client.stats().connections, client.stats().connections_lost), (2, 1));
}

#[tokio::test]
async fn a_silently_dead_connection_is_noticed_without_a_waiting_caller() {
    let node = node().await;
    let way = Way::to(node.address()).await;
    let config = Config::new("admin", "admin", "gridauth").host("127.0.0.1", way.address.port());
    let config = config.heartbeat(Duration::from_millis(100));
    let client = Client::connect_with(config).await.unwrap();
    let rows = rows(&client).await;
    way.lose();
    assert!(timeout(Duration::from_millis(30), rows.get("k")).await.is_err());
    until(|| client.stats().connections_lost == 1).await;
}
