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
    /// The complete message.
    pub(crate) message: Bytes,
    /// The offset of its body.
    pub(crate) body: usize,
    /// Increases with every answer that the connection receives.
    pub(crate) order: u64,
}

impl Answer {
    /// Reads the body. Positions count from the start of [`message`](Self::message).
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::starting_at(&self.message, self.body)
    }
}

/// The pending answer to one statement. Dropping it only discards the answer: the server still executes the
/// statement.
#[derive(Debug)]
pub(crate) struct Ticket {
    connection: Connection,
    id: i64,
    taken: bool,
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

/// Ids of statements, as one id, a tuple or a list. Each becomes a ticket.
pub(crate) trait Ids {
    /// The same shape with tickets.
    type Tickets;

    /// The tickets of these statements of a connection.
    fn into_tickets(self, connection: &Connection) -> Self::Tickets;
}

impl Ids for i64 {
    type Tickets = Ticket;

    fn into_tickets(self, connection: &Connection) -> Ticket {
        Ticket { connection: connection.clone(), id: self, taken: false }
    }
}

impl<I: Ids> Ids for Option<I> {
    type Tickets = Option<I::Tickets>;

    fn into_tickets(self, connection: &Connection) -> Self::Tickets {
        self.map(|id| id.into_tickets(connection))
    }
}

impl<I: Ids> Ids for Vec<I> {
    type Tickets = Vec<I::Tickets>;

    fn into_tickets(self, connection: &Connection) -> Self::Tickets {
        self.into_iter().map(|id| id.into_tickets(connection)).collect()
    }
}

impl<A: Ids, B: Ids> Ids for (A, B) {
    type Tickets = (A::Tickets, B::Tickets);

    fn into_tickets(self, connection: &Connection) -> Self::Tickets {
        (self.0.into_tickets(connection), self.1.into_tickets(connection))
    }
}

impl<A: Ids, B: Ids, C: Ids> Ids for (A, B, C) {
    type Tickets = (A::Tickets, B::Tickets, C::Tickets);

    fn into_tickets(self, connection: &Connection) -> Self::Tickets {
        (self.0.into_tickets(connection), self.1.into_tickets(connection), self.2.into_tickets(connection))
    }
}
