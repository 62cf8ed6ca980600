//! Transactions over several rows of one collection.

use std::{net::SocketAddr, sync::Arc};

use tokio::time::Instant;

use super::{
    Collection,
    binding::{Binding, RowChange},
    many::batch_of,
    session::{Ending, Session},
};
use crate::{
    connection::{Answer, Ticket},
    error::{Error, ErrorKind},
    retry::{Repeat, Try},
    row::{Row, ToKey, ToRow},
    wire::{
        message::row,
        options::{Options, PutMode},
        statement::Statement,
    },
};

/// A transaction on one collection. GridDB has no transactions across collections.
///
/// The first call begins it; each call is one round trip. Rows that it writes or [locks](Self::lock) stay locked
/// until it ends, while others read the last committed state. Dropping it rolls everything back. The server aborts
/// it after the `lock_timeout`.
///
/// Any error rolls everything back and releases all locks. After one, drop the transaction.
///
/// ```no_run
/// # async fn example(accounts: griddb_rs::Collection) -> Result<(), griddb_rs::Error> {
/// let mut transaction = accounts.transaction();
/// // The server does not detect deadlocks: lock in the same order everywhere.
/// let from = transaction.lock("alice").await?;
/// let to = transaction.lock("bob").await?;
/// if let (Some(from), Some(to)) = (from, to) {
///     transaction.put(("alice", from.get::<i64>("balance")? - 10)).await?;
///     transaction.put(("bob", to.get::<i64>("balance")? + 10)).await?;
///     transaction.commit().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a transaction rolls it back"]
pub struct Transaction {
    collection: Collection,
    session: Option<Session>,
    failed: bool,
}

impl Collection {
    /// Begins a transaction.
    pub fn transaction(&self) -> Transaction {
        Transaction { collection: self.clone(), session: None, failed: false }
    }
}

impl Transaction {
    /// Reads a row and locks it until the transaction ends. A missing row cannot be locked.
    ///
    /// # Errors
    /// Another transaction holds the row for too long, or the database cannot be reached.
    pub async fn lock(&mut self, key: impl ToKey) -> Result<Option<Row>, Error> {
        self.read(key, true).await
    }

    /// Reads a row without locking it. It sees this transaction's own changes.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn get(&mut self, key: impl ToKey) -> Result<Option<Row>, Error> {
        self.read(key, false).await
    }

    /// Writes a row, replacing any row with the same key. Returns `true` if it replaced one.
    ///
    /// # Errors
    /// Another transaction holds the row for too long, the row does not fit the columns, or the database cannot be
    /// reached.
    pub async fn put(&mut self, row: impl ToRow) -> Result<bool, Error> {
        self.put_in_mode(row, PutMode::Any).await
    }

    /// Inserts a row whose key must not exist.
    ///
    /// # Errors
    /// The key exists ([`Error::is_key_exists`]), or as for [`put`](Self::put).
    pub async fn insert(&mut self, row: impl ToRow) -> Result<(), Error> {
        self.put_in_mode(row, PutMode::InsertOnly).await.map(drop)
    }

    /// Replaces an existing row.
    ///
    /// # Errors
    /// No row has that key ([`Error::is_key_missing`]), or as for [`put`](Self::put).
    pub async fn update_existing(&mut self, row: impl ToRow) -> Result<(), Error> {
        self.put_in_mode(row, PutMode::UpdateOnly).await.map(drop).map_err(Error::into_key_missing)
    }

    /// Removes a row. Returns `true` if it existed.
    ///
    /// # Errors
    /// Another transaction holds the row for too long, or the database cannot be reached.
    pub async fn remove(&mut self, key: impl ToKey) -> Result<bool, Error> {
        let (binding, time) = self.begin().await?;
        let session = self.session(&binding);
        let sent = key.with_key(|key| send_change(session, &RowChange::Remove(key), time));
        self.flag(sent).await
    }

    /// Writes several rows, replacing existing ones. One round trip.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub async fn put_many<R: ToRow>(&mut self, rows: &[R]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let (binding, time) = self.begin().await?;
        let session = self.session(&binding);
        let sent = send_many(session, rows, time);
        self.flag(sent).await.map(drop)
    }

    /// Commits all changes together. One round trip.
    ///
    /// If the answer is lost with the connection, the outcome is asked for on a new one.
    ///
    /// # Errors
    /// The transaction was aborted, because it took too long or one of its statements failed
    /// ([`ErrorKind::TransactionAborted`]); or the outcome could not be learned.
    pub async fn commit(self) -> Result<(), Error> {
        self.commit_at().await.map(drop)
    }

    /// Like [`commit`](Self::commit), and returns the node that did it; `None` if there was nothing to commit.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    pub async fn commit_at(mut self) -> Result<Option<SocketAddr>, Error> {
        if self.failed {
            return Err(aborted());
        }
        let Some(mut session) = self.session.take().filter(Session::has_begun) else { return Ok(None) };
        let retry = self.collection.retry(Repeat::WhenNotDone);
        let time = retry.try_now();
        match session.commit(&self.collection, time, retry.end()).await? {
            Ending::Committed => Ok(Some(session.binding.connection.address())),
            Ending::Aborted => Err(aborted()),
        }
    }

    /// Rolls everything back. Dropping the transaction does the same. Neither waits for the server.
    pub fn abort(self) {}

    async fn read(&mut self, key: impl ToKey, lock: bool) -> Result<Option<Row>, Error> {
        let (binding, time) = self.begin().await?;
        let session = self.session(&binding);
        let room = session.check_room(1);
        let sent = key.with_key(|key| {
            room?;
            if lock {
                return session.send_locking_read(key, None, time.transaction_seconds, time.deadline);
            }
            let (target, id) = session.next_statement(1);
            binding.connection.send(time.deadline, |batch| {
                batch.add_with_id(Statement::GetRow, id, |out, id| {
                    let options =
                        Options { transaction_timeout: Some(time.transaction_seconds), ..Options::default() };
                    let partition = binding.partition;
                    Ok(row::encode_get(out, id, partition, &target, &options, &binding.key, key)?)
                })?;
                Ok(id)
            })
        });
        let answer = self.answer(sent).await?;
        self.checked(binding.row(answer))
    }

    async fn put_in_mode(&mut self, row: impl ToRow, mode: PutMode) -> Result<bool, Error> {
        let (binding, time) = self.begin().await?;
        let session = self.session(&binding);
        let sent = row.with_values(|values| send_change(session, &RowChange::Put(mode, values), time));
        self.flag(sent).await
    }

    /// The container and the time for the next statement. A transaction stays on the connection where it began.
    async fn begin(&mut self) -> Result<(Arc<Binding>, Try), Error> {
        if self.failed {
            return Err(aborted());
        }
        let mut retry = self.collection.retry(Repeat::Always);
        loop {
            let time = retry.try_now();
            if let Some(session) = &self.session {
                return Ok((Arc::clone(&session.binding), time));
            }
            match self.collection.binding(time).await {
                Ok(begun) => return Ok(begun),
                Err(error) => self.collection.recover(&mut retry, error).await?,
            }
        }
    }

    fn session(&mut self, binding: &Arc<Binding>) -> &mut Session {
        let collection = &self.collection;
        self.session.get_or_insert_with(|| Session::new(collection, Arc::clone(binding)))
    }

    async fn flag(&mut self, sent: Result<Ticket, Error>) -> Result<bool, Error> {
        let answer = self.answer(sent).await?;
        self.checked(row::decode_flag(&mut answer.reader()).map_err(Error::from))
    }

    /// An answer that cannot be decoded counts as a failure.
    fn checked<T>(&mut self, read: Result<T, Error>) -> Result<T, Error> {
        if read.is_err() {
            self.failed = true;
            self.end_session();
        }
        read
    }

    /// The server may not know of the failure and would keep the locks.
    fn end_session(&mut self) {
        self.session = None;
    }

    async fn answer(&mut self, sent: Result<Ticket, Error>) -> Result<Answer, Error> {
        // A call whose future is dropped counts as failed: nobody reads its answer.
        self.failed = true;
        let result = match sent {
            Ok(ticket) => ticket.await,
            Err(error) => Err(error),
        };
        match result {
            Ok(answer) => {
                self.failed = false;
                Ok(answer)
            }
            Err(error) => {
                self.end_session();
                self.collection.note(&error);
                // Whatever the statement did, it is not committed.
                Err(error.into_not_done())
            }
        }
    }
}

fn send_many<R: ToRow>(session: &mut Session, rows: &[R], time: Try) -> Result<Ticket, Error> {
    let binding = Arc::clone(&session.binding);
    let ids = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    session.check_room(ids)?;
    let rows = batch_of(&binding.layout, rows)?;
    let (target, id) = session.next_statement(ids);
    binding.connection.send(time.deadline, |batch| {
        batch.add_with_id(Statement::PutMultipleRows, id, |out, id| {
            let options =
                Options { transaction_timeout: Some(time.transaction_seconds), ..Options::default() };
            row::encode_put_many(out, id, binding.partition, &target, &options, &rows);
            Ok(())
        })?;
        Ok(id)
    })
}

fn send_change(session: &mut Session, change: &RowChange<'_>, time: Try) -> Result<Ticket, Error> {
    session.check_room(1)?;
    let (target, id) = session.next_statement(1);
    let binding = &session.binding;
    let ticket = binding.connection.send(time.deadline, |batch| {
        batch.add_with_id(change.statement(), id, |out, id| {
            change.encode(out, id, binding, &target, time.transaction_seconds)
        })?;
        Ok(id)
    })?;
    Ok(ticket)
}

fn aborted() -> Error {
    Error::new(ErrorKind::TransactionAborted)
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("collection", &self.collection).finish_non_exhaustive()
    }
}

impl Collection {
    /// The deadline of a statement that is sent now.
    pub(super) fn statement_deadline(&self, end: Instant) -> Instant {
        end.min(Instant::now() + self.shared.cluster.config.statement_timeout)
    }
}
