//! A server on an open transaction of the application.

use std::fmt;

use gridauth::store::{Deferred, Store};

/// What ran within a transaction that is not committed yet.
///
/// What leaves the database waits in here: events, messages to clients, cached rows. Call [`committed`](Self::committed) after the
/// commit, so that it goes. After a rollback, drop it.
#[must_use = "call `committed` after the commit"]
pub struct Uncommitted<T> {
    value: T,
    deferred: Deferred,
}

impl<T> Uncommitted<T> {
    /// What the work returned. It is not true before the commit.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Tells that the transaction was committed: lets out what waited, and returns what the work returned.
    pub fn committed(self) -> T {
        self.deferred.run();
        self.value
    }

    /// Returns what the work returned and forgets what waited, after a rollback.
    pub fn rolled_back(self) -> T {
        self.value
    }
}

impl<T, E> Uncommitted<Result<T, E>> {
    /// The error of the work at once, so that the transaction can be rolled back.
    ///
    /// # Errors
    /// That of the work.
    pub fn transpose(self) -> Result<Uncommitted<T>, E> {
        let Self { value, deferred } = self;
        value.map(|value| Uncommitted { value, deferred })
    }
}

impl<T: fmt::Debug> fmt::Debug for Uncommitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uncommitted").field("value", &self.value).finish_non_exhaustive()
    }
}

/// The store is not one in the database of the transaction, so nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is not a `SqlStore` of the transaction's kind of database")]
pub struct OtherStore(());

/// An open transaction of the application: `sqlx::Transaction`, of PostgreSQL or SQLite, nested ones (savepoints) too.
pub trait OpenTransaction: Send + sealed::Sealed {}

mod sealed {
    use gridauth::Store;

    /// Runs work on a transaction.
    pub trait Sealed {
        /// `None` if the store is another one.
        fn run<W: Future + Send>(
            &mut self,
            store: &Store,
            work: W,
        ) -> impl Future<Output = Option<W::Output>> + Send
        where
            W::Output: Send;
    }
}

#[cfg(feature = "postgres")]
impl OpenTransaction for sqlx::Transaction<'_, sqlx::Postgres> {}

#[cfg(feature = "postgres")]
impl sealed::Sealed for sqlx::Transaction<'_, sqlx::Postgres> {
    async fn run<W: Future + Send>(&mut self, store: &Store, work: W) -> Option<W::Output>
    where
        W::Output: Send,
    {
        crate::postgres::within::run(store, self, work).await
    }
}

#[cfg(feature = "sqlite")]
impl OpenTransaction for sqlx::Transaction<'_, sqlx::Sqlite> {}

#[cfg(feature = "sqlite")]
impl sealed::Sealed for sqlx::Transaction<'_, sqlx::Sqlite> {
    async fn run<W: Future + Send>(&mut self, store: &Store, work: W) -> Option<W::Output>
    where
        W::Output: Send,
    {
        crate::sqlite::within::run(store, self, work).await
    }
}

/// Runs a server, or a store, within an open transaction of the application.
pub trait Within {
    /// Runs `work`. Whatever it asks of this server goes to `transaction`, so that it is committed with the application's own rows, or
    /// not at all.
    ///
    /// What a client is told inside counts from the commit: send no response before it. Events, messages and cached rows wait in the
    /// [`Uncommitted`] that this returns. Tasks that `work` spawns are not within the transaction.
    ///
    /// The database may end a transaction because of another one: a serialization failure or a deadlock. Then `work` gets an error
    /// for which [`is_conflict`](crate::is_conflict) is true, and the application repeats its whole transaction.
    ///
    /// # Errors
    /// [`OtherStore`] if the server's store is in another kind of database.
    fn within<W: Future + Send>(
        &self,
        transaction: &mut impl OpenTransaction,
        work: W,
    ) -> impl Future<Output = Result<Uncommitted<W::Output>, OtherStore>> + Send
    where
        W::Output: Send;
}

impl Within for Store {
    async fn within<W: Future + Send>(
        &self,
        transaction: &mut impl OpenTransaction,
        work: W,
    ) -> Result<Uncommitted<W::Output>, OtherStore>
    where
        W::Output: Send,
    {
        let (value, deferred) = Deferred::collect(transaction.run(self, work)).await;
        value.map(|value| Uncommitted { value, deferred }).ok_or(OtherStore(()))
    }
}

#[cfg(feature = "server")]
impl Within for gridauth::GridAuth {
    async fn within<W: Future + Send>(
        &self,
        transaction: &mut impl OpenTransaction,
        work: W,
    ) -> Result<Uncommitted<W::Output>, OtherStore>
    where
        W::Output: Send,
    {
        self.store().within(transaction, work).await
    }
}
