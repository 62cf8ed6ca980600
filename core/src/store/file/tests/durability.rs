//! Answered writes are on the disk, and callers share syncs.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answered_writes_survive_a_power_cut() {
    let disk = Disk::default();
    let store = open(&disk).await;
    for round in 0..30 {
        let (id, other) = (format!("a{round}"), format!("b{round}"));
        assert!(store.insert(key(&id), row(round)).await.unwrap());
        let after = open(&disk.after_power_cut()).await;
        assert_eq!(number(&after, &id).await, Some(round));

        store.put(key(&other), row(round)).await.unwrap();
        assert_eq!(add(&store, &id).await.unwrap(), Updated::Replaced);
        let after = open(&disk.after_power_cut()).await;
        assert_eq!((number(&after, &id).await, number(&after, &other).await), (Some(round + 1), Some(round)));

        assert!(store.remove(key(&other)).await.unwrap());
        assert_eq!(number(&open(&disk.after_power_cut()).await, &other).await, None);
    }
    let later = Timestamp::from_millis(NOW.as_millis() + 1);
    assert_eq!(store.remove_expired(Kind::Grant, later, 10).await.unwrap(), 10);
    let after = open(&disk.after_power_cut()).await;
    assert_eq!(after.remove_expired(Kind::Grant, later, 1000).await.unwrap(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_not_answered_or_visible_before_they_are_durable() {
    let disk = Disk::default();
    let store = Arc::new(open(&disk).await);
    until_quiet(&store).await;
    let gate = disk.close_gate();
    let insert = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.insert(key("id"), row(1)).await.unwrap() }
    });
    disk.wait_for_sync();
    assert!(!insert.is_finished());
    assert_eq!(number(&store, "id").await, None);

    // A second insert finds the row of the first, which is not durable yet, so its answer has to wait.
    let again = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.insert(key("id"), row(2)).await.unwrap() }
    });
    until(|| store.shared.queue.length() == 1).await;
    assert!(!again.is_finished());

    drop(gate);
    assert_eq!((insert.await.unwrap(), again.await.unwrap()), (true, false));
    assert_eq!(number(&store, "id").await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_share_a_sync() {
    const CALLERS: usize = 64;
    let disk = Disk::default();
    let store = Arc::new(open(&disk).await);
    store.insert(key("counted"), row(0)).await.unwrap();
    until_quiet(&store).await;
    let before = disk.log_syncs();

    let gate = disk.close_gate();
    let spawn = |caller: usize| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            assert!(store.insert(key(&format!("row {caller}")), row(caller)).await.unwrap());
            // All callers update one row: each update sees the result of the one before, durable or not.
            assert_eq!(add(&store, "counted").await.unwrap(), Updated::Replaced);
        })
    };
    let first = spawn(0);
    disk.wait_for_sync();
    let others: Vec<_> = (1..CALLERS).map(spawn).collect();
    until(|| store.shared.queue.length() == CALLERS - 1).await;
    drop(gate);
    first.await.unwrap();
    for other in others {
        other.await.unwrap();
    }
    assert_eq!(number(&store, "counted").await, Some(CALLERS));
    // One for the first insert, one for all others, and a few for the updates, which start as inserts are answered.
    assert!(disk.log_syncs() - before < CALLERS / 2, "{} syncs", disk.log_syncs() - before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_syncs_rarely_and_never_needs_a_check() {
    let disk = Disk::default();
    let store = open(&disk).await;
    until_quiet(&store).await;
    let before = disk.database_syncs();
    for number in 0..200 {
        store.insert(key(&number.to_string()), row(number)).await.unwrap();
        if number % 40 == 0 {
            assert!(opens_unchecked(&disk));
        }
    }
    until_quiet(&store).await;
    // Each transaction takes two syncs.
    assert!(disk.database_syncs() - before < 40, "{} syncs", disk.database_syncs() - before);
    assert!(disk.log_syncs() >= 200);
}

/// Whether the database opens after a power cut without a check. Checks are aborted here, so opening succeeds only if none is
/// needed because the free pages were saved.
fn opens_unchecked(disk: &Disk) -> bool {
    let mut builder = redb::Database::builder();
    builder.set_repair_callback(redb::RepairSession::abort);
    builder.create_with_backend(disk.after_power_cut()).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_only_opened_needs_no_check() {
    let disk = Disk::default();
    for round in 0..4 {
        let store = open(&disk).await;
        assert!(opens_unchecked(&disk), "opened the {round}th time");
        for number in 0..500 {
            store.insert(key(&format!("{round} {number}")), row(number)).await.unwrap();
        }
        assert!(opens_unchecked(&disk), "written the {round}th time");
        drop(store);
        assert!(opens_unchecked(&disk), "closed the {round}th time");
    }
}
