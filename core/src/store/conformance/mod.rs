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
mod expiry;
mod harness;
mod keys;
mod listings;
mod races;
mod report;
mod rows;
mod updates;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use harness::{Harness, Mismatch, Outcome};
pub use report::{Failure, Report};

use crate::Store;
use crate::env::{Entropy, SystemEntropy};

/// A promise and its check.
#[derive(Clone, Copy)]
pub struct Case {
    /// The name, as `group/topic`.
    pub name: &'static str,
    /// The promise that it checks.
    pub promise: &'static str,
    run: fn(Harness) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

impl Case {
    const fn new(name: &'static str, promise: &'static str, run: fn(Harness) -> Running) -> Self {
        Self { name, promise, run }
    }

    /// Checks this promise alone, with operations that alternate between `handles` to one database.
    ///
    /// # Errors
    /// [`Failure`] if the store breaks the promise, returns an error, panics, or does not answer.
    pub async fn check(&self, handles: impl Into<Arc<[Store]>>) -> Result<(), Failure> {
        let handles = handles.into();
        let failure = |expected: &str, seen: String| Failure {
            case: self.name,
            promise: self.promise,
            expected: expected.to_owned(),
            seen,
        };
        if handles.is_empty() {
            return Err(failure("at least one handle to the store", "none".to_owned()));
        }
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(failure(
                "a multi-thread runtime, on which callers really race",
                "a current-thread runtime".to_owned(),
            ));
        }
        let mut tag = [0; 8];
        if let Err(error) = SystemEntropy.fill(&mut tag) {
            return Err(failure("random bytes for a name of this run", error.to_string()));
        }
        let tag = format!("{:016x}", u64::from_be_bytes(tag));

        let task = tokio::spawn((self.run)(Harness::new(handles, tag)));
        let stop = task.abort_handle();
        match tokio::time::timeout(CASE_TIMEOUT, task).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(Mismatch { expected, seen }))) => Err(failure(&expected, seen)),
            Ok(Err(died)) => Err(failure("an answer", format!("a task that died: {died}"))),
            Err(_) => {
                stop.abort();
                Err(failure("an answer", format!("none within {} s", CASE_TIMEOUT.as_secs())))
            }
        }
    }
}

/// A store that takes longer for one case counts as hanging.
const CASE_TIMEOUT: Duration = Duration::from_secs(180);

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("promise", &self.promise)
            .finish_non_exhaustive()
    }
}

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
