//! Replays every exchange captured from a real server. The answers must have the same bytes, except for what
//! varies from run to run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::{Answer, Bytes, Client, DROP_CONTAINER, container_key};
use griddb_test_node::{Options, TestNode};
use std::collections::HashMap;
use std::net::SocketAddrV4;

/// A request and, unless it is DISCONNECT, its answer.
#[derive(Debug)]
struct Exchange {
    label: String,
    request: Vec<u8>,
    answer: Option<Vec<u8>>,
}

fn load(file: &str) -> Vec<Exchange> {
    let path = format!("{}/../tests/captures/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut exchanges: Vec<Exchange> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.split(' ');
        let (label, direction, hex) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        if direction == ">" {
            exchanges.push(Exchange { label: label.to_owned(), request: bytes, answer: None });
        } else {
            let last = exchanges.last_mut().unwrap();
            assert_eq!(last.label, label);
            last.answer = Some(bytes);
        }
    }
    exchanges
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for at in 0..bytes.len().saturating_sub(from.len() - 1) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
    }
}

fn wire_address(address: SocketAddrV4) -> Vec<u8> {
    let mut bytes = address.ip().octets().to_vec();
    bytes.extend(u32::from(address.port()).to_le_bytes());
    bytes
}

/// The captured server's own address.
const RECORDED: [u8; 8] = [127, 0, 0, 1, 0x11, 0x27, 0, 0];
/// The captured row set id.
const RECORDED_SET: [u8; 8] = [42, 0, 0, 0, 0, 0, 0, 0];

struct Replay {
    address: SocketAddrV4,
    clients: HashMap<String, Client>,
    row_set: Option<Vec<u8>>,
    compared: usize,
}

impl Replay {
    fn new(address: SocketAddrV4) -> Self {
        Self { address, clients: HashMap::new(), row_set: None, compared: 0 }
    }

    /// Each tag after a label's dot is a connection of its own. All except those of the handshake log in first.
    async fn run(&mut self, file: &str, fresh: bool) {
        if fresh {
            self.clients.clear();
        }
        for exchange in load(file) {
            let tag = exchange.label.split_once('.').map_or("", |(_, tag)| tag);
            if !self.clients.contains_key(tag) {
                let client = if fresh || tag == "new" {
                    Client::dial(self.address).await
                } else {
                    Client::open(self.address).await
                };
                self.clients.insert(tag.to_owned(), client);
            }
            self.step(file, tag.to_owned(), exchange).await;
        }
    }

    async fn step(&mut self, file: &str, tag: String, exchange: Exchange) {
        let label = format!("{file} {}", exchange.label);
        let mut request = exchange.request;
        let uses_row_set = label.contains("row_set");
        if let (Some(row_set), true) = (&self.row_set, uses_row_set) {
            replace(&mut request, &RECORDED_SET, row_set);
        }
        let client = self.clients.get_mut(&tag).unwrap();
        client.send_raw(&request).await;
        let Some(mut expected) = exchange.answer else {
            // DISCONNECT has no answer; the next step is on a new connection
            assert_eq!(client.read_to_end().await.unwrap(), b"", "{label}");
            self.clients.remove(&tag);
            return;
        };
        let mut answer = client.receive_raw().await.unwrap();
        if label.ends_with("tql_fetch_size_2") {
            let at = expected.windows(8).position(|bytes| bytes == RECORDED_SET).unwrap();
            self.row_set = Some(answer[at..at + 8].to_vec());
            answer[at..at + 8].copy_from_slice(&RECORDED_SET);
        }
        replace(&mut expected, &RECORDED, &wire_address(self.address));
        compare(&label, &expected, &answer);
        self.compared += 1;
    }
}

/// The bytes or, for an error, everything except its text.
fn compare(label: &str, expected: &[u8], answer: &[u8]) {
    let (wanted, got) = (Answer::parse(expected), Answer::parse(answer));
    assert_eq!((wanted.statement, wanted.id, wanted.status), (got.statement, got.id, got.status), "{label}");
    assert_eq!(wanted.error(), got.error(), "{label}");
    assert_eq!(expected[..16], answer[..16], "{label}: envelope");
    if wanted.status == 0 {
        assert_eq!(hex(expected), hex(answer), "{label}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Creates a container and drops it, so that the partition continues with the captured id.
async fn use_up_id(client: &mut Client, partition: i32) {
    assert_eq!(client.put_table("used_up", partition).await.status, 0);
    let body = Bytes::new().i32(0).raw(&container_key("used_up").0).u8(0xff);
    assert_eq!(client.call(DROP_CONTAINER, partition, body).await.status, 0);
}

#[tokio::test]
async fn one_node_answers_as_captured() {
    let node = TestNode::start(Options::new()).await.unwrap();
    let mut client = Client::open(node.address()).await;
    for (partition, ids) in [(125, 1), (6, 2), (32, 2)] {
        for _ in 0..ids {
            use_up_id(&mut client, partition).await;
        }
    }
    client.disconnect().await;
    let mut replay = Replay::new(node.address());
    replay.run("01-handshake.txt", true).await;
    replay.clients.clear();
    for file in [
        "02-cluster.txt",
        "03-container.txt",
        "04-rows.txt",
        "05-query.txt",
        "06-transaction.txt",
        "07-errors.txt",
    ] {
        replay.run(file, false).await;
    }
    assert_eq!(replay.compared, 11 + 2 + 10 + 22 + 15 + 17 + 7);
}

#[tokio::test]
async fn a_node_outside_its_cluster_answers_as_captured() {
    let node = TestNode::start(Options::new()).await.unwrap();
    let mut replay = Replay::new(node.address());
    let client = Client::open(node.address()).await;
    replay.clients.insert(String::new(), client);
    // the first answer of a connection contains the node's address, and that of `label.new` comes afterwards
    node.leave_cluster(true);
    replay.run("08-left-cluster.txt", false).await;
    assert_eq!(replay.compared, 7);
    node.leave_cluster(false);
    let mut client = Client::open(node.address()).await;
    let table = client.table("back", 128).await;
    assert!(!client.put(table, "a", 1).await);
}
