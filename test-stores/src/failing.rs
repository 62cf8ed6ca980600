use std::sync::{Arc, Mutex, PoisonError};

use gridauth::store::{Backend, StoreError, StoreErrorKind, StoreFuture};

use crate::Call;

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// The call is not made. The store is unavailable.
    Before,
    /// The call is made and its answer is lost. The outcome is unknown.
    After,
}

type Choose = Box<dyn FnMut(Call<'_>) -> bool + Send>;

/// Fails the calls that a test chooses; at first none. A clone shares the store and the choice.
pub struct Failing<B> {
    backend: Arc<B>,
    plan: Arc<Mutex<Option<(Failure, Choose)>>>,
}

impl<B: Backend> Failing<B> {
    /// Passes every call to `backend` until a test says otherwise.
    pub fn new(backend: B) -> Self {
        Self { backend: Arc::new(backend), plan: Arc::default() }
    }

    /// From here on, each call that `choose` selects fails with `failure`. Replaces an earlier choice. `choose` sees every
    /// call once, in order, and must not call the store.
    pub fn fail(&self, failure: Failure, choose: impl FnMut(Call<'_>) -> bool + Send + 'static) {
        self.plan(Some((failure, Box::new(choose))));
    }

    /// From here on, every call fails: the store is unavailable.
    pub fn take_down(&self) {
        self.fail(Failure::Before, |_| true);
    }

    /// From here on, no call fails.
    pub fn recover(&self) {
        self.plan(None);
    }

    fn plan(&self, plan: Option<(Failure, Choose)>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    fn failure_of(&self, call: Call<'_>) -> Option<Failure> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.as_mut().and_then(|(failure, choose)| choose(call).then_some(*failure))
    }

    fn around<'a, T: Send + Unpin + 'a>(
        &'a self,
        call: Call<'_>,
        work: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        match self.failure_of(call) {
            None => work(),
            Some(Failure::Before) => StoreFuture::ready(Err(StoreError::unavailable("a planted failure"))),
            Some(Failure::After) => StoreFuture::new(async move {
                let lost = StoreError::new(StoreErrorKind::OutcomeUnknown, "a planted loss of an answer");
                work().await.and(Err(lost))
            }),
        }
    }
}

impl<B> Clone for Failing<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend), plan: Arc::clone(&self.plan) }
    }
}

impl<B: Backend> Backend for Failing<B> {
    forward_required_methods!();
    forward_provided_methods!();
}
