//! The stores that come with gridauth, each run through the conformance kit.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridauth::Store;
use gridauth::store::conformance;
use gridauth::store::file::FileOptions;
use gridauth::store::memory::MemoryStore;
use gridauth_test_stores::{Counting, Minimal};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    let report = conformance::check(|| async { Store::memory() }).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.passed.len(), conformance::cases().count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_through_two_handles() {
    let report = conformance::check_shared(|| async {
        let store = Store::memory();
        [store.clone(), store]
    })
    .await;
    assert!(report.is_clean(), "{report}");
}

/// A store that uses the methods that the trait provides, as most do.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_provided_sweep() {
    let stores = Mutex::new(Vec::new());
    let report = conformance::check(|| async {
        let counting = Counting::all(MemoryStore::new());
        stores.lock().unwrap().push(counting.clone());
        Store::new(Minimal::new(counting))
    })
    .await;
    assert!(report.is_clean(), "{report}");
    // The kit's documentation states its size, for stores where each operation is a round trip.
    let operations: usize = stores.lock().unwrap().iter().map(Counting::count).sum();
    assert!((8_000..12_000).contains(&operations), "{operations} operations");
}

#[tokio::test]
async fn a_runtime_on_which_nothing_races_is_refused() {
    let report = conformance::check(|| async { Store::memory() }).await;
    assert_eq!(report.failures.len(), conformance::cases().count());
    assert!(report.failures[0].expected.contains("multi-thread"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn file() {
    let directory = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    let report = conformance::check(|| async {
        let path = directory.path().join(format!("{}.db", count.fetch_add(1, Ordering::Relaxed)));
        Store::open(&format!("file:{}", path.display())).await.unwrap()
    })
    .await;
    assert!(report.is_clean(), "{report}");
}

/// Without a cache, so that reads come from the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn file_without_cache_through_two_handles() {
    let directory = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    let report = conformance::check_shared(|| async {
        let path = directory.path().join(format!("{}.db", count.fetch_add(1, Ordering::Relaxed)));
        let store = Store::new(FileOptions::default().cache_bytes(0).open(path).await.unwrap());
        [store.clone(), store]
    })
    .await;
    assert!(report.is_clean(), "{report}");
}
