//! Listings of more rows than are sorted for each page.

use std::collections::BTreeSet;

use gridauth::env::Timestamp;
use gridauth::store::{By, Key, Kind, Query, Row};
use tokio::task::JoinSet;

use super::{node, open};

const MANY: usize = 5_200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_very_many_rows_is_listed_by_hash() {
    let node = node().await;
    let store = open(&node, "durability=server").await;
    let mut running = JoinSet::new();
    for worker in 0..20 {
        let store = store.clone();
        running.spawn(async move {
            for number in (worker..MANY).step_by(20) {
                let client = if number % 50 == 0 { "few" } else { "many" };
                let row = Row::new(Timestamp::from_millis(1), "{}").with_client(Some(client));
                assert!(store.insert(Key::new(Kind::Custom, &format!("row-{number}")), row).await.unwrap());
            }
        });
    }
    running.join_all().await;

    for (client, expected) in [("many", MANY - MANY / 50), ("few", MANY / 50)] {
        let (mut listed, mut rows, mut by_hash) = (BTreeSet::new(), 0, false);
        let mut query = Query::new(Kind::Custom, By::Client(client)).limit(90);
        loop {
            let page = store.list(query.clone()).await.unwrap();
            assert!(page.entries.iter().all(|entry| entry.row.client() == Some(client)));
            rows += page.entries.len();
            listed.extend(page.entries.into_iter().map(|entry| entry.id));
            let Some(next) = page.next else { break };
            by_hash |= next.0.contains(":h:");
            query = query.after(next);
        }
        assert_eq!((listed.len(), rows), (expected, expected), "{client}");
        assert_eq!(by_hash, client == "many");
    }
}
