//! Both databases, run through the conformance kit of stores.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicUsize, Ordering};

use gridauth::Store;
use gridauth::store::conformance;
use gridauth_test_stores::Postgres;

async fn open(url: &str) -> Store {
    gridauth_sqlx::register().unwrap();
    Store::open(url).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    let Some(server) = Postgres::find() else { return };
    let url = server.fresh();
    let store = open(&url).await;
    let report = conformance::check(|| async { store.clone() }).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.passed.len(), conformance::cases().count());
}

/// Two pools to one database, as two processes have them, without a cache, so that reads come from the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_through_two_handles() {
    let Some(server) = Postgres::find() else { return };
    let url = server.with("client_cache=0s&max_connections=4&schema=Other%20name");
    let (one, other) = (open(&url).await, open(&url).await);
    let report = conformance::check_shared(|| async { [one.clone(), other.clone()] }).await;
    assert!(report.is_clean(), "{report}");
}

/// As through a pooler that does not know prepared statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_without_prepared_statements() {
    let Some(server) = Postgres::find() else { return };
    let url = format!("{}&prepared=false&client_cache=0s", server.fresh());
    let store = open(&url).await;
    let report = conformance::check(|| async { store.clone() }).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    let report = conformance::check(|| async {
        let path = directory.path().join(format!("{}.db", count.fetch_add(1, Ordering::Relaxed)));
        open(&format!("sqlite:{}", path.display())).await
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.passed.len(), conformance::cases().count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_through_two_handles() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?client_cache=0s", directory.path().join("auth.db").display());
    let (one, other) = (open(&url).await, open(&url).await);
    let report = conformance::check_shared(|| async { [one.clone(), other.clone()] }).await;
    assert!(report.is_clean(), "{report}");
}
