//! Read, decide, write, as one atomic step.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Collection,
    binding::RowChange,
    session::{Ending, Session},
};
use crate::{
    connection::OpenSession,
    error::{Error, ErrorKind},
    retry::{Repeat, Retry},
    row::{Row, ToKey, ToRow},
    value::Value,
    wire::{options::PutMode, row_key::KeyLayout},
};

/// What [`Collection::update`] does with the row it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<R> {
    /// Leave it unchanged.
    Keep,
    /// Replace it, or insert it if it did not exist. The key must be the requested one.
    Put(R),
    /// Remove it.
    Remove,
}

/// The result of an update: whether it changed the row, and which node did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updated {
    changed: bool,
    node: SocketAddr,
}

impl Updated {
    /// Whether the row was written or removed rather than kept.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// The node that did it; see [`Client::owner_of`](crate::Client::owner_of).
    pub fn node(&self) -> SocketAddr {
        self.node
    }
}

impl Collection {
    /// Reads the row with that key, calls `decide`, and applies the decision atomically: nobody else changes the
    /// row in between. Returns `true` if the row was changed. This takes two round trips, or one if the row is
    /// kept. With [`Durability::Flush`](crate::Durability::Flush) a kept row takes two as well: another client's
    /// change is flushed before this call relies on it.
    ///
    /// An existing row stays locked while `decide` runs, so `decide` should be quick. A missing row cannot be
    /// locked: the new row is inserted, and if another client was faster, `decide` runs again with that client's
    /// row. It also runs again if the connection is lost before anything could have changed, so it must have no
    /// side effects that add up.
    ///
    /// If the connection is lost during the commit, the outcome is asked for on a new one.
    ///
    /// ```no_run
    /// # async fn example(accounts: griddb_rs::Collection) -> Result<(), griddb_rs::Error> {
    /// use griddb_rs::Change;
    ///
    /// let closed = accounts
    ///     .update("alice", |row| match row {
    ///         Some(_) => Change::Put(("alice", 0i64)),
    ///         None => Change::Keep,
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Another client holds the row for too long ([`Error::is_lock_timeout`]), the new row does not fit the
    /// columns or has another key, or the database cannot be reached. In the last case the outcome may be unknown.
    pub async fn update<R: ToRow>(
        &self,
        key: impl ToKey,
        decide: impl FnMut(Option<&Row>) -> Change<R>,
    ) -> Result<bool, Error> {
        Ok(self.update_at(key, decide).await?.changed())
    }

    /// Like [`update`](Self::update), with a `decide` that may fail. The row is then left unchanged.
    ///
    /// ```no_run
    /// # async fn example(accounts: griddb_rs::Collection) -> Result<(), griddb_rs::Error> {
    /// use griddb_rs::{Change, Error};
    ///
    /// let spent = accounts
    ///     .try_update("alice", |row| {
    ///         let balance = row.map_or(Ok(0), |row| row.get::<i64>("balance"))?;
    ///         Ok::<_, Error>(if balance >= 10 { Change::Put(("alice", balance - 10)) } else { Change::Keep })
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of `decide`, or as for [`update`](Self::update).
    pub async fn try_update<R: ToRow, E: From<Error>>(
        &self,
        key: impl ToKey,
        mut decide: impl FnMut(Option<&Row>) -> Result<Change<R>, E>,
    ) -> Result<bool, E> {
        let mut failed = None;
        let updated = self.update_at(key, |row| match decide(row) {
            Ok(change) => {
                failed = None;
                change
            }
            Err(error) => {
                failed = Some(error);
                Change::Keep
            }
        });
        let updated = updated.await?;
        failed.map_or(Ok(updated.changed()), Err)
    }

    /// Like [`update`](Self::update), and returns the node that did it.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub async fn update_at<R: ToRow>(
        &self,
        key: impl ToKey,
        mut decide: impl FnMut(Option<&Row>) -> Change<R>,
    ) -> Result<Updated, Error> {
        let mut retry = self.retry(Repeat::WhenNotDone);
        let (mut abandoned, mut overtaken) = (None, false);
        loop {
            match self.update_once(&key, &mut decide, &mut retry, &mut abandoned).await {
                Ok(Some(updated)) => return Ok(updated),
                // Another client was faster. Normally its row can be read now.
                Ok(None) if !std::mem::replace(&mut overtaken, true) => retry.once_more()?,
                Ok(None) => retry.until_committed().await?,
                Err(error) => self.recover(&mut retry, error).await?,
            }
        }
    }

    /// One attempt. `None` if the row has to be read again.
    async fn update_once<R: ToRow>(
        &self,
        key: &impl ToKey,
        decide: &mut impl FnMut(Option<&Row>) -> Change<R>,
        retry: &mut Retry<'_>,
        abandoned: &mut Option<OpenSession>,
    ) -> Result<Option<Updated>, Error> {
        let time = retry.try_now();
        let (binding, time) = self.binding(time).await?;
        let node = binding.connection.address();
        let mut session = Session::new(self, binding);
        let read =
            key.with_key(|key| session.send_locking_read(key, *abandoned, time.lock_seconds, time.deadline))?;
        *abandoned = None;
        let row = match read.await {
            Ok(answer) => session.binding.row(answer)?,
            Err(error) => {
                session.note_unsent(&error);
                // Whether or not it got the lock, it changed nothing.
                let error = error.into_not_done();
                if session.has_begun() && session.is_left_open(&error) {
                    *abandoned = Some(session.as_open());
                }
                return Err(error);
            }
        };
        let change = decide(row.as_ref());
        match (row, change) {
            (_, Change::Keep) | (None, Change::Remove) => {
                if self.flushes() {
                    let binding = Arc::clone(&session.binding);
                    drop(session);
                    binding.flush(time.deadline).await.map_err(Error::into_not_done)?;
                }
                Ok(Some(Updated { changed: false, node }))
            }
            (None, Change::Put(new)) => {
                self.check_key(key, &new)?;
                drop(session);
                self.insert_missing(&new, retry).await
            }
            (Some(_), Change::Put(new)) => {
                self.check_key(key, &new)?;
                new.with_values(|values| {
                    Decided::send(self, session, RowChange::Put(PutMode::Any, values), retry)
                })?
                .done(self, retry, abandoned)
                .await
            }
            (Some(_), Change::Remove) => {
                key.with_key(|key| Decided::send(self, session, RowChange::Remove(key), retry))?
                    .done(self, retry, abandoned)
                    .await
            }
        }
    }

    async fn insert_missing<R: ToRow>(
        &self,
        new: &R,
        retry: &mut Retry<'_>,
    ) -> Result<Option<Updated>, Error> {
        retry.once_more()?;
        match self.put_until(retry, new, PutMode::InsertOnly).await {
            Ok(written) => Ok(Some(Updated { changed: true, node: written.node() })),
            Err(error) if error.is_key_exists() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A row with another key would not be locked, and writing it could wait for another client's lock.
    fn check_key<R: ToRow>(&self, key: &impl ToKey, new: &R) -> Result<(), Error> {
        let positions = &self.shared.schema.key;
        let same = new.with_values(|values| {
            key.with_key(|key: &[Value<'_>]| {
                let new = || positions.iter().map(|position| values.get(*position));
                if positions.len() == key.len() && new().eq(key.iter().map(Some)) {
                    return Ok(true);
                }
                // The server may still consider them equal: a column truncates timestamps to its precision.
                let layout = KeyLayout::of(&self.shared.schema);
                let bytes = |key: &[Value<'_>]| {
                    let mut bytes = Vec::new();
                    layout.encode(&mut bytes, key).map(|()| bytes)
                };
                let new: Vec<Value<'_>> = new().flatten().cloned().collect();
                Ok::<_, Error>(bytes(key)? == bytes(&new)?)
            })
        });
        let message = "an update must not change the row key";
        if same? { Ok(()) } else { Err(Error::with_message(ErrorKind::Input, message)) }
    }
}

/// A change that was decided and sent.
struct Decided {
    session: Session,
    flight: super::session::Flight,
    deadline: tokio::time::Instant,
}

impl Decided {
    fn send(
        collection: &Collection,
        mut session: Session,
        change: RowChange<'_>,
        retry: &mut Retry<'_>,
    ) -> Result<Self, Error> {
        retry.once_more()?;
        let time = retry.try_now();
        let flight = session.send_commit(Some(&change), collection.flushes(), time)?;
        Ok(Self { session, flight, deadline: time.deadline })
    }

    async fn done(
        mut self,
        collection: &Collection,
        retry: &mut Retry<'_>,
        abandoned: &mut Option<OpenSession>,
    ) -> Result<Option<Updated>, Error> {
        let ending = self.session.ending(self.flight, collection, self.deadline, retry.end()).await;
        let connection = &self.session.binding.connection;
        let node = connection.address();
        match ending {
            Ok(Ending::Committed) => Ok(Some(Updated { changed: true, node })),
            Ok(Ending::Aborted) => Ok(None),
            Err(error) => {
                if self.session.is_left_open(&error) {
                    *abandoned = Some(self.session.as_open());
                }
                Err(error)
            }
        }
    }
}
