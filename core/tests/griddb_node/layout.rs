//! Setting up a database, and opening one that others have set up.

use gridauth::Store;
use gridauth::env::Timestamp;
use gridauth::store::{Key, Kind, Row};
use griddb_rs::{Client, ColumnType, Schema};
use tokio::task::JoinSet;

use super::warnings::Warnings;
use super::{node, open, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_set_up_a_database_at_once() {
    let node = node().await;
    let mut running = JoinSet::new();
    for number in 0..6 {
        // The first process to write the number decides for all.
        let url = format!("griddb://admin:admin@{}/gridauth?grant_containers={}", node.address(), number + 1);
        running.spawn(async move { Store::open(&url).await.unwrap() });
    }
    let stores = running.join_all().await;
    for (number, store) in stores.iter().enumerate() {
        let id = format!("row {number}");
        store.insert(Key::new(Kind::Grant, &id), Row::new(Timestamp::from_millis(1), "{}")).await.unwrap();
        for other in &stores {
            assert!(other.get(Key::new(Kind::Grant, &id)).await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn a_newer_layout_is_refused_and_other_prefixes_are_left_alone() {
    let node = node().await;
    let store = open(&node, "prefix=ONE_").await;
    let key = Key::new(Kind::Custom, "x");
    store.insert(key, Row::new(Timestamp::from_millis(1), "{}")).await.unwrap();
    assert!(open(&node, "prefix=TWO_").await.get(key).await.unwrap().is_none());

    let layout = Client::connect(&node.url()).await.unwrap().open("ONE_LAYOUT").await.unwrap();
    layout.put(&("layout", 2i64, 4i64)).await.unwrap();
    let error = Store::open(&url(&node, "prefix=ONE_")).await.unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
}

/// Other data of a newer version do not hide its version.
#[tokio::test]
async fn a_newer_layout_with_other_columns_is_recognised() {
    let node = node().await;
    let columns = Schema::new()
        .key("id", ColumnType::String)
        .column("grant_containers", ColumnType::Long)
        .column("version", ColumnType::Long)
        .nullable("more", ColumnType::String);
    let layout = Client::connect(&node.url()).await.unwrap();
    let layout = layout.open_or_create("GRIDAUTH_LAYOUT", &columns).await.unwrap();
    layout.put(&("layout", 4i64, 2i64, "more")).await.unwrap();
    let error = Store::open(&url(&node, "")).await.unwrap_err();
    assert!(error.to_string().contains("newer version") && error.to_string().contains("layout 2"), "{error}");
}

#[tokio::test]
async fn another_number_of_grant_containers_is_logged_and_ignored() {
    let node = node().await;
    let url = |options: &str| format!("{}?{options}", node.url());
    let warnings = Warnings::default();
    let _keeping = warnings.keep();
    for same in ["grant_containers=3", "grant_containers=3", ""] {
        Store::open(&url(same)).await.unwrap();
        assert_eq!(warnings.kept(), [""; 0], "{same}");
    }
    Store::open(&url("grant_containers=8")).await.unwrap();
    let kept = warnings.kept();
    assert_eq!(kept.len(), 1, "{kept:?}");
    for told in ["grant_containers", "asked=8", "stored=3"] {
        assert!(kept[0].contains(told), "{told} is not in {kept:?}");
    }
    let grants = |name: &String| name.starts_with("GRIDAUTH_GRANTS");
    assert_eq!(node.container_names().iter().filter(|name| grants(name)).count(), 3);
}
