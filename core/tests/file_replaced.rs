//! The database is deleted, moved or replaced while a store is open: that store never touches the files of the one that takes its
//! place, and says so instead of answering writes.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::store::file::{FileOptions, FileStore};
use gridauth::store::{Backend, Key, Kind, Row, StoreErrorKind};
use tempfile::TempDir;

#[path = "common/process.rs"]
mod process;

use process::{Process, argument, say};

const LOGS: [&str; 2] = [".log1", ".log2"];

fn row(number: usize) -> Row {
    Row::new(Timestamp::from_millis(1), format!("{number:0100}")).with_user(Some("user"))
}

async fn insert(store: &FileStore, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        assert!(store.insert(Key::new(Kind::Grant, &number.to_string()), row(number)).await.unwrap());
    }
}

/// Writes fail, and the error says why.
async fn is_refused(store: &FileStore) {
    for _ in 0..2 {
        let error = store.insert(Key::new(Kind::Grant, "refused"), row(0)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("deleted, moved or replaced"), "{error}");
    }
}

async fn has_rows(store: &FileStore, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        let found = store.get(Key::new(Kind::Grant, &number.to_string())).await.unwrap();
        assert_eq!(found.as_deref(), Some(&row(number)), "row {number}");
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn logs(path: &Path) -> [PathBuf; 2] {
    LOGS.map(|suffix| beside(path, suffix))
}

/// The store as it is when the process that has it open is killed now.
async fn killed(path: &Path) -> (TempDir, FileStore) {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("auth.db");
    fs::copy(path, &copy).unwrap();
    for (from, to) in logs(path).iter().zip(logs(&copy)) {
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
    let store = FileStore::open(&copy).await.unwrap();
    (directory, store)
}

fn new_path() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    (directory, path)
}

fn at_once() -> FileOptions {
    FileOptions::default().wait(Duration::ZERO)
}

/// The database is deleted, as an operator does to begin anew, and its process ends after the next one has started.
#[tokio::test]
async fn a_store_does_not_remove_the_log_of_the_one_that_replaced_it() {
    let (_directory, path) = new_path();
    let old = FileStore::open(&path).await.unwrap();
    insert(&old, 0..3).await;
    fs::remove_file(&path).unwrap();
    // The log at this place is in use. An operator who knows better moves it away.
    let error = at_once().open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("auth.db.log1") && error.reason.contains("still open"), "{error}");
    assert!(!path.exists(), "nothing is created beside a log that is in use");
    for log in logs(&path) {
        fs::rename(&log, beside(&log, ".kept")).unwrap();
    }
    let new = FileStore::open(&path).await.unwrap();
    insert(&new, 10..13).await;
    is_refused(&old).await;
    drop(old);
    insert(&new, 13..16).await;
    has_rows(&killed(&path).await.1, 10..16).await;
    drop(new);
    assert!(logs(&path).iter().all(|log| !log.exists()));
}

/// The old store writes for the first time after the other took its place.
#[tokio::test]
async fn a_store_does_not_create_its_log_over_that_of_the_one_that_replaced_it() {
    let (_directory, path) = new_path();
    let old = FileStore::open(&path).await.unwrap();
    fs::remove_file(&path).unwrap();
    let new = FileStore::open(&path).await.unwrap();
    is_refused(&old).await;
    insert(&new, 0..3).await;
    is_refused(&old).await;
    has_rows(&killed(&path).await.1, 0..3).await;
    drop(old);
    has_rows(&killed(&path).await.1, 0..3).await;
    insert(&new, 3..6).await;
    drop(new);
    has_rows(&FileStore::open(&path).await.unwrap(), 0..6).await;
}

/// A copy of the database that needs the log takes its place, as when a file is edited or synced in place.
#[tokio::test]
async fn a_log_stays_if_a_copy_of_the_database_may_need_it() {
    let (_directory, path) = new_path();
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..3).await;
    let copy = beside(&path, ".copy");
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    is_refused(&store).await;
    let error = at_once().open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("still open"), "{error}");
    drop(store);
    assert!(logs(&path).iter().all(|log| log.exists()));
    has_rows(&FileStore::open(&path).await.unwrap(), 0..3).await;
}

#[tokio::test]
async fn writes_succeed_again_once_the_database_is_back() {
    let (_directory, path) = new_path();
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..3).await;
    let moved = beside(&path, ".moved");
    fs::rename(&path, &moved).unwrap();
    is_refused(&store).await;
    has_rows(&store, 0..3).await;
    fs::rename(&moved, &path).unwrap();
    insert(&store, 3..6).await;
    drop(store);
    assert!(logs(&path).iter().all(|log| !log.exists()));
    has_rows(&FileStore::open(&path).await.unwrap(), 0..6).await;
}

/// A file that somebody put in the place of the log is neither removed nor overwritten.
#[tokio::test]
async fn a_foreign_file_under_the_name_of_the_log_is_left_alone() {
    let (_directory, path) = new_path();
    let store = FileStore::open(&path).await.unwrap();
    for log in logs(&path) {
        fs::write(log, "my own file").unwrap();
    }
    let error = store.insert(Key::new(Kind::Grant, "0"), row(0)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains(logs(&path)[0].to_str().unwrap()), "{error}");
    for log in logs(&path) {
        fs::remove_file(log).unwrap();
    }
    insert(&store, 0..3).await;
    for log in logs(&path) {
        fs::rename(&log, beside(&log, ".moved")).unwrap();
        fs::write(&log, "my own file").unwrap();
    }
    drop(store);
    for log in logs(&path) {
        assert_eq!(fs::read(&log).unwrap(), b"my own file");
        fs::remove_file(&log).unwrap();
    }
    has_rows(&FileStore::open(&path).await.unwrap(), 0..3).await;
}

/// A rolling restart in which the database is deleted: the next process waits until the one before has ended.
#[tokio::test]
async fn the_next_process_waits_for_the_one_whose_database_was_deleted() {
    let (directory, path) = new_path();
    let mut other = Process::start("writes_and_stays", path.to_str().unwrap());
    assert_eq!(other.said.recv().unwrap(), "written");
    fs::remove_file(&path).unwrap();
    let error = at_once().open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("log1") && error.reason.contains("process"), "{error}");

    let opening = tokio::spawn({
        let path = path.clone();
        async move { FileOptions::default().wait(Duration::from_secs(60)).open(path).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!opening.is_finished());
    other.kill();
    let store = opening.await.unwrap().unwrap();
    insert(&store, 0..3).await;
    drop(store);
    // The database, and the log of the deleted one under another name.
    let mut names: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    has_rows(&FileStore::open(&path).await.unwrap(), 0..3).await;
}

#[tokio::test]
#[ignore = "runs as another process"]
async fn writes_and_stays() {
    let Some(path) = argument() else { return };
    let store = FileStore::open(path).await.unwrap();
    insert(&store, 0..3).await;
    say("written");
    std::future::pending::<()>().await;
}
