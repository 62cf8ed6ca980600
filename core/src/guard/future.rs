use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Access, Rejection};

type Outcome = Result<Access, Rejection>;

/// The future returned by [`Guard::authenticate`](super::Guard::authenticate).
///
/// Usually its result is available immediately, and [`now`](Self::now) returns it without waiting.
#[must_use = "a request is not authenticated until this is awaited"]
pub struct AccessFuture(State);

enum State {
    Ready(Outcome),
    Waiting(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    Taken,
}

impl AccessFuture {
    #[inline]
    pub(super) fn ready(outcome: Outcome) -> Self {
        Self(State::Ready(outcome))
    }

    /// The access that was found before. For adapters, which keep it with the request.
    pub fn known(access: Access) -> Self {
        Self::ready(Ok(access))
    }

    pub(super) fn new(future: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Self(State::Waiting(Box::pin(future)))
    }

    /// Synchronous fast path: takes the result if it is available. `None` if the store would have to wait; then await the future.
    #[inline]
    pub fn now(&mut self) -> Option<Outcome> {
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Ready(outcome) => Some(outcome),
            other => {
                self.0 = other;
                None
            }
        }
    }
}

impl Future for AccessFuture {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        if let Some(outcome) = self.now() {
            return Poll::Ready(outcome);
        }
        match &mut self.0 {
            State::Waiting(future) => future.as_mut().poll(context),
            // The result was taken by `now`.
            State::Ready(_) | State::Taken => Poll::Pending,
        }
    }
}

impl fmt::Debug for AccessFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessFuture")
    }
}
