//! The conformance kit: what [`Backend`](super::Backend) promises, as cases that any implementation can run.
//!
//! Write one test for your store and print what it reports:
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
//! A store that several processes share has a second run, [`check_shared`]: the same cases, their operations taking
//! turns through several handles to one database.
//!
//! The kit runs on Tokio's multi-thread runtime, with time enabled. All cases together are some 10,000 operations, at
//! most 64 at once. A case uses ids, users and clients of its own, so it may meet rows that others left; the rows that
//! it makes stay, and what is expired in the store it removes: give it a database of its own.

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

use harness::{Mismatch, Outcome, Subject};
pub use report::{Failure, Report};

use crate::Store;
use crate::env::{Entropy, SystemEntropy};

/// One promise, and how it is checked.
#[derive(Clone, Copy)]
pub struct Case {
    /// The name: its group and its subject.
    pub name: &'static str,
    /// The promise that it checks.
    pub promise: &'static str,
    run: fn(Subject) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

impl Case {
    const fn new(name: &'static str, promise: &'static str, run: fn(Subject) -> Running) -> Self {
        Self { name, promise, run }
    }

    /// Checks this promise alone, its operations taking turns through `handles`, all to one database.
    ///
    /// # Errors
    /// The [`Failure`] where the store broke the promise, answered with an error, panicked, or did not answer.
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
                "to be run on a multi-thread runtime, where callers really race",
                "a current-thread one".to_owned(),
            ));
        }
        let mut tag = [0; 8];
        if let Err(error) = SystemEntropy.fill(&mut tag) {
            return Err(failure("a name for this run", error.to_string()));
        }
        let tag = format!("{:016x}", u64::from_be_bytes(tag));

        let task = tokio::spawn((self.run)(Subject::new(handles, tag)));
        let stop = task.abort_handle();
        match tokio::time::timeout(LONGEST_CASE, task).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(Mismatch { expected, seen }))) => Err(failure(&expected, seen)),
            Ok(Err(died)) => Err(failure("an answer", format!("a task that died: {died}"))),
            Err(_) => {
                stop.abort();
                Err(failure("an answer", format!("none within {} s", LONGEST_CASE.as_secs())))
            }
        }
    }
}

/// A store that takes longer for one case hangs.
const LONGEST_CASE: Duration = Duration::from_secs(180);

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("promise", &self.promise)
            .finish_non_exhaustive()
    }
}

/// Every case there is.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [basics::CASES, rows::CASES, keys::CASES, updates::CASES, races::CASES, listings::CASES, expiry::CASES]
        .into_iter()
        .flatten()
}

/// Runs every case on the store that `open` gives; it is called once for each case.
pub async fn check<F: Future<Output = Store>>(open: impl Fn() -> F) -> Report {
    run(async || vec![open().await].into()).await
}

/// Runs every case on several handles to one database, as of several processes, their operations taking turns.
///
/// `open` is called once for each case; the handles that it gives must see the same rows.
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
