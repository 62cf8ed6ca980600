//! A damaged store never looks empty: it is refused, or its rows are still there, or reading them is an error.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use gridauth::env::Timestamp;
use gridauth::store::file::FileStore;
use gridauth::store::{Backend, By, Key, Kind, Query, Row};
use tempfile::TempDir;

/// Files by name.
type Image = Vec<(String, Vec<u8>)>;

const NAME: &str = "auth.db";
const PAGE: usize = 4096;
/// Where redb keeps its flags and its two commit slots.
const FLAGS: usize = 9;
const SLOTS: [usize; 2] = [64, 192];
const SLOT: usize = 128;

fn row(number: usize) -> Row {
    Row::new(Timestamp::from_millis(1), format!("{number:0100}")).with_user(Some("user"))
}

fn read_files(directory: &Path) -> Image {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

async fn insert(store: &FileStore, rows: usize) {
    for number in 0..rows {
        store.insert(Key::new(Kind::Grant, &number.to_string()), row(number)).await.unwrap();
    }
}

/// A store that was closed after as many inserts, and opened and closed as often before.
async fn closed(rows: usize, opened_before: usize) -> Image {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..opened_before {
        drop(FileStore::open(directory.path().join(NAME)).await.unwrap());
    }
    let store = FileStore::open(directory.path().join(NAME)).await.unwrap();
    insert(&store, rows).await;
    drop(store);
    read_files(directory.path())
}

/// A store as a crash leaves it.
async fn crashed(rows: usize) -> Image {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path().join(NAME)).await.unwrap();
    insert(&store, rows).await;
    // The listing waits until the database has the rows.
    store.list(Query::new(Kind::Grant, By::Any)).await.unwrap();
    insert(&store, rows + 3).await;
    read_files(directory.path())
}

/// The same files with a changed database.
fn damage(image: &Image, change: impl FnOnce(&mut Vec<u8>)) -> Image {
    let mut image = image.clone();
    let (_, database) = image.iter_mut().find(|(name, _)| name == NAME).unwrap();
    change(database);
    image
}

fn lay_out(image: &Image) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in image {
        fs::write(directory.path().join(name), content).unwrap();
    }
    let path = directory.path().join(NAME);
    (directory, path)
}

/// Whether the store opens. If it does, no row may be missing without an error, and if it does not, nothing may have changed.
async fn opens_with_its_rows(image: &Image, rows: usize, what: &str) -> bool {
    let (directory, path) = lay_out(image);
    let store = match FileStore::open(&path).await {
        Ok(store) => store,
        Err(error) => {
            let mut left = read_files(directory.path());
            let mut image = image.clone();
            left.sort();
            image.sort();
            assert!(left == image, "{what}: files were changed, although the store was refused: {error}");
            return false;
        }
    };
    for number in 0..rows {
        if let Ok(found) = store.get(Key::new(Kind::Grant, &number.to_string())).await {
            assert_eq!(found.as_deref(), Some(&row(number)), "{what}: row {number}");
        }
    }
    for by in [By::Any, By::User("user")] {
        if let Ok(page) = store.list(Query::new(Kind::Grant, by).limit(1000)).await {
            assert!(page.entries.len() >= rows, "{what}: {} rows are listed by {by:?}", page.entries.len());
        }
    }
    true
}

#[tokio::test]
async fn damaged_flags_of_the_header_do_not_bring_back_an_older_state() {
    for (image, rows) in [
        (closed(20, 0).await, 20),
        (closed(1, 0).await, 1),
        (closed(20, 3).await, 20),
        (crashed(20).await, 23),
    ] {
        let mut opened = 0;
        for flags in (0..32).chain([0x20, 0x40, 0x80, 0xff]) {
            let damaged = damage(&image, |database| database[FLAGS] = flags);
            opened += usize::from(opens_with_its_rows(&damaged, rows, &format!("flags {flags:#x}")).await);
        }
        assert!(opened > 0);
    }
}

/// A new store has one commit, so the other slot is still empty.
#[tokio::test]
async fn a_damaged_slot_does_not_bring_back_an_older_state() {
    for (image, rows) in [(closed(20, 0).await, 20), (closed(1, 0).await, 1), (crashed(20).await, 23)] {
        for slot in SLOTS {
            for flags in [0, 1, 2, 3, 4, 5, 6, 7] {
                for at in [0, 1, 2, 8, 32, 104, SLOT - 1] {
                    let what = format!("slot at {slot}, byte {at}, flags {flags}");
                    let damaged = damage(&image, |database| {
                        database[slot + at] ^= 1;
                        database[FLAGS] = flags;
                    });
                    opens_with_its_rows(&damaged, rows, &what).await;
                }
                let zeros = damage(&image, |database| {
                    database[slot..slot + SLOT].fill(0);
                    database[FLAGS] = flags;
                });
                opens_with_its_rows(&zeros, rows, &format!("zeros at {slot}, flags {flags}")).await;
                let other = SLOTS[0] + SLOTS[1] - slot;
                let copied = damage(&image, |database| {
                    database.copy_within(other..other + SLOT, slot);
                    database[FLAGS] = flags;
                });
                opens_with_its_rows(&copied, rows, &format!("the other slot at {slot}, flags {flags}")).await;
            }
        }
    }
}

/// The header of a new database, in which nothing was ever committed, over a store.
#[tokio::test]
async fn the_header_of_an_empty_database_over_a_store_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("empty.db");
    drop(redb::Database::create(&path).unwrap());
    let empty = fs::read(&path).unwrap();
    for (image, rows) in [(closed(20, 0).await, 20), (crashed(20).await, 23)] {
        for slot in SLOTS {
            for flags in 0..8 {
                let damaged = damage(&image, |database| {
                    database[slot..slot + SLOT].copy_from_slice(&empty[slot..slot + SLOT]);
                    database[FLAGS] = flags;
                });
                opens_with_its_rows(&damaged, rows, &format!("an empty slot at {slot}, flags {flags}")).await;
            }
        }
    }
}

/// Each page in turn, the roots among them, is replaced. A single row is in the root of its table.
#[tokio::test]
async fn damaged_root_pages_do_not_make_a_store_look_empty() {
    // redb's leaf page without entries.
    let mut empty_leaf = vec![0; PAGE];
    empty_leaf[0] = 1;
    for (image, rows) in [(closed(1, 0).await, 1), (crashed(1).await, 4)] {
        let database = &image.iter().find(|(name, _)| name == NAME).unwrap().1;
        for page in 1..database.len() / PAGE {
            if database[page * PAGE..][..PAGE].iter().all(|byte| *byte == 0) {
                continue;
            }
            for (with, content) in [("zeros", vec![0; PAGE]), ("an empty leaf", empty_leaf.clone())] {
                let damaged = damage(&image, |database| {
                    database[page * PAGE..][..PAGE].copy_from_slice(&content);
                });
                opens_with_its_rows(&damaged, rows, &format!("{with} in page {page}")).await;
            }
        }
    }
}

/// Nothing is set up in a file that has anything in it.
#[tokio::test]
async fn only_an_empty_file_is_set_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(NAME);
    // Commits that left no table.
    let database = redb::Database::create(&path).unwrap();
    for _ in 0..3 {
        database.begin_write().unwrap().commit().unwrap();
    }
    drop(database);
    let before = fs::read(&path).unwrap();
    let error = FileStore::open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("no store"), "{error}");
    assert!(fs::read(&path).unwrap() == before);

    fs::write(&path, vec![0; 1 << 20]).unwrap();
    FileStore::open(&path).await.map(drop).unwrap_err();
    fs::write(&path, "").unwrap();
    FileStore::open(&path).await.unwrap();
}
