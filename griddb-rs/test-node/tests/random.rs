//! Whatever bytes arrive, the node still answers others.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::{Bytes, Client, Mode, Table};
use griddb_test_node::{Options, Statement, TestNode};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A statement with a plausible start and arbitrary bytes after it.
#[derive(Debug, Clone)]
struct Wild {
    statement: i32,
    partition: i32,
    id: i64,
    /// Whether the fixed part of a row statement comes first.
    headed: bool,
    bytes: Vec<u8>,
}

fn wild() -> impl Strategy<Value = Wild> {
    let statement = prop_oneof![
        9 => proptest::sample::select(Statement::ALL).prop_map(Statement::number),
        1 => any::<i32>(),
    ];
    // small numbers make plausible counts and sizes
    let byte = prop_oneof![Just(0_u8), 0..8_u8, any::<u8>()];
    (statement, 0..4_i32, any::<i64>(), any::<bool>(), proptest::collection::vec(byte, 0..120)).prop_map(
        |(statement, partition, id, headed, bytes)| Wild { statement, partition, id, headed, bytes },
    )
}

async fn survives(sent: &[Wild]) {
    let node = TestNode::start(Options::new().partitions(4)).await.unwrap();
    let mut bystander = Client::open(node.address()).await;
    let mut client = Client::open(node.address()).await;
    let table = client.table("t@1", 4).await;
    client.put(table, "a", 1).await;
    for wild in sent {
        let head = if wild.headed {
            client.row_head(Table { partition: wild.partition, ..table }, Mode::AUTO)
        } else {
            Bytes::new()
        };
        if !client.try_send(wild.statement, wild.partition, wild.id, head.raw(&wild.bytes)).await {
            break;
        }
    }
    // until all of it was processed, or the connection was reset
    client.try_send(101, 0, 1, Bytes::new().i32(0)).await;
    drop(client.read_to_end().await);
    assert_eq!(PANICS.load(Relaxed), 0);
    // only a row that points outside its message may end the node, as it ends a real one
    let question = Bytes::new().i32(0).u8(1);
    bystander.try_send(104, 0, 1, question).await;
    let Ok(answer) = bystander.receive_raw().await else {
        node.crash_and_restart().await.unwrap();
        return;
    };
    assert_eq!(common::Answer::parse(&answer).status, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]
    #[test]
    fn only_messages_that_stop_a_real_node_stop_this_one(sent in proptest::collection::vec(wild(), 1..30)) {
        std::panic::set_hook(Box::new(|_| {
            PANICS.fetch_add(1, Relaxed);
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(survives(&sent));
    }
}
