//! A single call on a connection wakes one thread once, as in a blocking client: the thread that sees the answer
//! also reads it and runs the caller.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

mod common;

use std::{fs, sync::mpsc};

use common::*;
use tokio::runtime::Builder;

const COUNT: u64 = 2000;

/// A node on a thread of its own, until the sender is dropped.
fn node_elsewhere() -> (String, mpsc::Sender<()>) {
    let (tell_url, urls) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let node = runtime.block_on(node());
        tell_url.send(url(&node, "")).unwrap();
        let _: Result<(), _> = ended.recv();
    });
    (urls.recv().unwrap(), end)
}

/// How often threads with that name have gone to sleep.
fn sleeps(thread: &str) -> u64 {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if field("Name:") == Some(thread) {
            sum += field("voluntary_ctxt_switches:").unwrap().parse::<u64>().unwrap();
        }
    }
    sum
}

/// How often the client's threads sleep per read, in thousandths.
async fn sleeps_per_get(url: String, thread: &str) -> u64 {
    let rows = rows(&griddb_rs::Client::connect(&url).await.unwrap()).await;
    rows.put(("k", 1i64)).await.unwrap();
    let before = sleeps(thread);
    for _ in 0..COUNT {
        assert_eq!(number(&rows).await, Some(1));
    }
    (sleeps(thread) - before) * 1000 / COUNT
}

/// Once for the answer, and occasionally for a tick of the timer.
fn check(per_thousand: u64) {
    assert!(per_thousand <= 1400, "a get sleeps {per_thousand} times in 1000");
}

#[test]
fn on_a_runtime_of_one_thread() {
    let (url, _end) = node_elsewhere();
    let client = std::thread::Builder::new().name("alone".into()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        check(runtime.block_on(sleeps_per_get(url, "alone")));
    });
    client.unwrap().join().unwrap();
}

#[test]
fn on_a_runtime_of_several_threads() {
    let (url, _end) = node_elsewhere();
    let runtime =
        Builder::new_multi_thread().worker_threads(2).thread_name("worker").enable_all().build().unwrap();
    let per_thousand = runtime.block_on(async { tokio::spawn(sleeps_per_get(url, "worker")).await });
    check(per_thousand.unwrap());
}
