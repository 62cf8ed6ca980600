//! How long a request has waited for the store so far.
//!
//! A store bounds each of its calls, and a request makes several. What its calls have taken is counted with the request,
//! so that a store can give all of them together no more time than one alone. Calls that wait at the same time take that
//! time once.

use std::future::Future;
#[cfg(feature = "griddb")]
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

#[cfg(feature = "griddb")]
use tokio::time::Instant;

#[cfg(feature = "griddb")]
tokio::task_local! {
    static WAITED: Arc<Waited>;
}

/// How long a request has waited.
#[cfg(feature = "griddb")]
#[derive(Default)]
struct Waited(Mutex<Counted>);

#[cfg(feature = "griddb")]
#[derive(Default)]
struct Counted {
    /// Up to when the last time ended in which a call was waiting.
    before: Duration,
    /// How many calls are waiting.
    open: usize,
    /// Since when there has been one without a break.
    since: Option<Instant>,
}

#[cfg(feature = "griddb")]
impl Waited {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that begins to wait; what the request has waited until now.
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

/// Answers a request, or a part of one: the calls that it makes share the time that a store gives to one.
///
/// No `async fn`, which would keep the answer's future twice: as its argument and as what it waits for.
#[cfg(feature = "griddb")]
pub(crate) fn shared<T>(answer: impl Future<Output = T>) -> impl Future<Output = T> {
    // A part counts with the whole.
    WAITED.scope(WAITED.try_with(Arc::clone).unwrap_or_default(), answer)
}

/// The same where no store bounds its calls.
#[cfg(not(feature = "griddb"))]
pub(crate) fn shared<T>(answer: impl Future<Output = T>) -> impl Future<Output = T> {
    answer
}

/// A call that waits for the store. When it goes, what it took is counted.
#[cfg(feature = "griddb")]
pub(crate) struct Wait {
    /// The request that it is part of; nothing is counted outside of one.
    request: Option<Arc<Waited>>,
    began: Instant,
    left: Duration,
}

#[cfg(feature = "griddb")]
impl Wait {
    /// Begins a call to a store that gives a request `patience` altogether.
    pub(crate) fn begin(patience: Duration) -> Self {
        let (request, began) = (WAITED.try_with(Arc::clone).ok(), Instant::now());
        let waited = request.as_ref().map(|request| request.begin(began)).unwrap_or_default();
        Self { request, began, left: patience.saturating_sub(waited) }
    }

    /// What is left of the patience.
    pub(crate) fn left(&self) -> Duration {
        self.left.saturating_sub(self.began.elapsed())
    }
}

#[cfg(feature = "griddb")]
impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(request) = &self.request {
            request.end();
        }
    }
}

#[cfg(all(test, feature = "griddb"))]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn calls_of_one_request_share_their_time() {
        shared(async {
            let first = Wait::begin(PATIENCE);
            tokio::time::advance(Duration::from_secs(7)).await;
            assert_eq!(first.left(), Duration::from_secs(3));
            drop(first);
            // What the request does meanwhile is not the store's.
            tokio::time::advance(Duration::from_secs(60)).await;
            assert_eq!(Wait::begin(PATIENCE).left(), Duration::from_secs(3));
        })
        .await;
        assert_eq!(Wait::begin(PATIENCE).left(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_part_of_another_shares_its_time() {
        let call = async || {
            let call = Wait::begin(PATIENCE);
            tokio::time::advance(Duration::from_secs(2)).await;
            drop(call);
        };
        shared(async {
            call().await;
            shared(async {
                assert_eq!(Wait::begin(PATIENCE).left(), Duration::from_secs(8));
                call().await;
            })
            .await;
            assert_eq!(Wait::begin(PATIENCE).left(), Duration::from_secs(6));
        })
        .await;
        assert_eq!(Wait::begin(PATIENCE).left(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_no_request_have_all_of_it() {
        let first = Wait::begin(PATIENCE);
        tokio::time::advance(Duration::from_secs(7)).await;
        drop(first);
        assert_eq!(Wait::begin(PATIENCE).left(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_the_same_time_take_it_once() {
        let call = async |seconds| {
            let call = Wait::begin(PATIENCE);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            drop(call);
        };
        let left = || Wait::begin(PATIENCE).left();
        shared(async {
            // Two of them are parts of their own.
            tokio::join!(call(1), call(1), call(1), shared(call(1)), shared(call(1)));
            assert_eq!(left(), Duration::from_secs(9));
            let late = async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                assert_eq!(left(), Duration::from_secs(7), "what is under way counts");
                call(2).await;
            };
            tokio::join!(call(3), late);
            assert_eq!(left(), Duration::from_secs(5));
            // With a break in between.
            let apart = async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                call(1).await;
            };
            tokio::join!(call(1), apart);
            assert_eq!(left(), Duration::from_secs(3));
        })
        .await;
        assert_eq!(left(), PATIENCE);
    }
}
