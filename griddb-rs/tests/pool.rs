//! Several connections to a node.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use common::*;
use griddb_rs::{Client, Collection};

/// Collections in as many partitions as there are connections, so that each connection is used.
async fn collections(client: &Client, count: usize) -> Vec<Collection> {
    let mut collections = Vec::new();
    for partition in 0..count {
        let name = format!("rows_{partition}@{partition}");
        collections.push(client.open_or_create(&name, &schema()).await.unwrap());
    }
    collections
}

#[tokio::test]
async fn partitions_are_spread_over_the_connections() {
    let node = node().await;
    let client = Client::connect(&url(&node, "connections=3")).await.unwrap();
    let collections = collections(&client, 6).await;
    assert_eq!((client.stats().connections, node.counters().open_connections()), (3, 3));
    let calls: Vec<_> = (0..300)
        .map(|n| {
            let rows = collections[n % 6].clone();
            tokio::spawn(async move { rows.update("k", raise).await })
        })
        .collect();
    for call in calls {
        assert!(soon(call).await.unwrap().unwrap());
    }
    for rows in &collections {
        assert_eq!(number(rows).await, Some(50));
    }
    assert_eq!(client.stats().connections, 3);
    client.close().await;
    until(|| node.counters().open_connections() == 0).await;
}

#[tokio::test]
async fn each_connection_reconnects_on_its_own() {
    let node = node().await;
    let client = Client::connect(&url(&node, "connections=3")).await.unwrap();
    let collections = collections(&client, 3).await;
    for rows in &collections {
        rows.put(("k", 1i64)).await.unwrap();
    }
    node.sync();
    node.crash_and_restart().await.unwrap();
    for rows in &collections {
        assert_eq!(soon(number(rows)).await, Some(1));
    }
    assert_eq!((client.stats().connections, client.stats().connections_lost), (6, 3));
}
