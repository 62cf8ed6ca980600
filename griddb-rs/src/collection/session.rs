//! A transaction session at the server, and how it ends.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::{
    Binding, Collection,
    binding::{RowChange, flushed},
};
use crate::{
    connection::{Batch, FIRST_SESSION_ID, OpenSession, Ticket},
    error::{Error, ErrorKind, code},
    random,
    retry::Try,
    value::Value,
    wire::{
        message::{row, session},
        options::Options,
        statement::{RowTarget, SessionId, Statement, TransactionMode},
    },
};

/// Each session has its own range of statement ids, so that no two statements in flight on a connection share an
/// id. The server only requires that the ids of one session have no gaps.
const IDS_PER_SESSION: i64 = 1 << 20;
/// Reserved for COMMIT and CLOSE_SESSION.
const LAST_IDS: i64 = 2;
/// The longest pause between two attempts to learn the outcome of a COMMIT.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// A server session that holds one transaction. Dropping it closes the session, which rolls back uncommitted
/// changes and releases its locks.
pub(super) struct Session {
    pub(super) binding: Arc<Binding>,
    id: SessionId,
    last_statement: i64,
    /// The id of the last statement. A statement that uses several ids is answered under the first.
    last_sent: i64,
    begun: bool,
    committed: bool,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Committed,
    /// Rolled back: nothing was changed.
    Aborted,
}

/// A change, its COMMIT and optionally a flush, sent together.
pub(super) struct Flight {
    change: Option<Ticket>,
    commit: Ticket,
    flush: Option<Ticket>,
}

impl Session {
    pub(super) fn new(collection: &Collection, binding: Arc<Binding>) -> Self {
        let number = collection.shared.cluster.new_session();
        let id = SessionId { client: binding.client_id, number };
        let last_statement = FIRST_SESSION_ID + number * IDS_PER_SESSION;
        Self { binding, id, last_statement, last_sent: last_statement, begun: false, committed: false }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Checks that this many ids are left.
    ///
    /// # Errors
    /// There are fewer.
    pub(super) fn check_room(&self, ids: i64) -> Result<(), Error> {
        let used = self.last_statement - FIRST_SESSION_ID - self.id.number * IDS_PER_SESSION;
        if used.saturating_add(ids) <= IDS_PER_SESSION - 1 - LAST_IDS {
            return Ok(());
        }
        Err(Error::with_message(
            ErrorKind::Input,
            "a transaction is limited to a million rows and statements",
        ))
    }

    /// The target and id of the next row statement, which uses this many ids.
    pub(super) fn next_statement(&mut self, ids: i64) -> (RowTarget, i64) {
        let mode = if self.begun { TransactionMode::Continue } else { TransactionMode::Begin };
        self.begun = true;
        let id = self.last_statement + 1;
        self.last_statement += ids;
        self.last_sent = id;
        (self.binding.target(self.id, mode), id)
    }

    /// Reads a row and locks it, after closing an `abandoned` session that may hold the lock. Send nothing behind it
    /// before its answer has arrived: if it has to wait for the lock, later statements overtake it.
    pub(super) fn send_locking_read(
        &mut self,
        key: &[Value<'_>],
        abandoned: Option<OpenSession>,
        seconds: u32,
        deadline: Instant,
    ) -> Result<Ticket, Error> {
        let (target, id) = self.next_statement(1);
        let binding = &self.binding;
        let sent = binding.connection.send(deadline, |batch| {
            if let Some(abandoned) = abandoned {
                batch.add_unawaited(|out| abandoned.encode_close(out));
            }
            batch.add_with_id(Statement::GetRow, id, |out, id| {
                let transaction_timeout = Some(seconds);
                let options = Options { transaction_timeout, for_update: true, ..Options::default() };
                Ok(row::encode_get(out, id, binding.partition, &target, &options, &binding.key, key)?)
            })?;
            Ok(id)
        });
        self.sent(sent)
    }

    /// Sends the last change of the transaction, if any, and COMMIT behind it. The rows it changes are locked
    /// already, so the change does not wait and COMMIT does not overtake it.
    ///
    /// CLOSE_SESSION is not sent along: while the session exists, an outcome that was lost with the connection can
    /// be asked for again. It is sent once COMMIT is answered, and nobody waits for it.
    pub(super) fn send_commit(
        &mut self,
        change: Option<&RowChange<'_>>,
        with_flush: bool,
        time: Try,
    ) -> Result<Flight, Error> {
        let change_id = change.map(|change| (change, self.next_statement(1)));
        self.last_statement += 1;
        self.last_sent = self.last_statement;
        let (commit_id, session, binding) = (self.last_statement, self.id, &self.binding);
        let (change, commit, flush) = binding.connection.send(time.deadline, |batch| {
            if let Some((change, (target, id))) = &change_id {
                batch.add_with_id(change.statement(), *id, |out, id| {
                    change.encode(out, id, binding, target, time.lock_seconds)
                })?;
            }
            add_commit(batch, commit_id, binding, session)?;
            let change_id = change_id.as_ref().map(|(_, (_, id))| *id);
            Ok((change_id, commit_id, with_flush.then(|| binding.add_flush(batch))))
        })?;
        Ok(Flight { change, commit, flush })
    }

    /// Waits for the end of a transaction. Asks for the outcome again if the answer is lost.
    ///
    /// # Errors
    /// A change was refused, so nothing happened; or the outcome cannot be learned.
    pub(super) async fn ending(
        &mut self,
        flight: Flight,
        collection: &Collection,
        deadline: Instant,
        end: Instant,
    ) -> Result<Ending, Error> {
        let had_change = flight.change.is_some();
        let changed = match flight.change {
            Some(change) => change.await.map(drop),
            None => Ok(()),
        };
        let order = match flight.commit.await {
            Ok(answer) => answer.order,
            Err(error) => {
                // A refused change aborts the transaction, which is why the COMMIT behind it fails.
                if let Err(refused) = changed
                    && !refused.is_unavailable()
                {
                    return if is_aborted(&refused) { Ok(Ending::Aborted) } else { Err(refused) };
                }
                if is_aborted(&error) {
                    return Ok(Ending::Aborted);
                }
                collection.note(&error);
                if !error.is_outcome_unknown() && error.code().is_none() && had_change {
                    // COMMIT was never sent, and perhaps the change was not either.
                    return Err(error);
                }
                return self.ask_again(collection, error, flight.flush.is_some(), end).await;
            }
        };
        self.committed = true;
        // A server aborts a transaction when it refuses a statement of it. One that commits it anyway may have
        // done anything.
        changed.map_err(Error::into_unknown)?;
        if let Some(flush) = flight.flush {
            flushed(flush, order, &self.binding, deadline).await?;
        }
        Ok(Ending::Committed)
    }

    /// Commits the changes so far. If the connection is lost, the session may still exist and is looked up on a
    /// new one.
    ///
    /// # Errors
    /// The outcome cannot be learned.
    pub(super) async fn commit(
        &mut self,
        collection: &Collection,
        time: Try,
        end: Instant,
    ) -> Result<Ending, Error> {
        match self.send_commit(None, collection.flushes(), time) {
            Ok(flight) => self.ending(flight, collection, time.deadline, end).await,
            Err(error) => {
                collection.note(&error);
                self.ask_again(collection, error, collection.flushes(), end).await
            }
        }
    }

    /// Sends COMMIT until it is answered. The statement id stays the same, so it takes effect once.
    async fn ask_again(
        &mut self,
        collection: &Collection,
        first: Error,
        with_flush: bool,
        end: Instant,
    ) -> Result<Ending, Error> {
        let mut maybe_done = first.is_outcome_unknown();
        loop {
            let pause = random::jitter(PAUSE);
            if Instant::now() + pause >= end {
                return Err(if maybe_done { first.into_unknown() } else { first });
            }
            sleep(pause).await;
            let deadline = collection.statement_deadline(end);
            let time = Try { now: Instant::now(), deadline, lock_seconds: 0, transaction_seconds: 0 };
            let asked = match collection.binding(time).await {
                Ok((binding, _)) => {
                    self.binding = Arc::clone(&binding);
                    commit_on(&binding, self.last_statement, self.id, deadline).await
                }
                Err(error) => Err(error),
            };
            match asked {
                Ok(()) => {
                    self.committed = true;
                    if with_flush {
                        self.binding.flush(deadline).await.map_err(Error::into_unknown)?;
                    }
                    return Ok(Ending::Committed);
                }
                // The session was lost in a restart of the server, and the outcome with it.
                Err(error) if error.code() == Some(code::SESSION_NOT_FOUND) && maybe_done => {
                    return Err(error.into_unknown());
                }
                Err(error) if is_aborted(&error) => return Ok(Ending::Aborted),
                Err(error) if error.is_unavailable() => {
                    maybe_done |= error.is_outcome_unknown();
                    collection.note(&error);
                }
                Err(error) => return Err(if maybe_done { error.into_unknown() } else { error }),
            }
        }
    }

    /// Whether it may have to be closed elsewhere than on its connection: that is lost, or its node is not the owner.
    pub(super) fn is_left_open(&self, error: &Error) -> bool {
        !self.binding.connection.is_open() || error.is_unavailable() && error.code().is_some()
    }

    /// The session as the server knows it, with the id of its CLOSE_SESSION.
    pub(super) fn as_open(&self) -> OpenSession {
        OpenSession {
            partition: self.binding.partition,
            container: self.binding.container,
            id: self.id,
            close_id: self.last_statement + 1,
        }
    }

    /// Called with the error of the first statement. If that was never sent, the server has no session.
    pub(super) fn note_unsent(&mut self, error: &Error) {
        if !error.is_outcome_unknown() && error.code().is_none() {
            self.begun = false;
        }
    }

    /// Notes if the first statement could not be sent: the server then has no session.
    fn sent<T>(&mut self, sent: Result<T, Error>) -> Result<T, Error> {
        if sent.is_err() && self.last_statement == FIRST_SESSION_ID + self.id.number * IDS_PER_SESSION + 1 {
            self.begun = false;
        }
        sent
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.begun {
            return;
        }
        let connection = &self.binding.connection;
        if self.committed {
            // It holds no locks any more, so closing it can wait for the next write.
            connection.close_session_lazily(self.as_open());
        } else {
            connection.close_session_after(self.last_sent, self.as_open());
        }
    }
}

fn add_commit(batch: &mut Batch<'_>, id: i64, binding: &Binding, session: SessionId) -> Result<(), Error> {
    batch.add_with_id(Statement::Commit, id, |out, id| {
        session::encode_commit(out, id, binding.partition, binding.container, session);
        Ok(())
    })
}

async fn commit_on(binding: &Binding, id: i64, session: SessionId, deadline: Instant) -> Result<(), Error> {
    let ticket = binding.connection.send(deadline, |batch| {
        add_commit(batch, id, binding, session)?;
        Ok(id)
    })?;
    ticket.await.map(drop)
}

fn is_aborted(error: &Error) -> bool {
    error.kind() == ErrorKind::TransactionAborted && !error.is_outcome_unknown()
}
