use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::StoreError;

/// The future of a store operation. Its answer is either known already or has to be awaited.
///
/// A store in memory knows the answer at once. Then the future takes no allocation, and [`now`](Self::now) returns
/// the answer without `await`.
#[must_use = "a store operation does nothing until it is awaited"]
pub struct StoreFuture<'a, T>(State<'a, T>);

enum State<'a, T> {
    Ready(Option<Result<T, StoreError>>),
    Waiting(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>),
}

impl<'a, T> StoreFuture<'a, T> {
    /// A future whose answer is known already.
    pub fn ready(answer: Result<T, StoreError>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    /// A future whose answer is that of `future`.
    pub fn new(future: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> Self {
        Self(State::Waiting(Box::pin(future)))
    }

    /// Looks at the answer once it is known.
    pub(super) fn inspect(self, look: impl FnOnce(&Result<T, StoreError>) + Send + 'a) -> Self
    where
        T: Send + 'a,
    {
        match self.0 {
            State::Ready(answer) => {
                if let Some(answer) = &answer {
                    look(answer);
                }
                Self(State::Ready(answer))
            }
            State::Waiting(future) => Self::new(async move {
                let answer = future.await;
                look(&answer);
                answer
            }),
        }
    }

    /// The answer, if it is known already; otherwise the future.
    pub(crate) fn into_answer(self) -> Result<Result<T, StoreError>, Self> {
        match self.0 {
            State::Ready(Some(answer)) => Ok(answer),
            other => Err(Self(other)),
        }
    }

    /// The answer, if it is known already. `None` if it has to be awaited: then nothing has been done yet, since a
    /// future does nothing before it is polled.
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
