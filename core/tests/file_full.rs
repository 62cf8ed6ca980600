//! The embedded store on a full disk: a file system in memory with little room.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::store::file::{FileOptions, FileStore};
use gridauth::store::{Backend, By, Change, Key, Kind, Query, Row, StoreErrorKind, Updated};
use tempfile::TempDir;

/// A mounted file system, unmounted on drop.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a file system with this many bytes; `None`, and a line about it, if that is not possible here.
    fn mount(bytes: usize) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "gridauth-test"])
            .arg(directory.path())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(directory));
        }
        println!("SKIPPED: cannot mount a small file system here; run the test as root");
        None
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("auth.db")
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        use std::io::Write;
        let mut filler = fs::File::create(self.filler()).unwrap();
        for size in [1 << 16, 4096, 1] {
            while filler.write_all(&vec![1; size]).is_ok() {}
        }
    }

    /// Gives back what [`fill`](Self::fill) took.
    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

fn row(number: usize) -> Row {
    Row::new(Timestamp::from_millis(1), format!("{number:01000}")).with_user(Some("user"))
}

fn id(number: usize) -> String {
    format!("{number:08}")
}

async fn get(store: &FileStore, number: usize) -> Option<Row> {
    store.get(Key::new(Kind::Grant, &id(number))).await.unwrap().map(|row| (*row).clone())
}

async fn insert(store: &FileStore, number: usize) -> Result<bool, StoreErrorKind> {
    let id = id(number);
    store.insert(Key::new(Kind::Grant, &id), row(number)).await.map_err(|error| error.kind())
}

/// A store without a cache, so that every read goes to the database.
async fn open(path: &Path) -> FileStore {
    FileOptions::default().cache_bytes(0).page_cache_bytes(0).open(path).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_writes_only_and_they_succeed_once_there_is_room() {
    let Some(disk) = SmallDisk::mount(12 << 20) else { return };
    let store = Arc::new(open(&disk.database()).await);
    for number in 0..300 {
        assert!(insert(&store, number).await.unwrap());
    }
    store.list(Query::new(Kind::Grant, By::Any)).await.unwrap();
    disk.fill();

    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reader = tokio::spawn({
        let (store, stop, reads) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&reads));
        async move {
            while !stop.load(Ordering::SeqCst) {
                let number = reads.fetch_add(1, Ordering::SeqCst) % 300;
                assert_eq!(get(&store, number).await, Some(row(number)));
                store.ping().await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    // The files have some room in them. Then writes fail, again and again, and those that were answered are there.
    let (mut answered, mut failures) = (Vec::new(), 0);
    for number in 300..20_000 {
        match insert(&store, number).await {
            Ok(created) => {
                assert!(created);
                answered.push(number);
            }
            Err(kind) => {
                assert_eq!(kind, StoreErrorKind::Unavailable);
                failures += 1;
                assert_eq!(get(&store, number).await, None);
            }
        }
        if failures == 200 {
            break;
        }
    }
    assert_eq!(failures, 200);
    for number in answered.iter().copied() {
        assert_eq!(get(&store, number).await, Some(row(number)));
    }
    let before = reads.load(Ordering::SeqCst);
    tokio::time::timeout(Duration::from_secs(20), async {
        while reads.load(Ordering::SeqCst) < before + 300 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();

    // A process that starts on the full disk can read, too.
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(disk.0.path()).unwrap().map(|file| file.unwrap()) {
        if file.file_name() != "filler" {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }

    disk.free();
    // The database is tried again within a second.
    tokio::time::timeout(Duration::from_secs(20), async {
        while insert(&store, 30_000).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    answered.push(30_000);
    let updated = store.update(Key::new(Kind::Grant, &id(0)), &mut |_| Change::Replace(row(0))).await;
    assert_eq!(updated.unwrap(), Updated::Replaced);
    stop.store(true, Ordering::SeqCst);
    reader.await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), async {
        while store.list(Query::new(Kind::Grant, By::Any)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    drop(store);
    assert_eq!(fs::read_dir(disk.0.path()).unwrap().count(), 1);
    let store = open(&disk.database()).await;
    for number in (0..300).chain(answered.iter().copied()) {
        assert_eq!(get(&store, number).await, Some(row(number)));
    }
    drop(store);

    // What a crash on the full disk would have left.
    let store = open(&copy.path().join("auth.db")).await;
    answered.pop();
    for number in (0..300).chain(answered) {
        assert_eq!(get(&store, number).await, Some(row(number)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_opens_and_reads_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount(8 << 20) else { return };
    let store = open(&disk.database()).await;
    for number in 0..300 {
        assert!(insert(&store, number).await.unwrap());
    }
    drop(store);
    disk.fill();
    let store = open(&disk.database()).await;
    for number in 0..300 {
        assert_eq!(get(&store, number).await, Some(row(number)));
    }
    assert_eq!(insert(&store, 300).await, Err(StoreErrorKind::Unavailable));
    assert_eq!(get(&store, 7).await, Some(row(7)));
    disk.free();
    assert!(insert(&store, 300).await.unwrap());
}
