use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::harness::{Harness, Mismatch, Outcome};
use super::report::Failure;
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
    pub(super) const fn new(name: &'static str, promise: &'static str, run: fn(Harness) -> Running) -> Self {
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
