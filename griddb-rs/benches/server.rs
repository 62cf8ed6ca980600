//! Round trips and operations per second on the server named by `GRIDAUTH_TEST_GRIDDB`.
//!
//! The operations, rows and counts are those of `Bench.java` for the official Java client. Each is measured in
//! several rounds; the output is the median, the lowest and the highest.
//!
//! A single operation makes three system calls (send, wait, receive) and wakes one thread once. The rest of its
//! time is mostly what the machine needs to wake that thread and two of the server's: in a virtual machine, an
//! idle core goes back to the host and takes long to return. So single operations are measured twice: as they are,
//! and while another thread keeps a core busy, like the compiler threads of a Java program in its first seconds.
//! Compare like with like, or pin client and server to the same core (`taskset`), which then never idles while the
//! other works.
//!
//! Operation names after `--` select what is measured: `cargo bench -p griddb-rs --bench server -- get`.
//!
//! Operations run in spawned tasks, like a web server's handlers. A future passed to `block_on` runs on a thread
//! beside the runtime's workers, so every answer would cross threads.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use griddb_rs::{Change, Client, Collection, ColumnType, Durability, Row, Schema, Timestamp, tql};

const KEYS: usize = 2000;
const ROUNDS: usize = 5;

fn key(n: usize) -> String {
    format!("key{:06}", n % KEYS)
}

fn row(n: usize) -> (String, String, i64, Timestamp) {
    (key(n), format!("value-{n}"), n as i64, Timestamp::from_millis(1_700_000_000_000 + n as i64))
}

#[derive(Clone, Copy)]
enum Operation {
    Get,
    Put,
    /// An insert-only put of a new key.
    Insert,
    /// Lock and read, then change and commit (protocol 4.9 D): two round trips.
    Update,
    /// The same with a removal, as in `Bench.java`.
    LockedRemove,
    /// TQL by row key.
    Query,
}

/// Keys that no insert of this run has used.
static NEXT_INSERT: AtomicUsize = AtomicUsize::new(0);

async fn run(rows: &Collection, operation: Operation, n: usize) {
    match operation {
        Operation::Get => {
            let row: (String, String, i64, Timestamp) = rows.get_as(key(n)).await.unwrap().unwrap();
            std::hint::black_box(row);
        }
        Operation::Put => {
            rows.put(row(n)).await.unwrap();
        }
        Operation::Insert => {
            let (_, value, number, time) = row(n);
            let key = format!("new{:08}", NEXT_INSERT.fetch_add(1, Ordering::Relaxed));
            rows.insert((key, value, number, time)).await.unwrap();
        }
        Operation::Update => {
            let raise = |found: Option<&Row>| {
                let number = found.map_or(0, |row| row.get::<i64>("n").unwrap());
                Change::Put((key(n), "changed", number + 1, Timestamp::from_millis(1_700_000_000_000)))
            };
            assert!(rows.update(key(n), raise).await.unwrap());
        }
        Operation::Query => {
            let tql = tql::bind("select * where k = ?", &[&key(n)]).unwrap();
            let found: Vec<(String, String, i64, Timestamp)> = rows.query(tql).rows_as().await.unwrap();
            assert_eq!(found.len(), 1);
        }
        Operation::LockedRemove => {
            assert!(rows.update(key(n), |_| Change::<Row>::Remove).await.unwrap());
        }
    }
}

/// Median microseconds of sequential operations.
async fn median(rows: &Collection, operation: Operation, count: usize) -> f64 {
    let mut times = Vec::with_capacity(count);
    for n in 0..count {
        let start = Instant::now();
        run(rows, operation, n).await;
        times.push(start.elapsed());
        if matches!(operation, Operation::LockedRemove) {
            run(rows, Operation::Put, n).await;
        }
    }
    times.sort_unstable();
    times[count / 2].as_secs_f64() * 1e6
}

/// Measured in rounds, because a machine's performance drifts.
#[derive(Default)]
struct Rounds(Vec<f64>);

impl std::fmt::Display for Rounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let digits = usize::from(sorted[0] < 1000.0);
        let (low, middle, high) = (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
        write!(f, "{middle:.digits$} ({low:.digits$}-{high:.digits$})")
    }
}

/// A thread that never sleeps until this is dropped.
struct Awake(Arc<AtomicBool>);

impl Awake {
    fn keep() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&over);
        std::thread::spawn(move || {
            while !watched.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        Self(over)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn one_after_the_other(rows: &Collection, how: &str, only: &[String]) {
    let mut operations = vec![
        (Operation::Get, "get", 1500),
        (Operation::Put, "put", 1500),
        (Operation::Insert, "insert", 1500),
        (Operation::Update, "update", 750),
        (Operation::LockedRemove, "lock-remove-commit", 750),
        (Operation::Query, "tql", 1500),
    ];
    operations.retain(|(_, name, _)| only.is_empty() || only.iter().any(|wanted| wanted == name));
    let mut medians: Vec<_> = operations.iter().map(|_| Rounds::default()).collect();
    for _ in 0..ROUNDS {
        for ((operation, _, count), rounds) in operations.iter().zip(&mut medians) {
            rounds.0.push(median(rows, *operation, *count).await);
        }
    }
    for ((_, name, _), rounds) in operations.iter().zip(&medians) {
        println!("median us, {how}: {name} {rounds}");
    }
}

async fn throughput(rows: &Collection, operation: Operation, in_flight: usize, seconds: f64) -> f64 {
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(seconds);
    let tasks: Vec<_> = (0..in_flight)
        .map(|task| {
            let rows = rows.clone();
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    // Separate keys, so that updates do not wait for each other.
                    run(&rows, operation, task * 31 + count % 31).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += task.await.unwrap();
    }
    total as f64 / start.elapsed().as_secs_f64()
}

async fn several_at_once(rows: &Collection, operation: Operation, name: &str) {
    for in_flight in [1, 8, 64] {
        let mut rates = Rounds::default();
        for _ in 0..ROUNDS {
            rates.0.push(throughput(rows, operation, in_flight, 0.2).await);
        }
        println!("ops/s: {name}, 1 connection, {in_flight} in flight: {rates}");
    }
}

async fn measure(url: &str, only: &[String]) {
    let client = Client::connect(url).await.unwrap();
    let schema = Schema::new()
        .key("k", ColumnType::String)
        .nullable("v", ColumnType::String)
        .column("n", ColumnType::Long)
        .nullable("t", ColumnType::Timestamp);
    let name = format!("rsbench_{:x}", std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    let rows = client.open_or_create(&name, &schema).await.unwrap();
    for start in (0..KEYS).step_by(500) {
        rows.put_many(&(start..start + 500).map(row).collect::<Vec<_>>()).await.unwrap();
    }
    for n in 0..2000 {
        run(&rows, Operation::Get, n).await;
        run(&rows, Operation::Put, n).await;
    }
    one_after_the_other(&rows, "as it comes", only).await;
    if only.is_empty() {
        let awake = Awake::keep();
        one_after_the_other(&rows, "a core kept awake", only).await;
        drop(awake);
        all_at_once(&rows).await;
    }
    client.drop_collection(&name).await.unwrap();
    client.close().await;
}

async fn all_at_once(rows: &Collection) {
    for (operation, name) in [
        (Operation::Get, "get"),
        (Operation::Put, "put"),
        (Operation::Insert, "insert"),
        (Operation::Update, "update"),
        (Operation::Query, "tql"),
    ] {
        several_at_once(rows, operation, name).await;
    }
    several_at_once(&rows.durability(Durability::Flush), Operation::Put, "flushed put").await;
}

fn main() {
    let Ok(url) = std::env::var("GRIDAUTH_TEST_GRIDDB") else {
        eprintln!("SKIPPED: set GRIDAUTH_TEST_GRIDDB to a griddb:// URL to measure on a real server");
        return;
    };
    let only: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (runtime, threads) in [(one, "one thread"), (many, "two threads")] {
        println!("runtime of {threads}");
        let (url, only) = (url.clone(), only.clone());
        runtime.block_on(async { tokio::spawn(async move { measure(&url, &only).await }).await.unwrap() });
    }
}
