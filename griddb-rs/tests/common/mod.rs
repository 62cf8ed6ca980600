//! A node, a client, and a collection of numbers.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::{future::Future, time::Duration};

use griddb_rs::{Change, Client, Collection, ColumnType, Row, Schema};
use griddb_test_node::{Options, TestNode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::{sleep, timeout},
};

pub async fn node() -> TestNode {
    node_with(Options::new()).await
}

pub async fn node_with(options: Options) -> TestNode {
    TestNode::start(options.check_interval(Duration::from_millis(20))).await.unwrap()
}

pub fn url(node: &TestNode, options: &str) -> String {
    format!("griddb://admin:admin@{}/gridauth?{options}", node.address())
}

pub async fn connect(node: &TestNode) -> Client {
    Client::connect(&url(node, "")).await.unwrap()
}

pub fn schema() -> Schema {
    Schema::new().key("k", ColumnType::String).column("n", ColumnType::Long)
}

pub async fn rows(client: &Client) -> Collection {
    client.open_or_create("rows", &schema()).await.unwrap()
}

pub async fn number(rows: &Collection) -> Option<i64> {
    rows.get("k").await.unwrap().map(|row| row.get("n").unwrap())
}

pub fn raise(row: Option<&Row>) -> Change<(&'static str, i64)> {
    Change::Put(("k", row.map_or(0, |row| row.get::<i64>("n").unwrap()) + 1))
}

/// Fails if it hangs.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.unwrap()
}

/// A collection of large values.
pub async fn blobs(client: &Client) -> Collection {
    let schema = Schema::new().key("k", ColumnType::String).column("b", ColumnType::Blob);
    client.open_or_create("blobs", &schema).await.unwrap()
}

/// Waits until a condition holds.
pub async fn until(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// What a notification provider does with a connection after answering.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AfterAnswer {
    Close,
    StayOpen,
}

/// A notification provider that serves `/nodes`. Returns the URL option that names it.
pub async fn provider(answer: impl Fn() -> String + Send + 'static, after: AfterAnswer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            // The client may give up at any time.
            let length = stream.read(&mut request).await.unwrap_or(0);
            if request[..length].starts_with(b"GET /nodes HTTP/1.0\r\n") {
                let _ = stream.write_all(answer().as_bytes()).await;
                if after == AfterAnswer::StayOpen {
                    open.push(stream);
                }
            }
        }
    });
    format!("provider=http://{address}/nodes")
}

/// A provider's list of nodes.
pub fn listing(nodes: &[(&str, u16)]) -> String {
    let node =
        |(host, port): &(&str, u16)| format!(r#"{{"transaction":{{"address":"{host}","port":{port}}}}}"#);
    format!("[{}]", nodes.iter().map(node).collect::<Vec<_>>().join(","))
}
