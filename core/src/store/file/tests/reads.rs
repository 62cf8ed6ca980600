//! Reads are never stale.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cache_hits_share_one_row() {
    let disk = Disk::default();
    let store = open(&disk).await;
    store.insert(key("id"), row(1)).await.unwrap();
    let first = store.get(key("id")).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &store.get(key("id")).await.unwrap().unwrap()));

    let store = open(&disk.after_power_cut()).await;
    let first = store.get(key("id")).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &store.get(key("id")).await.unwrap().unwrap()));
}

/// A reader that misses during a write of the row must not cache the old version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miss_during_a_write_caches_nothing_stale() {
    let disk = Disk::default();
    {
        let store = open(&disk).await;
        store.insert(key("changes"), row(1)).await.unwrap();
        store.insert(key("goes"), row(1)).await.unwrap();
    }
    let store = Arc::new(open(&disk).await);
    until_quiet(&store).await;
    // The cache is still empty.
    let gate = disk.close_gate();
    let writes = ["changes", "goes"].map(|id| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            if id == "goes" {
                assert!(store.remove(key(id)).await.unwrap());
            } else {
                assert_eq!(add(&store, id).await.unwrap(), Updated::Replaced);
            }
        })
    });
    disk.wait_for_sync();
    until(|| {
        ["changes", "goes"].iter().all(|id| store.shared.pending.lock(key(id)).ahead(key(id)).is_some())
    })
    .await;
    for _ in 0..3 {
        assert_eq!(number(&store, "changes").await, Some(1));
        assert_eq!(number(&store, "goes").await, Some(1));
    }
    drop(gate);
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(number(&store, "changes").await, Some(2));
    assert_eq!(number(&store, "goes").await, None);
}

/// A reader that is slow to read the old version must not cache it after the new version was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_miss_caches_nothing_stale() {
    let disk = Disk::default();
    {
        let store = open(&disk).await;
        store.insert(key("changes"), row(1)).await.unwrap();
        // More than fit into the page that the store keeps.
        for number in 0..300 {
            store.insert(key(&number.to_string()), row(number)).await.unwrap();
        }
    }
    // Rows are cached but pages are not, so the reader goes to the disk.
    let store = Arc::new(open_with_caches(&disk, 1 << 20, 0).await);
    let held = disk.hold_reads();
    let reader = std::thread::Builder::new().name(disk::HELD_READER.to_owned()).spawn({
        let store = Arc::clone(&store);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(number(&store, "changes"))
        }
    });
    until(|| disk.holds_a_read()).await;
    let write = tokio::spawn({
        let store = Arc::clone(&store);
        async move { add(&store, "changes").await.unwrap() }
    });
    // Without the wait for the reader, the write would be done in this time.
    tokio::time::sleep(Duration::from_millis(150)).await;
    drop(held);
    assert_eq!(write.await.unwrap(), Updated::Replaced);
    assert_eq!(reader.unwrap().join().unwrap(), Some(1));
    assert_eq!(number(&store, "changes").await, Some(2));
}

/// Many readers and writers of few rows, with a cache for hardly any of them: a read returns at least the version that was
/// answered before it started.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_stale() {
    const ROWS: usize = 12;
    const WRITES: usize = 120;
    let disk = Disk::default();
    let store = Arc::new(open_with_caches(&disk, 6 * 400, 1 << 20).await);
    let answered: Arc<Vec<AtomicUsize>> = Arc::new((0..ROWS).map(|_| AtomicUsize::new(0)).collect());
    for id in 0..ROWS {
        store.insert(key(&id.to_string()), row(0)).await.unwrap();
    }
    let mut tasks = Vec::new();
    for id in 0..ROWS {
        let (store, answered) = (Arc::clone(&store), Arc::clone(&answered));
        tasks.push(tokio::spawn(async move {
            let id_text = id.to_string();
            for write in 1..=WRITES {
                match write % 10 {
                    9 => {
                        // Removed for a moment, then back with a higher number.
                        assert!(store.remove(key(&id_text)).await.unwrap());
                        assert_eq!(number(&store, &id_text).await, None);
                        assert!(store.insert(key(&id_text), row(write)).await.unwrap());
                    }
                    5 => store.put(key(&id_text), row(write)).await.unwrap(),
                    _ => {
                        let updated = store.update(key(&id_text), &mut |_| Change::Replace(row(write))).await;
                        assert_eq!(updated.unwrap(), Updated::Replaced);
                    }
                }
                answered[id].store(write, Ordering::SeqCst);
            }
        }));
    }
    for reader in 0..6 {
        let (store, answered) = (Arc::clone(&store), Arc::clone(&answered));
        tasks.push(tokio::spawn(async move {
            let mut at = reader;
            while answered.iter().any(|row| row.load(Ordering::SeqCst) < WRITES) {
                at = (at * 5 + 7) % ROWS;
                let least = answered[at].load(Ordering::SeqCst);
                if let Some(seen) = number(&store, &at.to_string()).await {
                    assert!(seen >= least, "row {at}: {seen} was read after {least} was answered");
                }
                tokio::task::yield_now().await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for id in 0..ROWS {
        assert_eq!(number(&store, &id.to_string()).await, Some(WRITES));
    }
}

/// Rows in the database are found, and not inserted twice, in whatever order their ids were added.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_found_in_any_order_of_ids() {
    let disk = Disk::default();
    let uuid = |number: u128| uuid::Uuid::from_u128(number << 64).hyphenated().to_string();
    let grants =
        [uuid(5), uuid(9), "text".to_owned(), uuid(7), uuid(1), uuid(12), "zzz".to_owned(), uuid(11)];
    let store = open_with_caches(&disk, 0, 0).await;
    let others = [Kind::Client, Kind::Session, Kind::Custom].map(|kind| Key::new(kind, "other"));
    for other in others {
        assert!(store.insert(other, row(100)).await.unwrap());
    }
    for (number, id) in grants.iter().enumerate() {
        assert!(store.insert(key(id), row(number)).await.unwrap(), "{id}");
        assert!(!store.insert(key(id), row(99)).await.unwrap(), "{id}");
        until_quiet(&store).await;
        for (number, id) in grants[..=number].iter().enumerate() {
            assert_eq!(super::number(&store, id).await, Some(number), "{id}");
            assert!(!store.insert(key(id), row(99)).await.unwrap(), "{id}");
        }
        for id in &grants[number + 1..] {
            assert_eq!(super::number(&store, id).await, None, "{id}");
        }
    }
    // The last one is removed and added again.
    assert!(store.remove(key(&uuid(12))).await.unwrap());
    until_quiet(&store).await;
    assert_eq!(super::number(&store, &uuid(12)).await, None);
    assert!(store.insert(key(&uuid(12)), row(12)).await.unwrap());
    for other in others {
        assert!(store.get(other).await.unwrap().is_some());
    }
}

/// Rows that are only written are not cached; cached rows are replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_nobody_reads_are_not_cached() {
    let disk = Disk::default();
    let store = open(&disk).await;
    store.insert(key("id"), row(1)).await.unwrap();
    until_quiet(&store).await;
    assert_eq!(store.shared.cache.weight(), 0);
    assert_eq!(number(&store, "id").await, Some(1));
    assert!(store.shared.cache.get(key("id")).is_some());
    add(&store, "id").await.unwrap();
    assert_eq!(store.shared.cache.get(key("id")).unwrap().body(), "2");
}

/// Opening a store after a crash syncs the database, which can take long. Nobody waits for that to read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_do_not_wait_for_the_first_sync() {
    let disk = Disk::default();
    {
        let store = open(&disk).await;
        for number in 0..300 {
            store.insert(key(&number.to_string()), row(number)).await.unwrap();
        }
    }
    let gate = disk.close_gate();
    let soon = Duration::from_secs(10);
    let store = tokio::time::timeout(soon, open_with_caches(&disk, 0, 0)).await.expect("an open store");
    disk.wait_for_sync();
    let read = async {
        for id in 0..300 {
            assert_eq!(number(&store, &id.to_string()).await, Some(id));
        }
    };
    tokio::time::timeout(soon, read).await.expect("answers");
    drop(gate);
    assert_eq!(add(&store, "7").await.unwrap(), Updated::Replaced);
}
