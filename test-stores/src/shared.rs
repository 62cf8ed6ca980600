use std::sync::Arc;

use gridauth::store::{Backend, StoreFuture};

use crate::Call;

/// Says that other processes use the store too. Each clone, opened as a store of its own, is like the store of another process.
pub struct Shared<B> {
    backend: Arc<B>,
}

impl<B: Backend> Shared<B> {
    /// Shares `backend`.
    pub fn new(backend: B) -> Self {
        Self { backend: Arc::new(backend) }
    }

    fn around<'a, T>(&'a self, _: Call<'_>, work: impl FnOnce() -> StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        work()
    }
}

impl<B> Clone for Shared<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend) }
    }
}

impl<B: Backend> Backend for Shared<B> {
    forward_required_methods!();

    fn is_shared(&self) -> bool {
        true
    }
}
