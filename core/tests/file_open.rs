//! Opening the embedded store: what is created, what is refused, and that a refused file is not changed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gridauth::Store;
use gridauth::env::Timestamp;
use gridauth::store::file::{FileOptions, FileStore};
use gridauth::store::{Backend, Key, Kind, OpenError, Row};
use redb::{ReadableDatabase, TableDefinition};
use tempfile::TempDir;

#[path = "common/process.rs"]
mod process;

use process::{Process, argument, say};

const SETTINGS: TableDefinition<'_, &str, &str> = TableDefinition::new("settings");

fn row(number: usize) -> Row {
    Row::new(Timestamp::from_millis(1), format!("{number:0100}")).with_user(Some("user"))
}

/// A closed store with rows, and its directory.
async fn closed_store() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = FileStore::open(&path).await.unwrap();
    for number in 0..60 {
        store.insert(Key::new(Kind::Grant, &number.to_string()), row(number)).await.unwrap();
    }
    drop(store);
    (directory, path)
}

/// Checks that the file at `path` is refused and not changed.
async fn refused(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let files = || fs::read_dir(path.parent().unwrap()).unwrap().count();
    let files_before = files();
    let error = FileStore::open(path).await.map(drop).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert!(!error.bad_url);
    assert!(fs::read(path).unwrap() == before, "the file was changed: {error}");
    assert_eq!(files(), files_before);
    error
}

#[tokio::test]
async fn a_missing_file_is_created() {
    let (directory, path) = closed_store().await;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no other file is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let store = Store::open(&format!("file:{}", path.display())).await.unwrap();
    store.ping().await.unwrap();
    for number in 0..60 {
        let found = store.get(Key::new(Kind::Grant, &number.to_string())).await.unwrap().unwrap();
        assert_eq!(*found, row(number));
    }
}

#[tokio::test]
async fn an_open_store_has_its_log_beside_it() {
    let (directory, path) = closed_store().await;
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.insert(Key::new(Kind::Grant, "new"), row(1)).await.unwrap());
    for log in ["auth.db.log1", "auth.db.log2"] {
        let metadata = fs::metadata(directory.path().join(log)).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
        assert!(metadata.is_file());
    }
    drop(store);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a closed store is one file");
}

/// The files of a store as a crash leaves them: five rows are in the log only.
async fn crashed_store() -> (TempDir, PathBuf) {
    let (directory, path) = closed_store().await;
    let store = FileStore::open(&path).await.unwrap();
    for number in 60..65 {
        store.insert(Key::new(Kind::Grant, &number.to_string()), row(number)).await.unwrap();
    }
    let crashed = tempfile::tempdir().unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
    }
    let path = crashed.path().join("auth.db");
    (crashed, path)
}

#[tokio::test]
async fn after_a_crash_rows_are_recovered_from_the_log() {
    let (directory, path) = crashed_store().await;
    let store = FileStore::open(&path).await.unwrap();
    for number in 0..65 {
        let found = store.get(Key::new(Kind::Grant, &number.to_string())).await.unwrap().unwrap();
        assert_eq!(*found, row(number));
    }
    drop(store);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// An operator who deletes the file to start over may leave the log behind.
#[tokio::test]
async fn the_log_of_a_deleted_store_is_renamed() {
    let (directory, path) = crashed_store().await;
    fs::remove_file(&path).unwrap();
    let names = || fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().path());
    let mut contents: Vec<_> = names().map(|log| fs::read(log).unwrap()).collect();

    let store = FileStore::open(&path).await.unwrap();
    assert!(store.insert(Key::new(Kind::Grant, "1"), row(1)).await.unwrap());
    drop(store);
    let old = names().filter(|path| path.extension().is_some_and(|extension| extension == "old"));
    let mut kept: Vec<_> = old.map(|log| fs::read(log).unwrap()).collect();
    contents.sort();
    kept.sort();
    assert!(kept == contents);
    assert_eq!(names().count(), 3);
}

#[tokio::test]
async fn a_damaged_log_is_refused_and_not_changed() {
    let (directory, path) = crashed_store().await;
    let log = [1, 2].map(|number| directory.path().join(format!("auth.db.log{number}")));
    let has_batches = |log: &PathBuf| fs::read(log).unwrap()[4096..].iter().any(|byte| *byte != 0);
    let log = log.into_iter().find(has_batches).unwrap();
    let content = fs::read(&log).unwrap();
    let mut damaged = content.clone();
    // In the first batch, after the page of the header.
    damaged[4096 + 100] ^= 1;
    fs::write(&log, &damaged).unwrap();
    let error = refused(&path).await;
    assert!(error.reason.contains(log.to_str().unwrap()), "{error}");
    assert!(error.reason.contains("damaged"), "{error}");
    assert_eq!(fs::read(&log).unwrap(), damaged);

    fs::write(&log, "some other file").unwrap();
    assert!(refused(&path).await.reason.contains("not a log"));
    fs::write(&log, content).unwrap();
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.get(Key::new(Kind::Grant, "64")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    fs::write(&path, "").unwrap();
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.insert(Key::new(Kind::Grant, "id"), row(1)).await.unwrap());
    drop(store);
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.get(Key::new(Kind::Grant, "id")).await.unwrap().is_some());
}

/// Setting up a store in an empty file can be interrupted.
#[tokio::test]
async fn a_database_without_any_commit_becomes_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let unused = directory.path().join("unused.db");
    let database = redb::Database::create(&unused).unwrap();
    fs::copy(&unused, &path).unwrap();
    drop(database);
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.insert(Key::new(Kind::Grant, "id"), row(1)).await.unwrap());
    drop(store);
    let store = FileStore::open(&path).await.unwrap();
    assert!(store.get(Key::new(Kind::Grant, "id")).await.unwrap().is_some());
}

#[tokio::test]
async fn paths_that_cannot_be_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let error = FileStore::open(directory.path().join("missing/auth.db")).await.map(drop).unwrap_err();
    assert!(error.reason.contains("directory"), "{error}");
    assert!(error.place.ends_with("missing/auth.db"), "{error}");

    let error = FileStore::open(directory.path()).await.map(drop).unwrap_err();
    assert!(error.reason.contains("not a file"), "{error}");

    let error = Store::open("file:").await.map(drop).unwrap_err();
    assert!(error.bad_url, "{error}");

    fs::write(directory.path().join("file"), "text").unwrap();
    let error = FileStore::open(directory.path().join("file/auth.db")).await.map(drop).unwrap_err();
    assert!(error.place.ends_with("file/auth.db"), "{error}");

    #[cfg(unix)]
    {
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join("nowhere"), &link).unwrap();
        let error = FileStore::open(&link).await.map(drop).unwrap_err();
        assert!(error.place.ends_with("link"), "{error}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}

#[tokio::test]
async fn other_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let mut half = b"redb\x1A\x0A\xA9\x0D\x0A".to_vec();
    half.resize(20_000, 0x5a);
    let contents: [&[u8]; 9] = [
        b"x",
        b"redb",
        b"redb\x1A\x0A\xA9\x0D\x0A",
        b"[settings]\nname = \"mine\"\n",
        b"SQLite format 3\0 and more",
        &[0; 4096],
        &[0xff; 100_000],
        &half,
        b"\x89PNG\r\n\x1a\n",
    ];
    for content in contents {
        fs::write(&path, content).unwrap();
        refused(&path).await;
    }
}

#[tokio::test]
async fn other_databases_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let make = |work: &dyn Fn(&redb::WriteTransaction)| {
        let _ = fs::remove_file(&path);
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        work(&transaction);
        transaction.commit().unwrap();
    };
    make(&|transaction| {
        transaction.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap().insert(1, 2).unwrap();
    });
    let error = refused(&path).await;
    assert!(error.reason.contains("not a gridauth store"), "{error}");

    make(&|transaction| {
        transaction.open_table(TableDefinition::<u64, u64>::new("settings")).unwrap().insert(1, 2).unwrap();
    });
    let error = refused(&path).await;
    assert!(error.reason.contains("not a gridauth store"), "{error}");

    make(&|transaction| {
        transaction.open_table(SETTINGS).unwrap().insert("application", "another").unwrap();
    });
    let error = refused(&path).await;
    assert!(error.reason.contains("not a gridauth store"), "{error}");

    make(&|transaction| {
        let definition = redb::MultimapTableDefinition::<u64, u64>::new("theirs");
        transaction.open_multimap_table(definition).unwrap().insert(1, 2).unwrap();
    });
    let error = refused(&path).await;
    assert!(error.reason.contains("not a gridauth store"), "{error}");
}

#[tokio::test]
async fn stores_of_newer_versions_are_refused() {
    let (_directory, path) = closed_store().await;
    let set_format = |format: &str| {
        let database = redb::Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(SETTINGS).unwrap().insert("format", format).unwrap();
        transaction.commit().unwrap();
    };
    set_format("2");
    let error = refused(&path).await;
    assert!(error.reason.contains("newer"), "{error}");
    set_format("0");
    refused(&path).await;
    set_format("one");
    refused(&path).await;
    set_format("1");
    FileStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_store_without_one_of_its_tables_is_refused() {
    let (_directory, path) = closed_store().await;
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.delete_table(TableDefinition::<&[u8], ()>::new("by_user")).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refused(&path).await;
    assert!(error.reason.contains("damaged"), "{error}");
}

#[tokio::test]
async fn truncated_stores_are_refused() {
    let (_directory, path) = closed_store().await;
    let whole = fs::read(&path).unwrap();
    let mut length = whole.len() - 1;
    while length > 0 {
        fs::write(&path, &whole[..length]).unwrap();
        refused(&path).await;
        length = length * 7 / 10;
    }
    fs::write(&path, [&whole[..], &[0; 100]].concat()).unwrap();
    refused(&path).await;
    fs::write(&path, &whole).unwrap();
    FileStore::open(&path).await.unwrap();
}

/// Opening a damaged file does not panic, and a refused file is not changed.
#[tokio::test]
async fn damaged_stores_are_refused_or_readable() {
    let (directory, path) = closed_store().await;
    let closed = fs::read(&path).unwrap();
    // As a crash leaves it.
    let crashed = {
        let store = FileStore::open(&path).await.unwrap();
        store.insert(Key::new(Kind::Grant, "last"), row(1)).await.unwrap();
        fs::read(&path).unwrap()
    };
    let path = directory.path().join("damaged.db");
    let mut seed = 11_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut refusals = 0;
    for round in 0..240 {
        let mut content = if round % 2 == 0 { closed.clone() } else { crashed.clone() };
        // Damage to the header, in the first page, is the most interesting.
        let area = if round % 3 == 0 { 512 } else { content.len() };
        for _ in 0..1 + random(4) {
            let (at, power) = (random(area), random(11));
            let length = 1 + random(1 << power);
            content[at..].iter_mut().take(length).for_each(|byte| *byte = random(256) as u8);
        }
        fs::write(&path, &content).unwrap();
        match FileStore::open(&path).await {
            Ok(store) => {
                for number in 0..60 {
                    if let Ok(Some(found)) = store.get(Key::new(Kind::Grant, &number.to_string())).await {
                        assert_eq!(*found, row(number));
                    }
                }
            }
            Err(error) => {
                refusals += 1;
                assert!(fs::read(&path).unwrap() == content, "the file was changed: {error}");
                assert!(error.to_string().contains("damaged.db"), "{error}");
            }
        }
    }
    assert!(refusals > 40, "only {refusals} of 240 were refused");
}

#[tokio::test]
async fn a_file_is_opened_once_per_process() {
    let (_directory, path) = closed_store().await;
    let store = FileStore::open(&path).await.unwrap();
    let error = FileStore::open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("in this process") && !error.reason.contains("another"), "{error}");
    #[cfg(unix)]
    {
        let link = path.with_extension("link");
        fs::hard_link(&path, &link).unwrap();
        let error = FileStore::open(&link).await.map(drop).unwrap_err();
        assert!(error.reason.contains("in this process"), "{error}");
    }
    assert!(store.get(Key::new(Kind::Grant, "1")).await.unwrap().is_some());
    drop(store);
    FileStore::open(&path).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_create_it_at_once_one_succeeds() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.db");
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { FileStore::open(path).await })
            })
            .collect();
        let mut stores = Vec::new();
        for opening in opening {
            match opening.await.unwrap() {
                Ok(store) => stores.push(store),
                Err(error) => assert!(error.reason.contains("in this process"), "{error}"),
            }
        }
        assert_eq!(stores.len(), 1);
        drop(stores);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no other file is left");
    }
}

#[tokio::test]
async fn a_file_in_use_by_another_process_is_refused() {
    let (_directory, path) = closed_store().await;
    let mut other = Process::start("holds_the_file", path.to_str().unwrap());
    let id = other.said.recv_timeout(Duration::from_secs(30)).unwrap();
    let no_wait = || FileOptions::default().wait(Duration::ZERO).open(&path);
    let error = no_wait().await.map(drop).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    let expected =
        if cfg!(target_os = "linux") { format!("in use by process {id} (") } else { "in use".to_owned() };
    assert!(error.reason.contains(&expected), "{error}");
    other.kill();
    no_wait().await.unwrap();
}

/// As in a rolling restart.
#[tokio::test]
async fn opening_waits_for_another_process_to_close_the_file() {
    let (_directory, path) = closed_store().await;
    let mut other = Process::start("holds_the_file", path.to_str().unwrap());
    other.said.recv_timeout(Duration::from_secs(30)).unwrap();
    let url = format!("file:{}?wait=100ms", path.display());
    let error = Store::open(&url).await.map(drop).unwrap_err();
    assert!(error.reason.contains("100ms"), "{error}");

    let url = format!("file:{}?wait=60s", path.display());
    let mut waiting = tokio::spawn(async move { Store::open(&url).await });
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    other.kill();
    waiting.await.unwrap().unwrap().ping().await.unwrap();
}

/// A file is longer than its header says, or shorter, while the process that has it open makes it grow.
#[tokio::test]
async fn a_file_that_is_growing_is_not_called_damaged() {
    let (_directory, path) = closed_store().await;
    let mut other = Process::start("holds_the_file", path.to_str().unwrap());
    other.said.recv_timeout(Duration::from_secs(30)).unwrap();
    let content = fs::read(&path).unwrap();
    let mut growing = content.clone();
    // The number of pages in the last region.
    growing[28] = growing[28].wrapping_add(100);
    fs::write(&path, &growing).unwrap();
    let error = FileOptions::default().wait(Duration::ZERO).open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("in use") && !error.reason.contains("damaged"), "{error}");
    // Not even its magic number is there yet.
    fs::write(&path, vec![0; growing.len()]).unwrap();
    let error = FileOptions::default().wait(Duration::ZERO).open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("in use"), "{error}");
    other.kill();
    fs::write(&path, &content).unwrap();
    FileStore::open(&path).await.unwrap();
}

#[tokio::test]
#[ignore = "run by another test in a process of its own"]
async fn holds_the_file() {
    let Some(path) = argument() else { return };
    let _store = FileStore::open(path).await.unwrap();
    say(&std::process::id().to_string());
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// The names of new files have to be durable before anything is answered. A directory that may not be read cannot be synced.
#[cfg(unix)]
#[tokio::test]
async fn a_directory_that_cannot_be_synced_is_an_error() {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65534;
    let directory = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["opens_where_the_directory_cannot_be_synced", "--exact", "--ignored", "--nocapture"])
        .env("GRIDAUTH_TEST_ARGUMENT", directory.path());
    if fs::metadata(directory.path()).unwrap().uid() == 0 {
        // Nothing is refused to root.
        chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return println!("SKIPPED: another user cannot run this test: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("@ done"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "run by another test in a process of its own"]
async fn opens_where_the_directory_cannot_be_synced() {
    use std::os::unix::fs::PermissionsExt;

    let Some(directory) = argument() else { return };
    let path = Path::new(&directory).join("auth.db");
    let allow = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o300);
    let error = FileStore::open(&path).await.map(drop).unwrap_err();
    assert!(error.reason.contains("directory"), "{error}");
    allow(0o700);
    drop(FileStore::open(&path).await.unwrap());

    allow(0o300);
    let store = FileStore::open(&path).await.unwrap();
    store.insert(Key::new(Kind::Grant, "id"), row(1)).await.unwrap_err();
    assert!(store.get(Key::new(Kind::Grant, "id")).await.unwrap().is_none());
    allow(0o700);
    assert!(store.insert(Key::new(Kind::Grant, "id"), row(1)).await.unwrap());
    say("done");
}

/// The file has the documented format.
#[tokio::test]
async fn the_file_has_the_documented_format() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    let store = FileStore::open(&path).await.unwrap();
    let id = "0192f0c4-7f3a-7c11-8a4e-5d2f1c3b9a70";
    let row = Row::new(Timestamp::from_millis(5), "{}")
        .with_user(Some("ann"))
        .with_client(Some("web"))
        .with_scope(Some("a b"))
        .with_expires(Some(Timestamp::from_millis(258)));
    store.insert(Key::new(Kind::Grant, id), row).await.unwrap();
    drop(store);

    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_read().unwrap();
    let settings = transaction.open_table(SETTINGS).unwrap();
    assert_eq!(settings.get("application").unwrap().unwrap().value(), "gridauth");
    assert_eq!(settings.get("format").unwrap().unwrap().value(), "1");

    let uuid = b"\x01\x92\xf0\xc4\x7f\x3a\x7c\x11\x8a\x4e\x5d\x2f\x1c\x3b\x9a\x70";
    let packed = [b"\x01".as_slice(), uuid].concat();
    let key = [b"\x03".as_slice(), &packed].concat();
    let rows = transaction.open_table(TableDefinition::<&[u8], &[u8]>::new("rows")).unwrap();
    let value = rows.get(&*key).unwrap().unwrap().value().to_vec();
    let rest = b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\x01\x02\0\0\0\x03ann\0\0\0\x03web\0\0\0\x03a b{}";
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&key);
    checksum.update(b"\x01\x0f");
    checksum.update(rest);
    let expected = [b"\x01\x0f".as_slice(), &checksum.finalize().to_be_bytes(), rest].concat();
    assert_eq!(value, expected);

    for (table, prefix) in [
        ("by_user", b"\x03\0\0\x03ann".as_slice()),
        ("by_client", b"\x03\0\0\x03web"),
        ("by_expiry", b"\x03\x80\0\0\0\0\0\x01\x02"),
    ] {
        let index = transaction.open_table(TableDefinition::<&[u8], ()>::new(table)).unwrap();
        assert!(index.get(&*[prefix, &packed].concat()).unwrap().is_some(), "{table}");
    }
}
