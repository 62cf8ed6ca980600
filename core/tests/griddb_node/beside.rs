//! The store next to the application's own containers, which it leaves alone.

use gridauth::Store;
use gridauth::store::{By, Key, Kind, Query};
use griddb_rs::{Client, Collection, ColumnType, Schema, Timestamp};
use griddb_test_node::Options;

use super::support::*;
use super::{node, node_with, open, second};

/// Application containers with the names of gridauth's without the prefix, and other columns.
const OWN: [&str; 6] = ["USERS", "CLIENTS", "GRANTS_00@0", "SESSIONS", "LAYOUT", "orders"];

async fn own(client: &Client) -> Vec<Collection> {
    // Expired rows, in a column with the same name.
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
async fn the_applications_containers_are_left_alone() {
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
    assert!(!server.is_valid(&rotated).await);
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

/// What docs/griddb.md recommends: the application in `public`, gridauth in its own database.
#[tokio::test]
async fn a_separate_database_is_isolated_from_public() {
    let node = node_with(Options::new().database("own")).await;
    let public = Client::connect(&node.url()).await.unwrap();
    let own_containers = own(&public).await;
    let apart = format!("{}/own?grant_containers=4", node.url());
    let store = Store::open(&apart).await.unwrap();
    let server = server_with(|builder| builder.store(store)).await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;

    // The same names in the other database: none of its rows are there.
    let other = open(&node, "").await;
    assert!(other.list(Query::new(Kind::Grant, By::Any)).await.unwrap().entries.is_empty());
    assert!(other.get(Key::new(Kind::User, "israel")).await.unwrap().is_none());
    let elsewhere = server_with(|builder| builder.store(other)).await;
    assert!(!elsewhere.is_valid(&tokens).await);
    assert!(elsewhere.auth.remove_user("israel").await.unwrap());

    // All of it works there, also on a later connection and in another process.
    node.sync();
    node.crash_and_restart().await.unwrap();
    let (status, rotated) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200, "{rotated}");
    let again = second(Store::open(&apart).await.unwrap(), &server).await;
    let access = string(&rotated, "access_token");
    assert!(again.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_ok());
    server.auth.revoke_user("israel").await.unwrap();
    assert!(again.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_err());
    for container in &own_containers {
        assert_eq!(rows(container).await.len(), 3, "{}", container.name());
    }
}

/// Opens the store with the default prefix.
#[tokio::test]
async fn by_default_all_names_start_with_gridauth() {
    let node = node().await;
    open(&node, "").await;
    let names = node.container_names();
    assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("GRIDAUTH_")), "{names:?}");
}
