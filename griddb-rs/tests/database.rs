//! A database besides `public`.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use common::*;
use griddb_rs::{Client, ErrorKind};
use griddb_test_node::{Options, TestNode};

async fn node_with_databases() -> TestNode {
    node_with(Options::new().database("own").database("others")).await
}

async fn connect_to(node: &TestNode, database: &str) -> Client {
    let options = url(node, "").replace("/gridauth?", &format!("/gridauth/{database}?"));
    Client::connect(&options).await.unwrap()
}

#[tokio::test]
async fn equal_names_are_separate_containers_in_each_database() {
    let node = node_with_databases().await;
    let public = connect(&node).await;
    let (named, own, others) = (
        connect_to(&node, "public").await,
        connect_to(&node, "own").await,
        connect_to(&node, "others").await,
    );
    for (number, client) in [(1i64, &public), (2, &own), (3, &others)] {
        let rows = rows(client).await;
        assert_eq!(common::number(&rows).await, None);
        rows.put(("k", number)).await.unwrap();
    }
    for (expected, client) in [(1, &public), (1, &named), (2, &own), (3, &others)] {
        assert_eq!(common::number(&rows(client).await).await, Some(expected));
    }
    own.drop_collection("rows").await.unwrap();
    assert_eq!(own.open("rows").await.unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert_eq!(common::number(&public.open("rows").await.unwrap()).await, Some(1));
    assert_eq!(common::number(&others.open("rows").await.unwrap()).await, Some(3));
}

/// Every statement that names a container carries the database, also on later connections.
#[tokio::test]
async fn everything_works_in_a_database_even_after_a_lost_connection() {
    let node = node_with_databases().await;
    let client = connect_to(&node, "own").await;
    let rows = client.open_or_create("rows", &schema().index("n")).await.unwrap();
    rows.put_many(&[("a", 1i64), ("b", 2)]).await.unwrap();
    node.sync();
    node.crash_and_restart().await.unwrap();
    assert!(soon(rows.get("a")).await.unwrap().is_some());
    assert!(soon(rows.update("k", raise)).await.unwrap());
    let mut transaction = rows.transaction();
    transaction.lock("a").await.unwrap();
    transaction.put(("a", 5i64)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(rows.query("select * where n = 5").rows().await.unwrap().len(), 1);
    assert!(rows.take("b").await.unwrap().is_some());
    assert_eq!(connect(&node).await.open("rows").await.unwrap_err().kind(), ErrorKind::ContainerMissing);
}
