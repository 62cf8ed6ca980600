use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use crate::env::Timestamp;
use crate::guard::{AccessClaims, VerifierError};

/// The most answers that are remembered.
const MOST: usize = 10_000;

/// How many questions are under way at the same time. Whoever sends made-up tokens makes the guard ask.
const AT_ONCE: usize = 64;

/// How long nothing is asked after the issuer could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

type Answer = Option<Arc<AccessClaims>>;

/// What the issuer said of tokens, for a while. Concurrent questions about one token are one question.
pub(super) struct Answers {
    believed: Duration,
    known: Mutex<Known>,
    asking: Semaphore,
}

#[derive(Default)]
struct Known {
    slots: HashMap<[u8; 32], Slot>,
    failed: Option<Timestamp>,
}

struct Slot {
    answer: Arc<OnceCell<Answer>>,
    until: Timestamp,
}

impl Answers {
    pub(super) fn new(believed: Duration) -> Self {
        Self { believed, known: Mutex::default(), asking: Semaphore::new(AT_ONCE) }
    }

    /// What the issuer said of the token a moment ago, or says now.
    pub(super) async fn get_or_ask(
        &self,
        token: &str,
        now: Timestamp,
        ask: impl Future<Output = Result<Option<AccessClaims>, VerifierError>> + Send,
    ) -> Result<Option<AccessClaims>, VerifierError> {
        let answer = self.slot(token, now)?;
        let asked = answer
            .get_or_try_init(|| async {
                let _turn = self.asking.acquire().await.map_err(VerifierError::new)?;
                let asked = ask.await;
                self.known().failed = asked.is_err().then_some(now);
                Ok::<_, VerifierError>(asked?.map(Arc::new))
            })
            .await?;
        Ok(asked.as_deref().cloned())
    }

    /// Where the answer is, or will be. It is believed from the question on.
    fn slot(&self, token: &str, now: Timestamp) -> Result<Arc<OnceCell<Answer>>, VerifierError> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut known = self.known();
        if let Some(slot) = known.slots.get(&digest).filter(|slot| now < slot.until)
            && slot.answer.initialized()
        {
            return Ok(Arc::clone(&slot.answer));
        }
        if known.failed.is_some_and(|failed| failed <= now && now.since(failed) < PAUSE) {
            return Err(VerifierError::new("the issuer could not be reached a moment ago"));
        }
        if let Some(slot) = known.slots.get(&digest).filter(|slot| now < slot.until) {
            return Ok(Arc::clone(&slot.answer));
        }
        if known.slots.len() >= MOST {
            known.slots.retain(|_, slot| now < slot.until);
        }
        // With as many tokens at the same time, whichever goes is asked about again.
        if known.slots.len() >= MOST
            && let Some(any) = known.slots.keys().next().copied()
        {
            known.slots.remove(&any);
        }
        let answer = Arc::default();
        known.slots.insert(digest, Slot { answer: Arc::clone(&answer), until: now.after(self.believed) });
        Ok(answer)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    #[tokio::test]
    async fn of_many_questions_about_one_token_one_is_asked_until_the_answer_is_old() {
        let answers = Answers::new(Duration::from_secs(5));
        let asked = AtomicUsize::new(0);
        let ask = async || {
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Some(AccessClaims::for_client("web", at(60_000))))
        };
        let (one, other) =
            tokio::join!(answers.get_or_ask("a", at(0), ask()), answers.get_or_ask("a", at(0), ask()));
        assert!(one.unwrap().is_some() && other.unwrap().is_some());
        answers.get_or_ask("a", at(4_999), ask()).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        answers.get_or_ask("a", at(5_000), ask()).await.unwrap();
        answers.get_or_ask("b", at(5_000), ask()).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_failure_is_no_answer_and_is_not_repeated_at_once() {
        let answers = Answers::new(Duration::from_secs(5));
        let asked = AtomicUsize::new(0);
        let fail = async || {
            asked.fetch_add(1, Ordering::SeqCst);
            Err(VerifierError::new("down"))
        };
        for millis in [0, 500, 999] {
            assert!(answers.get_or_ask("a", at(millis), fail()).await.is_err());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let recovered = async || Ok(None);
        assert!(answers.get_or_ask("a", at(1_000), recovered()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn no_more_are_remembered_than_fit() {
        let answers = Answers::new(Duration::from_secs(300));
        for number in 0..MOST + 50 {
            answers.get_or_ask(&number.to_string(), at(0), async { Ok(None) }).await.unwrap();
        }
        assert_eq!(answers.known().slots.len(), MOST);
    }
}
