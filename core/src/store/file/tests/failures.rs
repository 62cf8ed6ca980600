//! Disk failures: every caller gets an error, nothing is left half done, and the store continues when the disk does.

use tokio::sync::oneshot;

use super::super::queue::{Operation, Until};
use super::super::shared::wait;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_breaks_refuses_writes_until_it_works() {
    let disk = Disk::default();
    let store = open(&disk).await;
    store.insert(key("before"), row(1)).await.unwrap();
    until_quiet(&store).await;

    disk.set_broken(true);
    let error = store.insert(key("during"), row(2)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "the log could not be truncated either");
    for _ in 0..3 {
        let error = add(&store, "before").await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(number(&store, "before").await, Some(1));
        store.ping().await.unwrap();
    }

    disk.set_broken(false);
    assert_eq!(add(&store, "before").await.unwrap(), Updated::Replaced);
    assert_eq!(number(&store, "before").await, Some(2));
    assert_eq!(number(&store, "during").await, None);
    let after = open(&disk.after_power_cut()).await;
    assert_eq!((number(&after, "before").await, number(&after, "during").await), (Some(2), None));
}

/// Without caches, so that every read goes to the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_while_the_disk_is_full() {
    let disk = Disk::default();
    let store = Arc::new(open_with_caches(&disk, 0, 0).await);
    for number in 0..200 {
        store.insert(key(&number.to_string()), row(number)).await.unwrap();
    }
    until_quiet(&store).await;
    disk.set_full(true);
    let reader = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for round in 0..2000 {
                let id = round % 200;
                assert_eq!(number(&store, &id.to_string()).await, Some(id));
                tokio::task::yield_now().await;
            }
        }
    });
    // First the log has room for some writes, and in the end for none.
    let large = || Row::new(NOW, "x".repeat(30_000));
    let mut failures = 0;
    for number in 0..60 {
        match store.insert(key(&format!("large {number}")), large()).await {
            Ok(created) => assert!(created),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                failures += 1;
            }
        }
    }
    assert!(failures > 0);
    reader.await.unwrap();
    let before = disk.log_syncs();
    disk.set_full(false);
    assert!(store.insert(key("after"), large()).await.unwrap());
    assert!(disk.log_syncs() > before);
    until_quiet(&store).await;
    let after = open(&disk.after_power_cut()).await;
    assert_eq!(*after.get(key("after")).await.unwrap().unwrap(), large());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_that_depend_on_a_failed_write_fail() {
    let disk = Disk::default();
    let store = Arc::new(open(&disk).await);
    store.insert(key("row"), row(0)).await.unwrap();
    until_quiet(&store).await;

    let gate = disk.close_gate();
    let spawn_add = || {
        let store = Arc::clone(&store);
        tokio::spawn(async move { add(&store, "row").await })
    };
    let first = spawn_add();
    disk.wait_for_sync();
    let queued: Vec<_> = (0..40).map(|_| spawn_add()).collect();
    let insert_again = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.insert(key("row"), row(9)).await }
    });
    until(|| store.shared.queue.length() == 41).await;
    disk.set_broken(true);
    drop(gate);
    // The outcome of the first is unknown. The others were queued behind it and not written.
    assert_eq!(first.await.unwrap().unwrap_err().kind(), StoreErrorKind::OutcomeUnknown);
    for add in queued {
        assert_eq!(add.await.unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    assert_eq!(insert_again.await.unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);

    disk.set_broken(false);
    let left = number(&store, "row").await.unwrap();
    assert!(left <= 1, "{left} updates were done, but only the first can have been");
    assert_eq!(
        number(&open(&disk.after_power_cut()).await, "row").await,
        Some(left),
        "readers see what is on the disk"
    );
    assert_eq!(add(&store, "row").await.unwrap(), Updated::Replaced);
    assert_eq!(number(&store, "row").await, Some(left + 1));
}

/// Damage to any page of an open store: every operation returns, and no thread dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_under_an_open_store() {
    let disk = Disk::default();
    // Without caches, so that the damage is read.
    let store = open_with_caches(&disk, 0, 0).await;
    for number in 0..400 {
        store.insert(key(&number.to_string()), row(number)).await.unwrap();
    }
    until_quiet(&store).await;
    drop(store);
    let mut corrupt = 0;
    let mut seed = 7_u64;
    for round in 0..24 {
        let disk = disk.after_power_cut();
        let store = open_with_caches(&disk, 0, 0).await;
        disk.damage(0, |content| {
            for page in content.chunks_mut(4096).skip(1) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if seed >> 62 == 0 || round == 0 {
                    let at = (seed >> 20) as usize % page.len();
                    page[at..]
                        .iter_mut()
                        .take(1 << (round % 12))
                        .for_each(|byte| *byte = byte.wrapping_add(round + 1));
                }
            }
        });
        for number in 0..400 {
            let id = number.to_string();
            match store.get(key(&id)).await {
                Ok(Some(found)) => assert_eq!(*found, row(number)),
                Ok(None) => {}
                Err(error) => corrupt += usize::from(error.kind() == StoreErrorKind::Corrupt),
            }
        }
        let _ = add(&store, "200").await;
        let _ = store.remove_expired(Kind::Grant, NOW, 50).await;
        let query = crate::store::Query::new(Kind::Grant, crate::store::By::User("user"));
        let _ = store.list(query).await;
        let _ = store.ping().await;
    }
    assert!(corrupt > 0, "no damage was detected");
}

/// This holds for a listing, too, that found the file open a moment ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_fail_while_the_file_cannot_be_reopened() {
    let disk = Disk::default();
    let store = open(&disk).await;
    store.insert(key("id"), row(1)).await.unwrap();
    until_quiet(&store).await;
    disk.damage(0, |content| content.fill(0x5a));
    let queue = &store.shared.queue;
    queue.ask_to_reopen();
    until(|| store.shared.base().is_none()).await;
    let (answer, outcome) = oneshot::channel();
    let room = queue.room_for(1).await.unwrap();
    let result = match queue.push(Operation { until: Until::InDatabase, answer }, room) {
        Ok(()) => tokio::time::timeout(Duration::from_secs(10), wait(outcome)).await.expect("an answer"),
        Err(refused) => Err(refused),
    };
    assert_eq!(result.unwrap_err().kind(), StoreErrorKind::Unavailable);
}
