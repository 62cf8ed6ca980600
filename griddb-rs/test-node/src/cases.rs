//! Runs many cases of one test concurrently.

use std::future::Future;
use tokio::task::JoinSet;

/// As many as may need the processor at once. The cases mostly wait.
const AT_A_TIME: usize = 32;

/// Runs all cases, a few at a time, even if one fails.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use griddb_test_node::{Fault, Options, TestNode, cases};
///
/// let case = async |fault: Fault| {
///     let node = TestNode::start(Options::new()).await.unwrap();
/// // … how a client handles the fault …
///     # drop((node, fault));
/// };
/// cases::some_at_a_time(Fault::never_whole().map(case)).await;
/// # }
/// ```
///
/// # Panics
/// If a case panicked. The other cases have ended by then.
pub async fn some_at_a_time<C>(cases: impl IntoIterator<Item = C>)
where
    C: Future<Output = ()> + Send + 'static,
{
    let (mut running, mut failed) = (JoinSet::new(), 0);
    for case in cases {
        if running.len() >= AT_A_TIME
            && let Some(done) = running.join_next().await
        {
            failed += usize::from(done.is_err());
        }
        running.spawn(case);
    }
    while let Some(done) = running.join_next().await {
        failed += usize::from(done.is_err());
    }
    assert_eq!(failed, 0, "cases failed");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    #[tokio::test]
    async fn a_case_that_fails_fails_the_test_when_all_have_run() {
        let run = Arc::new(AtomicUsize::new(0));
        let cases = (0..100).map({
            let run = Arc::clone(&run);
            move |number| {
                let run = Arc::clone(&run);
                async move {
                    run.fetch_add(1, Relaxed);
                    assert_ne!(number, 3, "the third fails");
                }
            }
        });
        assert!(tokio::spawn(some_at_a_time(cases)).await.is_err_and(|error| error.is_panic()));
        assert_eq!(run.load(Relaxed), 100);
    }
}
