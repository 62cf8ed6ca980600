use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridauth::store::{Backend, StoreFuture};

use crate::Call;

/// Counts the calls to a store. A clone shares the store and the count.
pub struct Counting<B> {
    backend: Arc<B>,
    counts: fn(Call<'_>) -> bool,
    count: Arc<AtomicUsize>,
}

impl<B: Backend> Counting<B> {
    /// Counts every call to `backend`.
    pub fn all(backend: B) -> Self {
        Self::only(backend, |_| true)
    }

    /// Counts the calls that read one row.
    pub fn reads(backend: B) -> Self {
        Self::only(backend, |call| matches!(call, Call::Get(_)))
    }

    /// Counts the calls that `counts` selects.
    pub fn only(backend: B, counts: fn(Call<'_>) -> bool) -> Self {
        Self { backend: Arc::new(backend), counts, count: Arc::default() }
    }

    /// How many calls were made so far.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn around<'a, T>(
        &'a self,
        call: Call<'_>,
        work: impl FnOnce() -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        if (self.counts)(call) {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
        work()
    }
}

impl<B> Clone for Counting<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend), counts: self.counts, count: Arc::clone(&self.count) }
    }
}

impl<B: Backend> Backend for Counting<B> {
    forward_required_methods!();
    forward_provided_methods!();
}
