//! The log and its database are never separated unnoticed, under whatever names the files are opened.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use gridauth::env::Timestamp;
use gridauth::store::file::FileStore;
use gridauth::store::{Backend, Key, Kind, OpenError, Row};
use tempfile::TempDir;

const LOGS: [&str; 2] = [".log1", ".log2"];
const ROWS: usize = 10;

fn row(number: usize) -> Row {
    Row::new(Timestamp::from_millis(1), format!("{number:0100}")).with_user(Some("user"))
}

async fn insert(store: &FileStore, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        assert!(store.insert(Key::new(Kind::Grant, &number.to_string()), row(number)).await.unwrap());
    }
}

async fn has_rows(path: &Path, rows: usize) {
    let store = FileStore::open(path).await.unwrap();
    for number in 0..rows {
        let found = store.get(Key::new(Kind::Grant, &number.to_string())).await.unwrap();
        assert_eq!(found.as_deref(), Some(&row(number)), "row {number}");
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Copies the files of a store as they are.
fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    for log in LOGS.map(|suffix| (beside(from, suffix), beside(to, suffix))) {
        if log.0.exists() {
            fs::copy(log.0, log.1).unwrap();
        }
    }
}

/// The files that a crash leaves, in a directory of their own: `ROWS` rows were answered and only the log has them.
async fn crashed() -> (TempDir, PathBuf) {
    let running = tempfile::tempdir().unwrap();
    let store = FileStore::open(running.path().join("auth.db")).await.unwrap();
    insert(&store, 0..ROWS).await;
    let crashed = tempfile::tempdir().unwrap();
    let path = crashed.path().join("auth.db");
    copy(&running.path().join("auth.db"), &path);
    (crashed, path)
}

fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

/// Checks that the store is refused and that nothing changed.
async fn refused(path: &Path) -> OpenError {
    let before = files(path.parent().unwrap());
    let error = FileStore::open(path).await.map(drop).unwrap_err();
    assert!(files(path.parent().unwrap()) == before, "{error}");
    error
}

#[tokio::test]
async fn a_crashed_store_opened_by_a_symbolic_link_has_its_rows() {
    let (directory, path) = crashed().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.db");
    symlink(&path, &link).unwrap();
    has_rows(&link, ROWS).await;
    assert_eq!(files(directory.path()).len(), 1);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "the log is where the file is");

    let linked = elsewhere.path().join("linked");
    symlink(directory.path(), &linked).unwrap();
    has_rows(&linked.join("auth.db"), ROWS).await;
}

/// A store that ran under a link and crashed is opened by the real path.
#[tokio::test]
async fn a_store_that_crashed_under_a_link_has_its_rows_under_its_own_name() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("auth.db"), elsewhere.path().join("link.db"));
    drop(FileStore::open(&path).await.unwrap());
    symlink(&path, &link).unwrap();
    let store = FileStore::open(&link).await.unwrap();
    insert(&store, 0..ROWS).await;
    let crashed = tempfile::tempdir().unwrap();
    copy(&path, &crashed.path().join("auth.db"));
    has_rows(&crashed.path().join("auth.db"), ROWS).await;
}

#[tokio::test]
async fn a_crashed_database_without_its_log_is_refused() {
    // Moved elsewhere, renamed, and without one of the two files of the log.
    let (directory, path) = crashed().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("auth.db");
    fs::rename(&path, &moved).unwrap();
    let error = refused(&moved).await;
    assert!(error.reason.contains(moved.to_str().unwrap()) && error.reason.contains("missing"), "{error}");
    fs::rename(&moved, &path).unwrap();

    let renamed = directory.path().join("renamed.db");
    fs::rename(&path, &renamed).unwrap();
    assert!(refused(&renamed).await.reason.contains("missing"));
    fs::rename(&renamed, &path).unwrap();

    for suffix in LOGS {
        let log = beside(&path, suffix);
        fs::rename(&log, directory.path().join("kept")).unwrap();
        let error = refused(&path).await;
        assert!(error.reason.contains(log.to_str().unwrap()), "{error}");
        fs::rename(directory.path().join("kept"), &log).unwrap();
    }
    has_rows(&path, ROWS).await;
}

#[tokio::test]
async fn a_crashed_store_can_be_moved_with_its_log() {
    let (_directory, path) = crashed().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("other.db");
    copy(&path, &moved);
    has_rows(&moved, ROWS).await;
}

#[tokio::test]
async fn a_crashed_store_opened_by_a_hard_link_is_refused() {
    let (directory, path) = crashed().await;
    let link = directory.path().join("link.db");
    fs::hard_link(&path, &link).unwrap();
    assert!(refused(&link).await.reason.contains("missing"));
    has_rows(&path, ROWS).await;
    has_rows(&link, ROWS).await;
}

#[tokio::test]
async fn a_bind_mounted_file_of_a_crashed_store_is_refused() {
    let (_directory, path) = crashed().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mounted = elsewhere.path().join("auth.db");
    fs::write(&mounted, "").unwrap();
    let mount = |arguments: &[&str]| {
        let status = std::process::Command::new(arguments[0]).args(&arguments[1..]).status();
        status.is_ok_and(|status| status.success())
    };
    if !mount(&["mount", "--bind", path.to_str().unwrap(), mounted.to_str().unwrap()]) {
        println!("SKIPPED: cannot bind mount here");
        return;
    }
    let opened = FileStore::open(&mounted).await.map(drop);
    assert!(mount(&["umount", mounted.to_str().unwrap()]));
    assert!(opened.unwrap_err().reason.contains("missing"));
    has_rows(&path, ROWS).await;
}

#[tokio::test]
async fn a_closed_store_is_one_file_that_can_be_moved_freely() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..ROWS).await;
    drop(store);
    assert_eq!(files(directory.path()).len(), 1);
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["copy.db", "auth.db"] {
        let copy = elsewhere.path().join(name);
        fs::copy(&path, &copy).unwrap();
        has_rows(&copy, ROWS).await;
    }
    let moved = elsewhere.path().join("moved.db");
    fs::rename(&path, &moved).unwrap();
    has_rows(&moved, ROWS).await;
}

/// A store that is only read has no log at all.
#[tokio::test]
async fn a_store_that_is_only_read_stays_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..1).await;
    drop(store);
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.get(Key::new(Kind::Grant, "0")).await.unwrap().is_some());
    assert_eq!(files(directory.path()).len(), 1);
}

/// A copy of the database alone, taken while the store is open.
#[tokio::test]
async fn a_copy_without_the_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..ROWS).await;
    let copy = directory.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    assert!(refused(&copy).await.reason.contains("missing"));
}

#[tokio::test]
async fn a_log_of_another_database_is_refused() {
    let (_directory, path) = crashed().await;
    let (_other_directory, other) = crashed().await;
    for suffix in LOGS {
        fs::copy(beside(&other, suffix), beside(&path, suffix)).unwrap();
    }
    assert!(refused(&path).await.reason.contains("another store"));

    // The same beside a closed database.
    let directory = tempfile::tempdir().unwrap();
    let closed = directory.path().join("auth.db");
    let store = FileStore::open(&closed).await.unwrap();
    insert(&store, 0..ROWS).await;
    drop(store);
    for suffix in LOGS {
        fs::copy(beside(&other, suffix), beside(&closed, suffix)).unwrap();
    }
    assert!(refused(&closed).await.reason.contains("another store"));
    for suffix in LOGS {
        fs::remove_file(beside(&closed, suffix)).unwrap();
    }
    has_rows(&closed, ROWS).await;
}

/// A backup of the closed file is put in the place of a store that crashed later.
#[tokio::test]
async fn a_backup_beside_a_newer_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..ROWS).await;
    drop(store);
    let backup = directory.path().join("backup.db");
    fs::copy(&path, &backup).unwrap();

    let store = FileStore::open(&path).await.unwrap();
    insert(&store, ROWS..2 * ROWS).await;
    let crashed = tempfile::tempdir().unwrap();
    let restored = crashed.path().join("auth.db");
    copy(&path, &restored);
    fs::copy(&backup, &restored).unwrap();
    let error = refused(&restored).await;
    assert!(error.reason.contains("does not know"), "{error}");
    // The way out that the error names.
    for suffix in LOGS {
        fs::rename(beside(&restored, suffix), crashed.path().join(format!("kept{suffix}"))).unwrap();
    }
    has_rows(&restored, ROWS).await;
}

/// An older copy of the files, in which the log is older than the one that the database has now.
#[tokio::test]
async fn a_log_of_an_earlier_run_is_refused() {
    let (directory, path) = crashed().await;
    let old = tempfile::tempdir().unwrap();
    copy(&path, &old.path().join("auth.db"));
    drop(FileStore::open(&path).await.unwrap());
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, ROWS..2 * ROWS).await;
    let crashed = tempfile::tempdir().unwrap();
    let newer = crashed.path().join("auth.db");
    copy(&path, &newer);
    for suffix in LOGS {
        fs::copy(beside(&old.path().join("auth.db"), suffix), beside(&newer, suffix)).unwrap();
    }
    let error = refused(&newer).await;
    assert!(error.reason.contains("earlier"), "{error}");
    drop(store);
    drop(directory);
}

/// Files that an interrupted start or shutdown leaves do not count.
#[tokio::test]
async fn files_of_a_log_that_never_held_a_write_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..1).await;
    let logs = LOGS.map(|suffix| fs::read(beside(&path, suffix)).unwrap());
    drop(store);
    // The removal was interrupted.
    for (suffix, log) in LOGS.iter().zip(&logs) {
        fs::write(beside(&path, suffix), log).unwrap();
    }
    has_rows(&path, 1).await;
    // Nothing but zeros, or nothing.
    for content in [vec![], vec![0; 5000]] {
        for suffix in LOGS {
            fs::write(beside(&path, suffix), &content).unwrap();
        }
        has_rows(&path, 1).await;
    }
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 1..2).await;
    drop(store);
    assert_eq!(files(directory.path()).len(), 1);
}

/// The documented way out if the log is really lost.
#[tokio::test]
async fn a_store_whose_log_is_lost_opens_if_that_is_accepted() {
    let (directory, path) = crashed().await;
    for suffix in LOGS {
        fs::remove_file(beside(&path, suffix)).unwrap();
    }
    assert!(refused(&path).await.reason.contains("lost_log=accept"));
    let url = format!("file:{}?lost_log=accept", path.display());
    let store = gridauth::Store::open(&url).await.unwrap();
    assert!(store.get(Key::new(Kind::Grant, "0")).await.unwrap().is_none());
    drop(store);
    // It is a store like any other then.
    let store = FileStore::open(&path).await.unwrap();
    insert(&store, 0..ROWS).await;
    drop(store);
    has_rows(&path, ROWS).await;
    assert_eq!(files(directory.path()).len(), 1);
}

/// A damaged log is kept under another name.
#[tokio::test]
async fn a_damaged_log_is_kept_if_its_loss_is_accepted() {
    let (directory, path) = crashed().await;
    let logs = LOGS.map(|suffix| beside(&path, suffix));
    let contents = logs.each_ref().map(|log| {
        let mut content = fs::read(log).unwrap();
        content[20] ^= 1;
        fs::write(log, &content).unwrap();
        content
    });
    refused(&path).await;
    let url = format!("file:{}?lost_log=accept", path.display());
    drop(gridauth::Store::open(&url).await.unwrap());
    let left = files(directory.path());
    assert_eq!(left.len(), 3);
    for content in contents {
        assert!(left.iter().any(|(path, left)| path.extension() == Some("old".as_ref()) && *left == content));
    }
    has_rows(&path, 0).await;
}
