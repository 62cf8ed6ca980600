mod create;
mod disk;
mod durability;
mod failures;
mod log;
mod reads;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use self::disk::Disk;
use super::FileStore;
use super::database_file::DatabaseFile;
use crate::env::Timestamp;
use crate::store::{Backend, Change, Key, Kind, OpenError, Row, StoreError, StoreErrorKind, Updated};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Opens or creates a store on `disk`.
async fn open_with_caches(disk: &Disk, cache_bytes: usize, page_cache_bytes: usize) -> FileStore {
    try_open(disk, cache_bytes, page_cache_bytes).await.unwrap()
}

async fn try_open(disk: &Disk, cache_bytes: usize, page_cache_bytes: usize) -> Result<FileStore, OpenError> {
    let path = PathBuf::from("disk");
    let file =
        DatabaseFile { path: path.clone(), page_cache_bytes, wait: Duration::ZERO, accept_lost_log: false };
    let disk = disk.clone();
    let open = move |_: &dyn Fn() -> bool| file.open_on(disk.clone(), || Box::new(disk.clone()));
    FileStore::start(path, cache_bytes, open).await
}

async fn open(disk: &Disk) -> FileStore {
    open_with_caches(disk, 1 << 20, 1 << 20).await
}

fn row(number: usize) -> Row {
    Row::new(NOW, number.to_string()).with_user(Some("user")).with_expires(Some(NOW))
}

fn key(id: &str) -> Key<'_> {
    Key::new(Kind::Grant, id)
}

async fn number(store: &FileStore, id: &str) -> Option<usize> {
    store.get(key(id)).await.unwrap().map(|row| row.body().parse().unwrap())
}

/// Adds one to the number in a row.
async fn add(store: &FileStore, id: &str) -> Result<Updated, StoreError> {
    store.update(key(id), &mut |now| Change::Replace(row(now.body().parse::<usize>().unwrap() + 1))).await
}

/// Waits until `happened`, which another thread makes true soon.
async fn until(happened: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the condition never became true");
}

/// Waits until the database has applied the log.
async fn until_quiet(store: &FileStore) {
    until(|| store.shared.ahead.load(Ordering::SeqCst) == 0 && store.shared.pending.is_empty()).await;
}
