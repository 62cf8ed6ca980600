//! Which cluster a client belongs to: from its start on, whoever comes up, is elected, or falls silent.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::time::Duration;

use common::*;
use griddb_rs::{Client, ErrorKind};
use griddb_test_node::{ClusterOptions, Options, Statement, TestCluster, TestNode};

fn url_of(nodes: &[&TestNode], options: &str) -> String {
    let hosts: Vec<String> = nodes.iter().map(|node| node.address().to_string()).collect();
    format!("griddb://admin:admin@{}/gridauth?{options}", hosts.join(","))
}

async fn cluster_with(times: impl FnOnce(ClusterOptions) -> ClusterOptions) -> TestCluster {
    let node = Options::new().partitions(12).check_interval(Duration::from_millis(20));
    TestCluster::start(3, times(ClusterOptions::new(node))).await.unwrap()
}

fn all(cluster: &TestCluster) -> Vec<&TestNode> {
    cluster.nodes().iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_down_at_the_start_is_not_taken_for_the_cluster() {
    let (one, two) = (node().await, node().await);
    two.crash().await.unwrap();
    let client =
        Client::connect(&url_of(&[&one, &two], "connect_timeout=1s&retry_for=1500ms")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    one.crash().await.unwrap();
    two.restart().unwrap();
    let error = soon(rows.put(("k", 2i64))).await.unwrap_err();
    assert!(error.is_unavailable() && error.is_retryable(), "{error}");
    assert_eq!(two.container_names(), Vec::<String>::new());
    assert_eq!(two.counters().statements(Statement::PutContainer), 0);
    // Both are there, and each is the master of a cluster of its own.
    one.restart().unwrap();
    soon(async { while rows.put(("k", 3i64)).await.unwrap_err().kind() != ErrorKind::SplitCluster {} }).await;
    assert_eq!(two.container_names(), Vec::<String>::new());
    two.crash().await.unwrap();
    soon(rows.put(("k", 4i64))).await.unwrap();
    assert_eq!(number(&rows).await, Some(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_down_at_the_start_can_be_elected() {
    let cluster = cluster_with(|times| times).await;
    cluster.kill(0).await.unwrap();
    cluster.settled().await;
    let client = Client::connect(&url_of(&all(&cluster), "")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    cluster.restart(0).unwrap();
    cluster.settled().await;
    cluster.kill(cluster.master().unwrap()).await.unwrap();
    cluster.settled().await;
    assert_eq!(cluster.master(), Some(0));
    assert_eq!(number(&rows).await, Some(1));
    rows.put(("k", 2i64)).await.unwrap();
    assert!(client.owner_of("rows").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masters_that_change_while_a_client_starts_are_no_split_cluster() {
    let cluster = cluster_with(|times| times.demotion(Duration::from_millis(1500))).await;
    cluster.pause(0);
    cluster.settled().await;
    cluster.wake(0);
    // Until it hears of the new one, the woken node says that it is the master.
    let client = soon(Client::connect(&url_of(&all(&cluster), ""))).await.unwrap();
    client.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_master_that_wakes_is_no_split_cluster() {
    let cluster = cluster_with(|times| times.demotion(Duration::from_millis(1500))).await;
    let options = "connect_timeout=500ms&heartbeat=100ms&statement_timeout=1s&lock_timeout=1s";
    let client = Client::connect(&url_of(&all(&cluster), options)).await.unwrap();
    client.ping().await.unwrap();
    cluster.pause(0);
    soon(async { while client.ping().await.is_ok() {} }).await;
    cluster.settled().await;
    cluster.wake(0);
    let owner = soon(client.owner_of("rows")).await.unwrap();
    assert!(owner.is_some());
}

#[cfg(feature = "provider")]
mod by_provider {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::{Instant, sleep},
    };

    use super::*;

    /// A provider that gives every connection the same answer and never closes it.
    async fn provider(answer: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
                open.push(stream);
            }
        });
        format!("provider=http://{address}/nodes")
    }

    #[tokio::test]
    async fn a_provider_that_falls_silent_hides_no_node() {
        let node = node().await;
        let silent = provider(String::new()).await;
        let begun = Instant::now();
        let client =
            Client::connect(&url(&node, &format!("connect_timeout=2s&retry_for=5s&{silent}"))).await.unwrap();
        assert!(begun.elapsed() < Duration::from_millis(1700), "{:?}", begun.elapsed());
        let rows = rows(&client).await;
        rows.put(("k", 1i64)).await.unwrap();
        node.crash_and_restart().await.unwrap();
        let begun = Instant::now();
        rows.put(("k", 2i64)).await.unwrap();
        assert!(begun.elapsed() < Duration::from_millis(1700), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn an_answer_of_a_provider_ends_with_its_length() {
        let node = node().await;
        let port = node.address().port();
        let body = format!(
            r#"[{{"transaction":{{"address":"nowhere.invalid","port":1}}}},{{"transaction":{{"address":"127.0.0.1","port":{port}}}}}]"#
        );
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
        let provider = provider(format!("{head}\r\n\r\n{body}")).await;
        let begun = Instant::now();
        let client =
            Client::connect(&format!("griddb://admin:admin@/gridauth?connect_timeout=4s&{provider}"))
                .await
                .unwrap();
        assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
        client.ping().await.unwrap();
    }

    #[tokio::test]
    async fn a_provider_that_lists_nobody_who_can_be_found_says_so() {
        let body = r#"[{"transaction":{"address":"nowhere.invalid","port":1}}]"#;
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
        let provider = provider(format!("{head}\r\n\r\n{body}")).await;
        let url = format!("griddb://admin:admin@/gridauth?connect_timeout=1s&{provider}");
        let error = Client::connect(&url).await.unwrap_err();
        assert_eq!(error.to_string(), "the name nowhere.invalid cannot be resolved");
    }

    #[tokio::test]
    async fn a_list_whose_nodes_have_all_moved_is_followed() {
        let (before, after) = (node().await, node().await);
        after.crash().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = listener.local_addr().unwrap();
        let (ports, listed) = tokio::sync::watch::channel(vec![before.address().port()]);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await.unwrap();
                let node =
                    |port: &u16| format!(r#"{{"transaction":{{"address":"127.0.0.1","port":{port}}}}}"#);
                let nodes = listed.borrow().iter().map(node).collect::<Vec<_>>().join(",");
                let answer = format!("HTTP/1.0 200 OK\r\n\r\n[{nodes}]");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let url = format!("griddb://admin:admin@/gridauth?retry_for=1500ms&provider=http://{provider}/");
        let client = Client::connect(&url).await.unwrap();
        before.crash().await.unwrap();
        after.restart().unwrap();
        // Beside the one known, another one is as likely another cluster.
        ports.send_replace(vec![before.address().port(), after.address().port()]);
        assert!(soon(client.owner_of("rows")).await.unwrap_err().is_unavailable());
        ports.send_replace(vec![after.address().port()]);
        sleep(Duration::from_millis(50)).await;
        assert!(soon(client.owner_of("rows")).await.unwrap().is_some());
    }
}
