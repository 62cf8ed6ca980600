//! How long a request has waited for the store so far.
//!
//! A store bounds each of its calls, and a request makes several. What its calls have taken is counted with the request,
//! so that a store can give all of them together no more time than one alone.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

#[cfg(feature = "griddb")]
use tokio::time::Instant;

tokio::task_local! {
    static WAITED: Waited;
}

/// How long a request has waited. When it is over, what it was a part of has waited so long too.
struct Waited(Cell<Duration>);

impl Drop for Waited {
    fn drop(&mut self) {
        // Mostly it is a part of nothing.
        let _ = WAITED.try_with(|whole| whole.0.set(whole.0.get().max(self.0.get())));
    }
}

/// Answers a request, or a part of one: the calls that it makes share the time that a store gives to one.
///
/// No `async fn`, which would keep the answer's future twice: as its argument and as what it waits for.
pub(crate) fn together<T>(answer: impl Future<Output = T>) -> impl Future<Output = T> {
    WAITED.scope(Waited(Cell::new(waited())), answer)
}

/// What the request that is being answered has waited; nothing where the call is not part of one.
fn waited() -> Duration {
    WAITED.try_with(|waited| waited.0.get()).unwrap_or_default()
}

/// A call that waits for the store. When it goes, what it took is counted.
#[cfg(feature = "griddb")]
pub(crate) struct Wait {
    began: Instant,
    left: Duration,
}

#[cfg(feature = "griddb")]
impl Wait {
    /// Begins a call to a store that gives a request `patience` altogether.
    pub(crate) fn begin(patience: Duration) -> Self {
        Self { began: Instant::now(), left: patience.saturating_sub(waited()) }
    }

    /// What is left of the patience.
    pub(crate) fn left(&self) -> Duration {
        self.left.saturating_sub(self.began.elapsed())
    }
}

#[cfg(feature = "griddb")]
impl Drop for Wait {
    fn drop(&mut self) {
        // Outside of a request nothing is counted.
        let _ = WAITED.try_with(|waited| waited.0.set(waited.0.get() + self.began.elapsed()));
    }
}

#[cfg(all(test, feature = "griddb"))]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn calls_of_one_request_share_their_time() {
        together(async {
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
        together(async {
            call().await;
            together(async {
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
}
