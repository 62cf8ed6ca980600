//! The store in GridDB, next to the application's own containers.
//!
//! Rows have real columns, so that people can query who has access; the project's `docs/griddb.md` shows how.
//! Grants are spread over containers in separate partitions, and one grant is one row. Round trips: one for a
//! guarded request or an issued token; two for a redeemed code or a rotated token, plus the client's row, which is
//! cached briefly; one for revoking a grant; two for revoking the access token of a grant that lives on.
//!
//! # Options of the URL
//!
//! `griddb://USER:PASSWORD@HOST:PORT[,HOST:PORT…]/CLUSTER[/DATABASE][?options]`, with the options of
//! [`griddb_rs::Config`] and these:
//!
//! | option | meaning | default |
//! | --- | --- | --- |
//! | `prefix` | prefix of all container names | `GRIDAUTH_` |
//! | `durability` | what is on the node's disk before it is answered. `flush`: everything. `consume`: whatever consumes, rotates or revokes, and new rows of [`Kind::AssertionId`] and [`Kind::Custom`], which may mark something as used. `server`: what the node syncs on its own | `flush` |
//! | `grant_containers` | the number of containers that grants are spread over, 1 to 64; fixed when the database is first used | 16 |
//! | `client_cache` | how long a client's row may be cached, and so how long a change by another process may go unnoticed; `0s` disables the cache | `5s` |
//! | `verify_owner` | `true` asks the master, after each answer to a change, whether the node that answered still owns the partition, even if there was nothing to change. Reads are not checked | `true` if the URL names several nodes or a provider, else `false` |
//!
//! All calls of one request share the `retry_for` of a single call. Its default is 10 s, or 30 s if the URL names several
//! nodes or a provider, which outlasts a failover.
//!
//! With `durability=consume`, a node with the default `logWriteMode` of 1 that crashes loses the tokens and sign-ups of
//! its last second, although they were answered. With `server`, a used code or a revoked token may even become valid
//! again, so use it only for nodes with `logWriteMode` 0, which sync every commit.

mod error;
mod layout;
mod list;
mod options;
mod rows;
mod sweep;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use griddb_rs::{Client, Collection, Durability};
use tokio::time::timeout;

use super::deadline::Wait;
use super::{
    Backend, Change, ClientCache, Cursor, Key, Kind, OpenError, Page, Query, Row, StoreError, StoreErrorKind,
    StoreFuture, Updated,
};
use crate::env::Timestamp;
use error::{CauseOf, late, store_error};
use layout::Layout;
use options::{FlushPolicy, Options};
use rows::{NewRow, decode, readable};

/// A store in a GridDB database. [`Store::open`](super::Store::open) creates one for a `griddb://` URL.
pub struct GriddbStore {
    client: Client,
    layout: Layout,
    flush: FlushPolicy,
    verify_owner: bool,
    /// The time limit of a call, and of all calls of a request together.
    patience: Duration,
    clients: ClientCache,
    /// For each kind, the container where the next sweep starts.
    next_sweep: [AtomicUsize; Kind::ALL.len()],
}

/// The purpose of a write, which decides whether it must be on disk before it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    /// Adds something new.
    Creates,
    /// Consumes, rotates, revokes or changes something.
    Consumes,
}

impl Write {
    /// The purpose of a new row of this kind. The id of an assertion is stored because it was used, and an
    /// application may store such marks too.
    fn inserting(kind: Kind) -> Self {
        match kind {
            Kind::AssertionId | Kind::Custom => Self::Consumes,
            _ => Self::Creates,
        }
    }
}

impl GriddbStore {
    /// Connects to the database named by the URL, and creates what is missing. Several processes may do so at
    /// once.
    ///
    /// # Errors
    /// [`OpenError`] if the URL is invalid, the database cannot be reached or refuses the login, or a newer
    /// version set it up. Its text never contains the password.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (config, options) = Options::parse(url)?;
        let url = options.shown_url.clone();
        let failed = |error: griddb_rs::Error| {
            let shown = OpenError::cannot_open(url.clone(), error.to_string());
            if error.source().is_some() { shown.with_source(CauseOf(error)) } else { shown }
        };
        let client = Client::connect_with(config).await.map_err(failed)?;
        let layout = match Layout::open(&client, &options).await {
            Ok(layout) => layout,
            Err(layout::SetUpError::Database(error)) => return Err(failed(error)),
            Err(other) => return Err(OpenError::cannot_open(url, other.to_string())),
        };
        Ok(Self {
            client,
            layout,
            flush: options.flush,
            verify_owner: options.verify_owner,
            patience: options.patience,
            clients: ClientCache::new(options.client_cache),
            next_sweep: Default::default(),
        })
    }

    /// The client's counters, for tests that count round trips.
    pub fn stats(&self) -> griddb_rs::Stats {
        self.client.stats()
    }

    /// Starts a call. A call with too little time left to learn its outcome is refused: nothing has happened then,
    /// and a code can still be redeemed.
    fn begin(&self) -> Result<Wait, StoreError> {
        let wait = Wait::begin(self.patience);
        if wait.left() < self.patience / 10 {
            return Err(StoreError::unavailable("GridDB: the request has no time left"));
        }
        Ok(wait)
    }

    fn durability(&self, write: Write) -> Durability {
        match (self.flush, write) {
            (FlushPolicy::Server, _) | (FlushPolicy::Consume, Write::Creates) => Durability::Server,
            (FlushPolicy::Everything, _) | (FlushPolicy::Consume, Write::Consumes) => Durability::Flush,
        }
    }

    /// The container for writing a key, with this call's time limit.
    fn collection(&self, key: Key<'_>, write: Write, wait: &Wait) -> Collection {
        self.layout.of(key).durability(self.durability(write)).within(wait.left())
    }

    /// With `verify_owner`, an answer counts only if the node that gave it still owns the partition. A node that
    /// was paused and wakes accepts changes that are lost, and misses rows that exist. This is no proof: the
    /// master may be the paused node.
    async fn verify(
        &self,
        collection: &Collection,
        node: SocketAddr,
        changed: bool,
        wait: &Wait,
    ) -> Result<(), StoreError> {
        if !self.verify_owner {
            return Ok(());
        }
        // A change was made, and stays made even if the master cannot confirm it.
        let kind = if changed { StoreErrorKind::OutcomeUnknown } else { StoreErrorKind::Unavailable };
        let unconfirmed = |message| StoreError::new(kind, message);
        match timeout(wait.left(), collection.owner()).await {
            Ok(Ok(Some(owner))) if owner == node => Ok(()),
            Ok(Ok(_)) => Err(unconfirmed("GridDB: the node that answered no longer owns the partition")),
            Ok(Err(error)) => {
                Err(unconfirmed("GridDB: the master did not confirm the owner of a partition")
                    .with_source(error))
            }
            Err(_) => Err(unconfirmed("GridDB: the master did not confirm the owner of a partition in time")),
        }
    }

    /// Whether a row exists where an insert was refused, confirmed and as durable as other answers. A refused
    /// insert does not say which node refused it. So with `verify_owner` the row is read once more with a lock,
    /// which a backup does not grant.
    async fn is_there(&self, collection: &Collection, key: Key<'_>, wait: &Wait) -> Result<bool, StoreError> {
        let collection = collection.within(wait.left());
        if !self.verify_owner {
            // Its writer may not have flushed it yet.
            if self.durability(Write::inserting(key.kind)) == Durability::Flush {
                collection.flush().await.map_err(store_error)?;
            }
            return Ok(true);
        }
        let mut is_there = false;
        let look = |found: Option<&griddb_rs::Row>| {
            is_there = found.is_some();
            griddb_rs::Change::Keep
        };
        let looked = collection.update_at::<NewRow<'_>>(key.id, look).await.map_err(store_error)?;
        self.verify(&collection, looked.node(), false, wait).await?;
        Ok(is_there)
    }
}

impl Backend for GriddbStore {
    fn name(&self) -> &str {
        "griddb"
    }

    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        let cached = (key.kind == Kind::Client).then(|| self.clients.get(key.id)).flatten();
        if let Some(row) = cached {
            return StoreFuture::ready(Ok(Some(row)));
        }
        StoreFuture::new(async move {
            let wait = self.begin()?;
            let reading = self.clients.reading();
            let collection = self.layout.of(key).within(wait.left());
            let Some(row) = collection.get(key.id).await.map_err(store_error)? else {
                return Ok(None);
            };
            let row = Arc::new(decode(&row)?);
            if key.kind == Kind::Client {
                self.clients.keep(key.id, &row, reading);
            }
            Ok(Some(row))
        })
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let row = NewRow::new(key.id, &row)?;
            let _writing = self.clients.writing(key);
            let wait = self.begin()?;
            loop {
                let collection = self.collection(key, Write::inserting(key.kind), &wait);
                match collection.insert_at(&row).await {
                    Ok(written) => {
                        self.verify(&collection, written.node(), true, &wait).await?;
                        return Ok(true);
                    }
                    Err(error) if error.is_key_exists() => {
                        if self.is_there(&collection, key, &wait).await? {
                            return Ok(false);
                        }
                        // It is gone since, so the key is free.
                    }
                    Err(error) => return Err(store_error(error)),
                }
            }
        })
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        StoreFuture::new(async move {
            let row = NewRow::new(key.id, &row)?;
            let _writing = self.clients.writing(key);
            let wait = self.begin()?;
            let collection = self.collection(key, Write::Consumes, &wait);
            let written = collection.put_at(&row).await.map_err(store_error)?;
            self.verify(&collection, written.node(), true, &wait).await
        })
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        StoreFuture::new(async move {
            let _writing = self.clients.writing(key);
            let wait = self.begin()?;
            let collection = self.collection(key, Write::Consumes, &wait);
            let mut outcome = Ok(Updated::Missing);
            let updated = collection
                .update_at(key.id, |found| {
                    let (change, said) = decided(key.id, found, &mut *decide);
                    outcome = said;
                    change
                })
                .await
                .map_err(store_error)?;
            self.verify(&collection, updated.node(), updated.changed(), &wait).await?;
            outcome
        })
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let _writing = self.clients.writing(key);
            let wait = self.begin()?;
            let collection = self.collection(key, Write::Consumes, &wait);
            let written = collection.remove_at(key.id).await.map_err(store_error)?;
            self.verify(&collection, written.node(), written.existed(), &wait).await?;
            Ok(written.existed())
        })
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        StoreFuture::new(async move {
            let wait = self.begin()?;
            list::page(&self.layout, query, &wait).await
        })
    }

    fn cursor_after_failure(&self, query: &Query<'_>) -> Option<Cursor> {
        list::past(&self.layout, query)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        StoreFuture::new(async move {
            let wait = self.begin()?;
            timeout(wait.left(), self.client.ping()).await.map_err(|_| late())?.map_err(store_error)
        })
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let wait = self.begin()?;
            let first = &self.next_sweep[kind as usize];
            sweep::expired(self.layout.all(kind), first, now, limit, &wait).await
        })
    }
}

type Decision<'a> = (griddb_rs::Change<NewRow<'a>>, Result<Updated, StoreError>);

/// Translates the row that was found and the decision about it, and what the decision means to the caller.
fn decided<'a>(
    id: &'a str,
    found: Option<&griddb_rs::Row>,
    decide: &mut (dyn FnMut(&Row) -> Change + Send),
) -> Decision<'a> {
    use griddb_rs::Change as To;

    let Some(found) = found else { return (To::Keep, Ok(Updated::Missing)) };
    // A damaged row can be removed. A decision that reads its body sees the error.
    let row = match readable(found) {
        Ok(row) => row,
        Err(error) => return (To::Keep, Err(error)),
    };
    match decide(&row) {
        Change::Keep => (To::Keep, Ok(Updated::Kept)),
        Change::Remove => (To::Remove, Ok(Updated::Removed)),
        Change::Replace(row) => match NewRow::owned(id, row) {
            Ok(row) => (To::Put(row), Ok(Updated::Replaced)),
            Err(error) => (To::Keep, Err(error)),
        },
    }
}
