use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use gridauth::store::{Backend, StoreFuture};

use crate::Call;

/// Answers no call at once: each is pending at its first poll and is made at the second, as if the store were behind a network.
/// No time passes. A clone shares the store.
pub struct Delaying<B> {
    backend: Arc<B>,
}

impl<B: Backend> Delaying<B> {
    /// Delays every call to `backend`.
    pub fn new(backend: B) -> Self {
        Self { backend: Arc::new(backend) }
    }

    fn around<'a, T: Send + Unpin + 'a>(
        &'a self,
        _: Call<'_>,
        work: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        StoreFuture::new(async move {
            let mut is_second_poll = false;
            poll_fn(|context| {
                if std::mem::replace(&mut is_second_poll, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            work().await
        })
    }
}

impl<B> Clone for Delaying<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend) }
    }
}

impl<B: Backend> Backend for Delaying<B> {
    forward_required_methods!();
    forward_provided_methods!();
}
