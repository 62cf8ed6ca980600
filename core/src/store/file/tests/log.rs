//! Records in the log are never lost, however far the database is; damaged and foreign logs are refused.

use super::*;
use crate::store::{By, Query};

/// A store whose database applies nothing until the returned gate is dropped.
async fn open_with_held_database(disk: &Disk) -> (FileStore, disk::ClosedGate) {
    let store = open(disk).await;
    let gate = disk.close_gate_of_applier();
    (store, gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_only_the_log_has_survive_a_crash() {
    let disk = Disk::default();
    let (store, gate) = open_with_held_database(&disk).await;
    for number in 0..40 {
        store.insert(key(&format!("first {number}")), row(number)).await.unwrap();
    }
    // The database applies the first file and blocks; writes go on in the second file.
    disk.wait_for_sync();
    store.remove(key("first 0")).await.unwrap();
    add(&store, "first 1").await.unwrap();
    store.insert(key("second"), row(7)).await.unwrap();
    let crashed = disk.after_power_cut();
    drop(gate);

    let after = open(&crashed).await;
    assert_eq!(number(&after, "first 0").await, None);
    assert_eq!(number(&after, "first 1").await, Some(2));
    assert_eq!(number(&after, "first 39").await, Some(39));
    assert_eq!(number(&after, "second").await, Some(7));
    let listed = after.list(Query::new(Kind::Grant, By::User("user")).limit(100)).await.unwrap();
    assert_eq!(listed.entries.len(), 40);
    until_quiet(&after).await;
    assert_eq!(number(&after, "first 1").await, Some(2));
    drop(after);
    assert!(crashed.log_files().iter().all(Vec::is_empty), "a closed store has no log");
    assert_eq!(number(&open(&crashed).await, "second").await, Some(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_crashes_before_the_database_applies_recovered_records() {
    let disk = Disk::default();
    let (store, gate) = open_with_held_database(&disk).await;
    store.insert(key("row"), row(1)).await.unwrap();
    let disk = disk.after_power_cut();
    drop(gate);
    drop(store);

    // The other file is free, so writes go on while the database is behind.
    let gate = disk.close_gate_of_applier();
    let store = open(&disk).await;
    assert_eq!(number(&store, "row").await, Some(1));
    add(&store, "row").await.unwrap();
    let disk = disk.after_power_cut();
    drop(gate);
    drop(store);

    // Both files are in use, so writes wait for the database.
    let gate = disk.close_gate_of_applier();
    let store = Arc::new(open(&disk).await);
    assert_eq!(number(&store, "row").await, Some(2));
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { add(&store, "row").await }
    });
    disk.wait_for_sync();
    until(|| store.shared.queue.length() == 1).await;
    let disk_then = disk.after_power_cut();
    drop(gate);
    waiting.await.unwrap().unwrap();
    assert_eq!(number(&open(&disk_then).await, "row").await, Some(2));
    assert_eq!(number(&open(&disk.after_power_cut()).await, "row").await, Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_include_records_that_only_the_log_had() {
    let disk = Disk::default();
    let store = open(&disk).await;
    for number in 0..20 {
        store.insert(key(&number.to_string()), row(number)).await.unwrap();
        let listed = store.list(Query::new(Kind::Grant, By::User("user")).limit(100)).await.unwrap();
        assert_eq!(listed.entries.len(), number + 1);
    }
    assert_eq!(store.remove_expired(Kind::Grant, NOW, 100).await.unwrap(), 20);
    let listed = store.list(Query::new(Kind::Grant, By::Any)).await.unwrap();
    assert!(listed.entries.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_waits_for_a_database_that_is_far_behind() {
    let disk = Disk::default();
    let (store, gate) = open_with_held_database(&disk).await;
    let store = Arc::new(store);
    let large = |number: usize| Row::new(NOW, format!("{number:060000}").repeat(16));
    let writes: Vec<_> = (0..60)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.insert(key(&number.to_string()), large(number)).await.unwrap() })
        })
        .collect();
    disk.wait_for_sync();
    // Without a bound, all of them would be written in this time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        disk.log_files().iter().all(|file| file.len() < 40 << 20),
        "{:?}",
        disk.log_files().map(|file| file.len())
    );
    drop(gate);
    for write in writes {
        assert!(write.await.unwrap());
    }
    drop(store);
    let after = open(&disk).await;
    for number in 0..60 {
        assert_eq!(*after.get(key(&number.to_string())).await.unwrap().unwrap(), large(number));
    }
}

/// A disk on which the log has five batches and the database none of them.
async fn disk_with_log() -> Disk {
    let disk = Disk::default();
    let (store, gate) = open_with_held_database(&disk).await;
    for number in 0..5 {
        store.insert(key(&number.to_string()), row(number)).await.unwrap();
    }
    let crashed = disk.after_power_cut();
    drop(gate);
    drop(store);
    crashed
}

/// The file of the disk that has the first batches.
const FIRST: usize = 2;
const PAGE: usize = 4096;
const HEADER_PAGE: usize = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incomplete_last_batch_is_ignored() {
    let disk = disk_with_log().await;
    for cut in [1, 35, 60].map(|cut| (HEADER_PAGE + 4) * PAGE + cut) {
        let disk = disk.after_power_cut();
        disk.damage(FIRST, |log| log[cut..].fill(0));
        let store = open(&disk).await;
        assert_eq!(number(&store, "3").await, Some(3));
        assert_eq!(number(&store, "4").await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_before_the_last_batch_is_refused() {
    let disk = disk_with_log().await;
    for batch in 0..4 {
        for at in [9, 30, 44, 70] {
            let disk = disk.after_power_cut();
            disk.damage(FIRST, |log| log[(HEADER_PAGE + batch) * PAGE + at] ^= 4);
            let before = disk.log_files();
            let error = try_open(&disk, 0, 0).await.map(drop).unwrap_err();
            assert!(error.reason.contains("log"), "{error}");
            assert!(error.reason.contains("damaged") || error.reason.contains("another"), "{error}");
            assert_eq!(disk.log_files(), before);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_of_other_stores_are_refused() {
    let disk = disk_with_log().await;
    let other = disk_with_log().await.log_files();
    let refused = async |content: Vec<u8>, reason: &str| {
        let disk = disk.after_power_cut();
        disk.damage(FIRST, |log| *log = content);
        let error = try_open(&disk, 0, 0).await.map(drop).unwrap_err();
        assert!(error.reason.contains(reason), "{error}");
    };
    refused(b"my own file".to_vec(), "not a log").await;
    refused(other[FIRST - 1].clone(), "another store").await;
    let misplaced = disk.after_power_cut();
    misplaced.damage(1, |log| *log = disk.log_files()[FIRST - 1].clone());
    assert!(try_open(&misplaced, 0, 0).await.is_err());
}

/// An old copy of the database beside a newer log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_continue_the_database_is_refused() {
    let disk = Disk::default();
    let store = open(&disk).await;
    store.insert(key("first"), row(7)).await.unwrap();
    let old = disk.after_power_cut();
    for number in 0..3 {
        store.insert(key(&number.to_string()), row(number)).await.unwrap();
        until_quiet(&store).await;
    }
    let [first, second] = disk.log_files();
    old.damage(1, |log| *log = first);
    old.damage(2, |log| *log = second);
    let error = try_open(&old, 0, 0).await.map(drop).unwrap_err();
    assert!(error.reason.contains("missing"), "{error}");
}

/// Records that the database could not apply stay in the log, and the store continues when it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_recovers_from_a_failing_database() {
    let disk = Disk::default();
    let store = open(&disk).await;
    let gate = disk.close_gate_of_applier();
    store.insert(key("row"), row(1)).await.unwrap();
    disk.wait_for_sync();
    add(&store, "row").await.unwrap();
    disk.set_broken(true);
    drop(gate);
    // A listing has to wait for the database, and is refused. Reads go on.
    let error = store.list(Query::new(Kind::Grant, By::Any)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    for _ in 0..20 {
        assert_eq!(number(&store, "row").await, Some(2));
        assert_eq!(number(&store, "other").await, None);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    disk.set_broken(false);
    until_quiet(&store).await;
    assert_eq!(store.list(Query::new(Kind::Grant, By::Any)).await.unwrap().entries.len(), 1);
    assert_eq!(number(&store, "row").await, Some(2));
    assert_eq!(add(&store, "row").await.unwrap(), Updated::Replaced);
    drop(store);
    assert_eq!(number(&open(&disk.after_power_cut()).await, "row").await, Some(3));
}
