use gridauth::store::{Backend, StoreFuture};

use crate::Call;

/// Implements the required methods of [`Backend`] only. What the trait provides runs on top of them, whatever `backend` has of
/// its own.
pub struct Minimal<B> {
    backend: B,
}

impl<B: Backend> Minimal<B> {
    /// Hides what `backend` implements beyond the required methods.
    pub fn new(backend: B) -> Self {
        Self { backend }
    }

    fn around<'a, T>(&'a self, _: Call<'_>, work: impl FnOnce() -> StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        work()
    }
}

impl<B: Backend> Backend for Minimal<B> {
    forward_required_methods!();
}
