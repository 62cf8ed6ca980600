//! What an operation allocates: nothing that a reused buffer can avoid.
//!
//! The client runs on this thread, whose allocations are counted. The node runs on another one.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::sync::mpsc;

use common::*;
use griddb_rs::{Client, Collection, Durability, tql};

const COUNT: u64 = 500;

/// A node on a thread of its own, until the sender is dropped.
fn node_elsewhere() -> (String, mpsc::Sender<()>) {
    let (tell_url, urls) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let node = runtime.block_on(node());
        tell_url.send(url(&node, "")).unwrap();
        let _: Result<(), _> = ended.recv();
    });
    (urls.recv().unwrap(), end)
}

/// Allocations per call, in thousandths.
fn per_call(
    runtime: &tokio::runtime::Runtime,
    rows: &Collection,
    call: impl AsyncFn(&Collection, i64),
) -> u64 {
    let run = |from: u64| {
        runtime.block_on(async {
            for number in from..from + COUNT {
                call(rows, number as i64).await;
            }
        });
    };
    run(0);
    let counted = allocation_counter::measure(|| run(COUNT));
    counted.count_total * 1000 / COUNT
}

#[test]
fn calls_allocate_only_what_they_return() {
    let (url, _end) = node_elsewhere();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(async {
        let rows = rows(&Client::connect(&url).await.unwrap()).await;
        rows.put(("k", 0i64)).await.unwrap();
        rows
    });
    let flushed = rows.durability(Durability::Flush);
    let check = |calls: &str, most: u64, counted: u64| {
        // Now and then a table or buffer grows. That does not count as the cost of a call.
        assert!(counted <= most * 1000 + 50, "{calls}: {counted} allocations in 1000");
    };
    check(
        "get",
        0,
        per_call(&runtime, &rows, async |rows, _| assert!(rows.get("k").await.unwrap().is_some())),
    );
    check("put", 0, per_call(&runtime, &rows, async |rows, n| assert!(rows.put(("k", n)).await.unwrap())));
    check(
        "flushed put",
        0,
        per_call(&runtime, &flushed, async |rows, n| assert!(rows.put(("k", n)).await.unwrap())),
    );
    check(
        "put and remove",
        0,
        per_call(&runtime, &rows, async |rows, n| {
            rows.put(("t", n)).await.unwrap();
            assert!(rows.remove("t").await.unwrap());
        }),
    );
    check(
        "flushed insert and take",
        0,
        per_call(&runtime, &flushed, async |rows, n| {
            rows.insert(("t", n)).await.unwrap();
            assert!(rows.take("t").await.unwrap().is_some());
        }),
    );
    check(
        "update",
        0,
        per_call(&runtime, &rows, async |rows, _| assert!(rows.update("k", raise).await.unwrap())),
    );
    check(
        "flushed update",
        0,
        per_call(&runtime, &flushed, async |rows, _| assert!(rows.update("k", raise).await.unwrap())),
    );
    // The list of rows that it returns.
    let tql = tql::bind("select * where k = ?", &[&"k"]).unwrap();
    let query = rows.query(tql);
    check(
        "query",
        1,
        per_call(&runtime, &rows, async |_, _| assert_eq!(query.rows().await.unwrap().len(), 1)),
    );
}
