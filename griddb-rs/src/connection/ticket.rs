//! Waiting for an answer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{Connection, closed, state::Progress};
use crate::{error::Error, wire::reader::Reader};

/// The answer to one statement.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The whole message.
    pub(crate) message: Bytes,
    /// Where its own body begins.
    pub(crate) body: usize,
    /// Rises with every answer that the connection received.
    pub(crate) order: u64,
}

impl Answer {
    /// Reads the body. Places that it tells count from the start of [`message`](Self::message).
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::starting_at(&self.message, self.body)
    }
}

/// The answer to come of one statement. Dropping it takes the statement back only as far as this side goes: the
/// server still does it.
#[derive(Debug)]
pub(crate) struct Ticket {
    connection: Connection,
    id: i64,
    taken: bool,
}

impl Ticket {
    pub(super) fn new(connection: Connection, id: i64) -> Self {
        Self { connection, id, taken: false }
    }
}

impl Future for Ticket {
    type Output = Result<Answer, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = {
            let mut state = self.connection.shared().lock();
            match state.slots.get_mut(&self.id).map(|slot| &mut slot.progress) {
                Some(Progress::Waiting(waker)) => {
                    match waker {
                        Some(known) => known.clone_from(context.waker()),
                        None => *waker = Some(context.waker().clone()),
                    }
                    return Poll::Pending;
                }
                _ => state.take(self.id).unwrap_or_else(|| Err(closed())),
            }
        };
        self.taken = true;
        Poll::Ready(result)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.taken {
            self.connection.shared().lock().abandon(self.id);
        }
    }
}
