//! A log that has lost a part is refused, not taken for a shorter one.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use gridauth::env::Timestamp;
use gridauth::store::file::FileStore;
use gridauth::store::{Backend, Key, Kind, Row};
use tempfile::TempDir;

const PAGE: usize = 4096;
/// The files of the log have a multiple of this length.
const STEP: usize = 256 << 10;

/// Two rows fill more than a step.
fn row(number: usize) -> Row {
    Row::new(Timestamp::from_millis(1), format!("{number:01000}").repeat(200))
}

fn logs(directory: &Path) -> [PathBuf; 2] {
    ["auth.db.log1", "auth.db.log2"].map(|name| directory.join(name))
}

/// The files that a kill leaves after as many rows were answered, each in a batch of its own.
async fn killed(rows: usize) -> (TempDir, PathBuf) {
    let running = tempfile::tempdir().unwrap();
    let store = FileStore::open(running.path().join("auth.db")).await.unwrap();
    for number in 0..rows {
        assert!(store.insert(Key::new(Kind::Grant, &number.to_string()), row(number)).await.unwrap());
    }
    let killed = tempfile::tempdir().unwrap();
    for file in fs::read_dir(running.path()).unwrap().map(|file| file.unwrap()) {
        fs::copy(file.path(), killed.path().join(file.file_name())).unwrap();
    }
    let path = killed.path().join("auth.db");
    (killed, path)
}

/// The number of rows that are there.
async fn rows(path: &Path) -> usize {
    let store = FileStore::open(path).await.unwrap();
    let mut found = 0;
    while store.get(Key::new(Kind::Grant, &found.to_string())).await.unwrap().is_some() {
        found += 1;
    }
    found
}

#[tokio::test]
async fn a_log_that_was_cut_is_refused() {
    // The first row and its log, and a log of more than a step.
    for count in [1, 3] {
        let (directory, path) = killed(count).await;
        let whole = logs(directory.path()).map(|log| fs::read(log).unwrap());
        assert!(whole.iter().all(|log| log.len().is_multiple_of(STEP) && !log.is_empty()));
        for (log, whole) in logs(directory.path()).iter().zip(&whole) {
            for length in [0, 1, PAGE, PAGE + 1, 10 * PAGE, whole.len() - PAGE, whole.len() - 1] {
                OpenOptions::new().write(true).open(log).unwrap().set_len(length as u64).unwrap();
                let error = FileStore::open(&path).await.map(drop).unwrap_err();
                assert!(
                    error.reason.contains("damaged") || error.reason.contains("not a log"),
                    "{length}: {error}"
                );
                assert!(error.reason.contains(log.to_str().unwrap()), "{length}: {error}");
                assert_eq!(fs::metadata(log).unwrap().len(), length as u64);
                fs::write(log, whole).unwrap();
            }
        }
        assert_eq!(rows(&path).await, count);
    }
}
