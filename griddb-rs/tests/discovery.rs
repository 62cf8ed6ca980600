//! Which cluster a client belongs to: from its start on, whichever node comes up, is elected, or falls silent.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::time::Duration;

use common::*;
use griddb_rs::{Client, Config, ErrorKind};
use griddb_test_node::{ClusterOptions, Options, Statement, TestCluster};

async fn cluster_with(times: impl FnOnce(ClusterOptions) -> ClusterOptions) -> TestCluster {
    let node = Options::new().partitions(12).check_interval(Duration::from_millis(20));
    TestCluster::start(3, times(ClusterOptions::new(node))).await.unwrap()
}

/// The nodes contradict each other, and then nobody answers until the time is over.
#[tokio::test]
async fn a_split_cluster_is_reported_even_if_the_nodes_fall_silent() {
    let (one, two) = (node().await, node().await);
    let config = Config::new("admin", "admin", "gridauth").connect_timeout(Duration::from_secs(3));
    let config =
        [&one, &two].iter().fold(config, |config, node| config.host("127.0.0.1", node.address().port()));
    let connecting = tokio::spawn(Client::connect_with(config));
    let question = Statement::GetPartitionAddress;
    // Both are asked again once their first answers have contradicted each other.
    until(|| [&one, &two].iter().all(|node| node.counters().statements(question) > 1)).await;
    one.pause();
    two.pause();
    let error = connecting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SplitCluster, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_down_at_the_start_is_not_trusted() {
    let (one, two) = (node().await, node().await);
    two.crash().await.unwrap();
    let nodes = format!("griddb://admin:admin@{},{}/gridauth", one.address(), two.address());
    let client = Client::connect(&format!("{nodes}?connect_timeout=1s&retry_for=1500ms")).await.unwrap();
    let rows = rows(&client).await;
    rows.put(("k", 1i64)).await.unwrap();
    one.crash().await.unwrap();
    two.restart().unwrap();
    let error = soon(rows.put(("k", 2i64))).await.unwrap_err();
    assert!(error.is_unavailable() && error.is_retryable(), "{error}");
    assert_eq!(two.container_names(), Vec::<String>::new());
    assert_eq!(two.counters().statements(Statement::PutContainer), 0);
    // Both are up, and each is the master of its own cluster.
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
    let client = Client::connect(&cluster.url()).await.unwrap();
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
async fn an_election_during_the_start_is_not_a_split_cluster() {
    let cluster = cluster_with(|times| times.demotion(Duration::from_millis(800))).await;
    cluster.pause(0);
    cluster.settled().await;
    cluster.wake(0);
    // Until it hears of the new master, the woken node says that it is the master.
    let client = soon(Client::connect(&cluster.url())).await.unwrap();
    client.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_master_that_wakes_is_not_a_split_cluster() {
    let cluster = cluster_with(|times| times.demotion(Duration::from_millis(800))).await;
    let options = "connect_timeout=1s&heartbeat=100ms&statement_timeout=1s&lock_timeout=1s";
    let client = Client::connect(&format!("{}?{options}", cluster.url())).await.unwrap();
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
        sync::watch,
        time::{Instant, sleep},
    };

    use super::*;

    /// A provider that sends the length of its list, and keeps the connection open.
    async fn provider_with_length(list: String) -> String {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
        let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{list}", list.len());
        provider(move || answer.clone(), AfterAnswer::StayOpen).await
    }

    #[tokio::test]
    async fn a_silent_provider_hides_no_node() {
        let node = node().await;
        let silent = provider(String::new, AfterAnswer::StayOpen).await;
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
    async fn a_providers_answer_ends_at_its_content_length() {
        let node = node().await;
        let list = listing(&[("nowhere.invalid", 1), ("127.0.0.1", node.address().port())]);
        let provider = provider_with_length(list).await;
        let client =
            Client::connect(&format!("griddb://admin:admin@/gridauth?connect_timeout=4s&{provider}"))
                .await
                .unwrap();
        client.ping().await.unwrap();
    }

    #[tokio::test]
    async fn a_provider_with_only_unresolvable_names_is_an_error() {
        let provider = provider_with_length(listing(&[("nowhere.invalid", 1)])).await;
        let url = format!("griddb://admin:admin@/gridauth?connect_timeout=1s&{provider}");
        let told = Client::connect(&url).await.unwrap_err().to_string();
        // A resolver that cannot reach its server takes longer than the deadline.
        let expected = ["cannot be resolved", "did not resolve in time"]
            .map(|what| format!("the host nowhere.invalid {what}"));
        assert!(expected.contains(&told), "{told}");
    }

    #[tokio::test]
    async fn a_list_whose_nodes_have_all_moved_is_followed() {
        let (before, after) = (node().await, node().await);
        after.crash().await.unwrap();
        let [old, new] = [&before, &after].map(|node| ("127.0.0.1", node.address().port()));
        let (nodes, listed) = watch::channel(vec![old]);
        let answer = move || format!("HTTP/1.0 200 OK\r\n\r\n{}", listing(&listed.borrow()));
        let provider = provider(answer, AfterAnswer::Close).await;
        let url = format!("griddb://admin:admin@/gridauth?retry_for=1500ms&{provider}");
        let client = Client::connect(&url).await.unwrap();
        before.crash().await.unwrap();
        after.restart().unwrap();
        // An additional unknown address may just as well belong to another cluster.
        nodes.send_replace(vec![old, new]);
        assert!(soon(client.owner_of("rows")).await.unwrap_err().is_unavailable());
        nodes.send_replace(vec![new]);
        sleep(Duration::from_millis(50)).await;
        assert!(soon(client.owner_of("rows")).await.unwrap().is_some());
    }
}
