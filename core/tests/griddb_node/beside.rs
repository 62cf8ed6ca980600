//! The store beside the application's own containers: they stay as they are.

use griddb_rs::{Client, Collection, ColumnType, Schema, Timestamp};

use super::support::*;
use super::{node, open};

/// Containers of the application under the names that gridauth's would have without their prefix, with other columns.
const OWN: [&str; 6] = ["USERS", "CLIENTS", "GRANTS_00@0", "SESSIONS", "LAYOUT", "orders"];

async fn own(client: &Client) -> Vec<Collection> {
    // Expired rows, in a column of the same name.
    let schema = Schema::new()
        .key("id", ColumnType::String)
        .column("expires", ColumnType::Timestamp)
        .column("price", ColumnType::Double)
        .index("expires");
    let mut own = Vec::new();
    for name in OWN {
        let collection = client.open_or_create(name, &schema).await.unwrap();
        for number in 0..3 {
            let id = if number == 0 { "israel".to_owned() } else { format!("row-{number}") };
            collection.put(&(id, Timestamp::from_millis(1), f64::from(number))).await.unwrap();
        }
        own.push(collection);
    }
    own
}

async fn rows(collection: &Collection) -> Vec<(String, Timestamp, f64)> {
    let mut rows: Vec<_> = collection.query("select *").rows_as().await.unwrap();
    rows.sort_by(|one: &(String, Timestamp, f64), other| one.0.cmp(&other.0));
    rows
}

#[tokio::test]
async fn the_applications_own_containers_stay_as_they_are() {
    let node = node().await;
    let url = format!("griddb://admin:admin@{}/gridauth", node.address());
    let client = Client::connect(&url).await.unwrap();
    let own = own(&client).await;
    let mut before = Vec::new();
    for collection in &own {
        before.push(rows(collection).await);
    }
    let names = node.container_names();

    let store = open(&node, "prefix=AUTH_").await;
    let server = server_with(|builder| builder.store(store)).await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let (_, rotated) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    server.advance(100 * 24 * 3600);
    assert!(server.auth.sweep().await.unwrap() > 0);
    assert!(server.auth.authenticate_token(&string(&rotated, "access_token")).await.is_err());
    server.auth.revoke_user("israel").await.unwrap();
    assert!(server.auth.remove_user("israel").await.unwrap());
    assert!(server.auth.remove_client("web").await.unwrap());

    for (collection, before) in own.iter().zip(before) {
        assert_eq!(rows(collection).await, before, "{}", collection.name());
        let opened = client.open(&collection.name().to_string()).await.unwrap();
        assert_eq!(opened.schema().columns().len(), 3, "{}", collection.name());
    }
    let made: Vec<_> = node.container_names().into_iter().filter(|name| !names.contains(name)).collect();
    assert!(made.len() > 10, "{made:?}");
    assert!(made.iter().all(|name| name.starts_with("AUTH_")), "{made:?}");
    assert_eq!(node.container_names().len(), names.len() + made.len());
}

/// The start with the prefix that there is unless another is given.
#[tokio::test]
async fn unless_told_otherwise_all_names_begin_with_gridauth() {
    let node = node().await;
    open(&node, "").await;
    let names = node.container_names();
    assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("GRIDAUTH_")), "{names:?}");
}
