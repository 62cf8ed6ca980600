//! One deadline for all store calls of a request.
//!
//! A store bounds the time of a call, and a request makes several calls. The time that a request has waited for the
//! store is counted, so that a store can limit all of its calls together to the time of one. Concurrent calls count
//! once.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

tokio::task_local! {
    static WAITED: Arc<Waited>;
}

/// How long a request has waited for the store.
#[derive(Default)]
struct Waited(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// The time that calls have waited, without the current wait.
    before: Duration,
    /// The number of calls that are waiting.
    open: usize,
    /// When the current wait began: since then, at least one call has been waiting.
    since: Option<Instant>,
}

impl Waited {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that begins to wait. Returns how long the request has waited so far.
    fn begin(&self, now: Instant) -> Duration {
        let mut counted = self.counted();
        counted.open += 1;
        let since = *counted.since.get_or_insert(now);
        counted.before + now.saturating_duration_since(since)
    }

    fn end(&self) {
        let mut counted = self.counted();
        counted.open -= 1;
        if counted.open == 0
            && let Some(since) = counted.since.take()
        {
            counted.before += since.elapsed();
        }
    }
}

/// Runs `answer`, a request or a part of one, under one shared store deadline.
///
/// Not an `async fn`, which would store the future twice: as its argument and as what it awaits.
pub(crate) fn shared<T>(answer: impl Future<Output = T>) -> impl Future<Output = T> {
    // A part shares the deadline of the whole.
    WAITED.scope(WAITED.try_with(Arc::clone).unwrap_or_default(), answer)
}

/// A call that waits for the store. Dropping it ends the wait.
///
/// A store begins one for each call, and gives the database no more time than is [`left`](Self::left).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use gridauth::store::deadline::Wait;
///
/// let wait = Wait::begin(Duration::from_secs(10));
/// let answer = tokio::time::timeout(wait.left(), async { "a row" }).await;
/// assert!(answer.is_ok());
/// # });
/// ```
pub struct Wait {
    /// The request that the call belongs to. Outside of a request, nothing is counted.
    request: Option<Arc<Waited>>,
    began: Instant,
    left: Duration,
}

impl Wait {
    /// Begins a call. All calls of a request share `budget`.
    pub fn begin(budget: Duration) -> Self {
        let (request, began) = (WAITED.try_with(Arc::clone).ok(), Instant::now());
        let waited = request.as_ref().map(|request| request.begin(began)).unwrap_or_default();
        Self { request, began, left: budget.saturating_sub(waited) }
    }

    /// What is left of the budget.
    pub fn left(&self) -> Duration {
        self.left.saturating_sub(self.began.elapsed())
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("left", &self.left()).finish_non_exhaustive()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(request) = &self.request {
            request.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn calls_of_one_request_share_their_time() {
        shared(async {
            let first = Wait::begin(BUDGET);
            tokio::time::advance(Duration::from_secs(7)).await;
            assert_eq!(first.left(), Duration::from_secs(3));
            drop(first);
            // What the request does between its calls is not counted.
            tokio::time::advance(Duration::from_secs(60)).await;
            assert_eq!(Wait::begin(BUDGET).left(), Duration::from_secs(3));
        })
        .await;
        assert_eq!(Wait::begin(BUDGET).left(), BUDGET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_part_of_another_shares_its_time() {
        let call = async || {
            let call = Wait::begin(BUDGET);
            tokio::time::advance(Duration::from_secs(2)).await;
            drop(call);
        };
        shared(async {
            call().await;
            shared(async {
                assert_eq!(Wait::begin(BUDGET).left(), Duration::from_secs(8));
                call().await;
            })
            .await;
            assert_eq!(Wait::begin(BUDGET).left(), Duration::from_secs(6));
        })
        .await;
        assert_eq!(Wait::begin(BUDGET).left(), BUDGET);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_outside_of_a_request_have_the_whole_budget() {
        let first = Wait::begin(BUDGET);
        tokio::time::advance(Duration::from_secs(7)).await;
        drop(first);
        assert_eq!(Wait::begin(BUDGET).left(), BUDGET);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_calls_count_once() {
        let call = async |seconds| {
            let call = Wait::begin(BUDGET);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            drop(call);
        };
        let left = || Wait::begin(BUDGET).left();
        shared(async {
            // Two of them are in parts of the request.
            tokio::join!(call(1), call(1), call(1), shared(call(1)), shared(call(1)));
            assert_eq!(left(), Duration::from_secs(9));
            let late = async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                assert_eq!(left(), Duration::from_secs(7), "the current wait counts");
                call(2).await;
            };
            tokio::join!(call(3), late);
            assert_eq!(left(), Duration::from_secs(5));
            // With a gap between the calls.
            let apart = async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                call(1).await;
            };
            tokio::join!(call(1), apart);
            assert_eq!(left(), Duration::from_secs(3));
        })
        .await;
        assert_eq!(left(), BUDGET);
    }
}
