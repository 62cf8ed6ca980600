//! Measures the embedded store under saturation: the longest stall of an insert, and the start after a crash. Not run by
//! default, as the figures only mean something in a release build on a machine with nothing else to do:
//!
//! ```sh
//! cargo test --release -p gridauth --test file_measure -- --ignored --nocapture measures
//! ```
//!
//! `GRIDAUTH_MEASURE_ROWS` is the number of rows, a million by default; `GRIDAUTH_MEASURE_USERS` the number of users that they
//! belong to, 200,000 by default, and 0 for rows without users; `GRIDAUTH_MEASURE_DIR` the directory of the file.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "a measurement needs a real clock")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gridauth::env::{Entropy, SystemEntropy, Timestamp};
use gridauth::store::file::FileStore;
use gridauth::store::{Backend, Key, Kind, Row};
use tokio::task::JoinSet;

#[path = "common/process.rs"]
mod process;

use process::{Process, argument, say};

const CALLERS: u64 = 64;
const SATURATED: Duration = Duration::from_secs(8);
const ROUNDS: usize = 5;

fn random() -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes).unwrap();
    u64::from_ne_bytes(bytes)
}

/// Ids rise with time, as those of grants do.
fn id(number: u64) -> String {
    uuid::Uuid::from_u64_pair(number << 16, random()).hyphenated().to_string()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// About as large as a grant.
fn row(number: u64, users: u64) -> Row {
    let expires = Timestamp::from_millis(1_700_000_000_000 + number as i64);
    let user = random().checked_rem(users).map(|user| format!("user-{user}"));
    Row::new(Timestamp::from_millis(1_700_000_000_000), "x".repeat(350))
        .with_user(user.as_deref())
        .with_client(Some("web"))
        .with_scope(Some("notes.read"))
        .with_expires(Some(expires))
}

/// Inserts rows until `done`; returns how long each insert took.
async fn insert_all(
    store: &Arc<FileStore>,
    next: &Arc<AtomicU64>,
    done: impl Fn(u64) -> bool + Clone + Send + Sync + 'static,
) -> Vec<Duration> {
    let users = setting("GRIDAUTH_MEASURE_USERS", 200_000);
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (store, next, done) = (Arc::clone(store), Arc::clone(next), done.clone());
        callers.spawn(async move {
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if done(number) {
                    return times;
                }
                let (id, row) = (id(number), row(number, users));
                let begun = Instant::now();
                assert!(store.insert(Key::new(Kind::Grant, &id), row).await.unwrap());
                times.push(begun.elapsed());
            }
        });
    }
    callers.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by another test in a process of its own"]
async fn saturates() {
    let Some(argument) = argument() else { return };
    let (first, path) = argument.split_once(' ').unwrap();
    let next = Arc::new(AtomicU64::new(first.parse().unwrap()));
    let store = Arc::new(FileStore::open(path).await.unwrap());
    say("open");
    let begun = Instant::now();
    let mut times = insert_all(&store, &next, move |_| begun.elapsed() > SATURATED).await;
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    say(&format!(
        "{:.0} inserts a second; half within {:.2} ms, 99% within {:.1} ms, 99.9% within {:.1} ms, the longest {:.1} ms",
        times.len() as f64 / SATURATED.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    ));
    // Until the parent kills it.
    insert_all(&store, &next, |_| false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measures_stalls_and_starts() {
    let rows = setting("GRIDAUTH_MEASURE_ROWS", 1_000_000);
    let directory = match std::env::var("GRIDAUTH_MEASURE_DIR") {
        Ok(directory) => tempfile::tempdir_in(directory).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    let path = directory.path().join("auth.db");
    let store = Arc::new(FileStore::open(&path).await.unwrap());
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    insert_all(&store, &next, move |number| number >= rows).await;
    println!("{rows} rows written in {:.1} s", begun.elapsed().as_secs_f64());
    drop(store);
    open_and_read(&path, "after a clean shutdown").await;
    for round in 0..ROUNDS {
        let first = rows + (1 + round as u64) * 10_000_000;
        let mut process = Process::start("saturates", &format!("{first} {}", path.display()));
        for _ in 0..2 {
            let said = process.said.recv_timeout(Duration::from_secs(60)).unwrap();
            if said != "open" {
                println!("{said}");
            }
        }
        tokio::time::sleep(Duration::from_millis(500 + random() % 500)).await;
        process.kill();
        open_and_read(&path, "after kill -9 under saturation").await;
    }
}

/// Opens the store and reads a row, and says how long that took.
async fn open_and_read(path: &Path, when: &str) {
    let log: u64 = ["log1", "log2"]
        .iter()
        .filter_map(|log| std::fs::metadata(path.with_extension(format!("db.{log}"))).ok())
        .map(|metadata| metadata.len())
        .sum();
    let begun = Instant::now();
    let store = FileStore::open(path).await.unwrap();
    let opened = begun.elapsed();
    store.get(Key::new(Kind::Grant, &id(17))).await.unwrap();
    let read = begun.elapsed();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{when}: open in {:.1} ms, first read {:.1} ms; database {:.0} MB, log {:.1} MB",
        milliseconds(opened),
        milliseconds(read),
        std::fs::metadata(path).unwrap().len() as f64 / 1e6,
        log as f64 / 1e6
    );
    drop(store);
}
