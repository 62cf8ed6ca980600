//! Sessions that the server has to close, until it confirms that it did.
//!
//! A session holds row locks. If its node is lost, the next owner of the partition keeps the session and its locks for
//! five minutes, whatever the transaction timeout was (protocol 12). So a connection remembers each session until its
//! CLOSE_SESSION is confirmed, and hands over the rest when it ends or the node turns out not to be the owner.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::state::State;
use crate::{
    error::Error,
    wire::{message::session, statement::SessionId},
};

/// The most sessions that wait for a confirmation, in case a server never answers. Further ones are closed unconfirmed.
const MOST_UNCONFIRMED: usize = 10_000;

/// A session at the owner of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenSession {
    pub(crate) partition: u32,
    /// A container of the partition. The server finds the session without it.
    pub(crate) container: i64,
    pub(crate) id: SessionId,
    /// The statement id of its CLOSE_SESSION.
    pub(crate) close_id: i64,
}

impl OpenSession {
    /// Appends its CLOSE_SESSION. Closing a session twice is no error.
    pub(crate) fn encode_close(&self, out: &mut Vec<u8>) {
        session::encode_close(out, self.close_id, self.partition, self.container, self.id);
    }
}

/// Where connections hand over the sessions that they could not close.
#[derive(Debug, Clone, Default)]
pub(crate) struct LostSessions(Option<UnboundedSender<OpenSession>>);

impl LostSessions {
    /// The two ends.
    pub(crate) fn channel() -> (Self, UnboundedReceiver<OpenSession>) {
        let (sender, receiver) = unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    fn hand_over(&self, session: OpenSession) {
        if let Some(sender) = &self.0 {
            // Without a receiver the client is gone, and the server's timeout has to do.
            let _ = sender.send(session);
        }
    }
}

impl State {
    /// Queues a CLOSE_SESSION, or hands the session over if the connection has ended.
    pub(super) fn close_session(&mut self, session: OpenSession) {
        if self.ended.is_some() {
            self.lost_sessions.hand_over(session);
            return;
        }
        if self.waiting == 0 && !self.unanswered {
            self.quiet_since = None;
        }
        self.unanswered = true;
        self.append_with(|out| session.encode_close(out));
        if self.unconfirmed.len() < MOST_UNCONFIRMED {
            self.unconfirmed.insert(session.close_id, session);
        }
    }

    /// Delivers the answer to a CLOSE_SESSION.
    pub(super) fn session_closed(&mut self, close_id: i64, error: Option<&Error>) {
        if let Some(session) = self.unconfirmed.remove(&close_id)
            && error.is_some_and(Error::is_unavailable)
        {
            self.lost_sessions.hand_over(session);
        }
    }

    /// Hands over all sessions whose CLOSE_SESSION is not confirmed.
    pub(super) fn hand_over_sessions(&mut self, unsent: impl IntoIterator<Item = OpenSession>) {
        let unconfirmed = std::mem::take(&mut self.unconfirmed);
        for session in unconfirmed.into_values().chain(unsent) {
            self.lost_sessions.hand_over(session);
        }
    }
}
