//! Round trips and operations per second on the server that `GRIDAUTH_TEST_GRIDDB` names.
//!
//! The same operations, rows and counts as the official Java client's `Bench.java` has beside them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement"
)]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use griddb_rs::{Change, Client, Collection, ColumnType, Durability, Row, Schema, Timestamp, tql};

const KEYS: usize = 2000;

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
    /// An insert-only put of a key that has not been there.
    Insert,
    /// Lock and read, then change and commit (protocol 4.9 D): two round trips.
    Update,
    /// The same with a removal, as `Bench.java` has it.
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

async fn throughput(rows: &Collection, operation: Operation, in_flight: usize, seconds: f64) -> f64 {
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(seconds);
    let tasks: Vec<_> = (0..in_flight)
        .map(|task| {
            let rows = rows.clone();
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    // Keys of its own, so that updates do not wait for each other.
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

async fn measure(url: &str) {
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
    println!(
        "median us: get {:.1} put {:.1} insert {:.1} update {:.1} lock-remove-commit {:.1} tql {:.1}",
        median(&rows, Operation::Get, 3000).await,
        median(&rows, Operation::Put, 3000).await,
        median(&rows, Operation::Insert, 3000).await,
        median(&rows, Operation::Update, 1500).await,
        median(&rows, Operation::LockedRemove, 1500).await,
        median(&rows, Operation::Query, 3000).await,
    );
    for (operation, name) in [
        (Operation::Get, "get"),
        (Operation::Put, "put"),
        (Operation::Insert, "insert"),
        (Operation::Update, "update"),
        (Operation::Query, "tql"),
    ] {
        for in_flight in [1, 8, 64] {
            let rate = throughput(&rows, operation, in_flight, 2.0).await;
            println!("ops/s: {name}, 1 connection, {in_flight} in flight: {rate:.0}");
        }
    }
    let durable = rows.durability(Durability::Flush);
    for in_flight in [1, 8, 64] {
        let rate = throughput(&durable, Operation::Put, in_flight, 2.0).await;
        println!("ops/s: flushed put, 1 connection, {in_flight} in flight: {rate:.0}");
    }
    client.drop_collection(&name).await.unwrap();
    client.close().await;
}

fn main() {
    let Ok(url) = std::env::var("GRIDAUTH_TEST_GRIDDB") else {
        eprintln!("SKIPPED: set GRIDAUTH_TEST_GRIDDB to a griddb:// URL to measure on a real server");
        return;
    };
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("runtime of one thread");
    one.block_on(measure(&url));
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("runtime of two threads");
    many.block_on(async { tokio::spawn(async move { measure(&url).await }).await.unwrap() });
}
