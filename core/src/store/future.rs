use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::StoreError;

/// What a store operation returns: an answer that is there already, or one that has to be waited for.
///
/// A store in memory answers at once; then nothing is allocated for the future, and [`now`](Self::now) has the answer.
#[must_use = "a store operation does nothing until it is awaited"]
pub struct StoreFuture<'a, T>(State<'a, T>);

enum State<'a, T> {
    Ready(Option<Result<T, StoreError>>),
    Waiting(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>),
}

impl<'a, T> StoreFuture<'a, T> {
    /// An answer that is known now.
    pub fn ready(answer: Result<T, StoreError>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    /// An answer that `future` will give.
    pub fn new(future: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> Self {
        Self(State::Waiting(Box::pin(future)))
    }

    /// The answer, where it is there already. `None` where it has to be waited for: then nothing has been done yet, as a
    /// future does nothing before it is awaited.
    pub fn now(self) -> Option<Result<T, StoreError>> {
        match self.0 {
            State::Ready(answer) => answer,
            State::Waiting(_) => None,
        }
    }
}

impl<T: Unpin> Future for StoreFuture<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(answer) => match answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => Poll::Ready(Err(StoreError::internal("a store operation was awaited twice"))),
            },
            State::Waiting(future) => future.as_mut().poll(context),
        }
    }
}
