mod disk;
mod durability;
mod failures;
mod reads;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::disk::Disk;
use super::{FileStore, Place};
use crate::env::Timestamp;
use crate::store::{Backend, Change, Key, Kind, Row, StoreError, StoreErrorKind, Updated};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Opens a store on `disk`, which is empty or has one.
async fn open_with_caches(disk: &Disk, cache_bytes: usize, page_cache_bytes: usize) -> FileStore {
    let place = Place { path: PathBuf::from("disk"), page_cache_bytes };
    let (first, again) = (disk.clone(), disk.clone());
    let place_again = place.clone();
    let open = move || {
        let database = place.open_backend(first)?;
        place.set_up(&database)?;
        Ok(database)
    };
    FileStore::start(PathBuf::from("disk"), cache_bytes, open, move || {
        place_again.open_backend(again.clone())
    })
    .await
    .unwrap()
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

/// Waits until `happened`, which something else makes happen soon.
async fn until(happened: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("what the test waits for does not happen");
}

/// Waits until the writer has saved the free pages and sleeps, so that what follows is in a transaction of its own.
async fn until_quiet(disk: &Disk) {
    let mut syncs = usize::MAX;
    while syncs != disk.syncs() {
        syncs = disk.syncs();
        tokio::time::sleep(4 * super::writer::QUIET).await;
    }
}
