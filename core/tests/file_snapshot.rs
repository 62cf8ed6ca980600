//! Snapshots of the embedded store, made while it serves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gridauth::env::Timestamp;
use gridauth::http::BearerToken;
use gridauth::store::file::FileStore;
use gridauth::store::{By, Change, Key, Kind, Query, Row, StoreErrorKind};
use gridauth::{Client, GridAuth, MintRequest, Store};
use tempfile::TempDir;

async fn open(path: &Path) -> Store {
    Store::new(FileStore::open(path).await.unwrap())
}

fn row(number: usize) -> Row {
    Row::new(Timestamp::from_millis(1), format!("{{\"n\":{number}}}")).with_user(Some("israel"))
}

async fn count(store: &Store, by: By<'_>) -> usize {
    let (mut count, mut query) = (0, Query::new(Kind::Custom, by).limit(1000));
    loop {
        let page = store.list(query.clone()).await.unwrap();
        count += page.entries.len();
        match page.next {
            Some(next) => query = query.after(next),
            None => return count,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_is_in_the_snapshot_and_writes_go_on() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("auth.db")).await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, stop, answered) = (store.clone(), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut written = 0;
                while !stop.load(Ordering::Relaxed) {
                    let id = format!("{writer}-{written}");
                    store.put(Key::new(Kind::Custom, &id), row(written)).await.unwrap();
                    // One row that both versions of a change are about.
                    let mut next = |_: &Row| Change::Replace(row(written));
                    store.update(Key::new(Kind::Custom, &format!("{writer}-0")), &mut next).await.unwrap();
                    written += 1;
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                written
            })
        })
        .collect();
    for number in 0..3 {
        while answered.load(Ordering::SeqCst) < 200 * (number + 1) {
            tokio::task::yield_now().await;
        }
        let before = answered.load(Ordering::SeqCst);
        let path = folder.path().join(format!("snapshot-{number}.db"));
        store.snapshot(&path).await.unwrap();
        assert!(answered.load(Ordering::SeqCst) >= before);
        let copy = open(&path).await;
        let rows = count(&copy, By::Any).await;
        assert!(rows >= before, "{rows} of {before}");
        // The index has the same rows.
        assert_eq!(count(&copy, By::User("israel")).await, rows);
        // It is a store like any other.
        copy.put(Key::new(Kind::Custom, "more"), row(0)).await.unwrap();
        assert_eq!(count(&copy, By::Any).await, rows + 1);
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    assert_eq!(count(&store, By::Any).await, written);
}

#[tokio::test]
async fn tokens_are_valid_on_a_restored_snapshot() {
    let folder = TempDir::new().unwrap();
    let server = async |path: &Path| {
        GridAuth::builder("https://id.example.com").store(open(path).await).build().await.unwrap()
    };
    let (path, snapshot) = (folder.path().join("auth.db"), folder.path().join("snapshot.db"));
    let token = {
        let auth = server(&path).await;
        let spa = Client::public("spa").redirect_uri("https://spa.example.com/cb").build().unwrap();
        auth.put_client_unchecked(spa).await.unwrap();
        let token = auth.mint(MintRequest::for_user("israel").client("spa")).await.unwrap().access_token;
        auth.store().snapshot(&snapshot).await.unwrap();
        auth.revoke_client("spa").await.unwrap();
        assert!(auth.authenticate(&BearerToken::new(token.expose())).await.is_err());
        token
    };
    // As docs/file.md says: the store is closed, and the snapshot takes its place.
    fs::rename(&path, folder.path().join("auth.db.before")).unwrap();
    fs::copy(&snapshot, &path).unwrap();
    let restored = server(&path).await;
    assert!(restored.authenticate(&BearerToken::new(token.expose())).await.is_ok());
    assert_eq!(restored.client("spa").await.unwrap().unwrap().id(), "spa");
}

#[tokio::test]
async fn a_file_that_is_there_stays_and_nothing_is_left_behind() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("auth.db");
    let store = open(&path).await;
    store.put(Key::new(Kind::Custom, "a"), row(1)).await.unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "mine").unwrap();
    for taken in [&other, &path, &folder.path().to_owned()] {
        let refused = store.snapshot(taken).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Refused, "{refused}");
    }
    assert_eq!(fs::read(&other).unwrap(), b"mine");
    assert!(store.snapshot(Path::new("")).await.is_err());
    let missing = store.snapshot(&folder.path().join("no/such/folder")).await.unwrap_err();
    assert!(missing.to_string().contains("directory does not exist"), "{missing}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".new")), "{left:?}");
    assert_eq!(count(&store, By::Any).await, 1);
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_a_snapshot() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("auth.db")).await;
    let path = folder.path().join("snapshot.db");
    store.snapshot(&path).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_damaged_row_is_not_copied_without_a_word() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("auth.db");
    {
        let store = open(&path).await;
        for number in 0..20 {
            store.put(Key::new(Kind::Custom, &format!("row {number}")), row(77_000 + number)).await.unwrap();
        }
    }
    // A flipped bit in the body of a row, which redb's own checksums need not see before the page is read.
    let mut bytes = fs::read(&path).unwrap();
    let body = b"{\"n\":77011}";
    let at: Vec<usize> = (0..bytes.len() - body.len()).filter(|at| bytes[*at..].starts_with(body)).collect();
    assert!(!at.is_empty());
    for at in at {
        bytes[at + 6] ^= 1;
    }
    fs::write(&path, bytes).unwrap();
    let Ok(store) = FileStore::open(&path).await else { return };
    let store = Store::new(store);
    let snapshot = folder.path().join("snapshot.db");
    let refused = store.snapshot(&snapshot).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{refused}");
    assert!(!snapshot.exists());
}

#[tokio::test]
async fn another_store_says_that_it_has_no_snapshots() {
    let folder = TempDir::new().unwrap();
    let refused = Store::memory().snapshot(&folder.path().join("a")).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Refused);
}
