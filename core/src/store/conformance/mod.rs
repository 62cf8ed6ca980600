//! The conformance kit: the promises of [`Backend`](super::Backend) as cases that any implementation can run.
//!
//! Write one test for your store and print its report:
//!
//! ```
//! use gridauth::Store;
//! use gridauth::store::{conformance, memory::MemoryStore};
//!
//! # tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
//! let report = conformance::check(|| async { Store::new(MemoryStore::new()) }).await;
//! assert!(report.is_clean(), "{report}");
//! # });
//! ```
//!
//! For a store that several processes share, also run [`check_shared`]: the same cases, with operations that
//! alternate between several handles to one database.
//!
//! The kit needs Tokio's multi-thread runtime, with time enabled. All cases together make some 10,000 operations, at
//! most 64 at a time.
//!
//! Give the kit a database of its own. Every case uses its own ids, users and clients, so the rows of others do not
//! disturb it. But its rows stay, and it removes whatever has expired in the store.

mod basics;
mod case;
mod expiry;
mod harness;
mod keys;
mod listings;
mod races;
mod report;
mod rows;
mod updates;

use std::future::Future;
use std::sync::Arc;

pub use case::Case;
pub use report::{Failure, Report};

use crate::Store;

/// All cases.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [basics::CASES, rows::CASES, keys::CASES, updates::CASES, races::CASES, listings::CASES, expiry::CASES]
        .into_iter()
        .flatten()
}

/// Runs every case on a store from `open`, which is called once for each case.
pub async fn check<F: Future<Output = Store>>(open: impl Fn() -> F) -> Report {
    run(async || vec![open().await].into()).await
}

/// Runs every case with operations that alternate between several handles to one database, as several processes have
/// them.
///
/// `open` is called once for each case. Its handles must see the same rows.
pub async fn check_shared<const N: usize, F: Future<Output = [Store; N]>>(open: impl Fn() -> F) -> Report {
    run(async || open().await.into()).await
}

async fn run(open: impl AsyncFn() -> Arc<[Store]>) -> Report {
    let mut report = Report::default();
    for case in cases() {
        match case.check(open().await).await {
            Ok(()) => report.passed.push(case.name),
            Err(failure) => report.failures.push(failure),
        }
    }
    report
}
