//! Creating a store where hard links are not possible.

use std::fs;
use std::io;
use std::path::Path;

use super::*;

fn database(path: &Path) -> DatabaseFile {
    DatabaseFile { path: path.to_owned(), page_cache_bytes: 0, wait: Duration::ZERO, accept_lost_log: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_created_without_hard_links() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    database(&path).create_by(|_, _| Err(io::ErrorKind::Unsupported.into())).unwrap();
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.insert(key("id"), row(1)).await.unwrap());
    drop(store);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert_eq!(number(&FileStore::open(&path).await.unwrap(), "id").await, Some(1));
}

/// Another process creates the store, and writes to it, right before the file gets its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_another_process_creates_meanwhile_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let other = directory.path().join("other.db");
    let store = FileStore::open(&other).await.unwrap();
    assert!(store.insert(key("theirs"), row(1)).await.unwrap());
    drop(store);
    for error in [io::ErrorKind::AlreadyExists, io::ErrorKind::Unsupported, io::ErrorKind::PermissionDenied] {
        let created = database(&path).create_by(|_, to| {
            fs::copy(&other, to)?;
            Err(error.into())
        });
        created.unwrap();
        assert_eq!(number(&FileStore::open(&path).await.unwrap(), "theirs").await, Some(1), "{error:?}");
        fs::remove_file(&path).unwrap();
    }
}
