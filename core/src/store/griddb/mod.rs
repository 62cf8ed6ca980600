//! The store in GridDB, beside the application's own containers.
//!
//! Rows have real columns, so that people can ask their database who has access; `docs/griddb.md` of the project shows
//! how. Grants are spread over containers in partitions of their own. One grant is one row: a guarded request is one
//! round trip, an issued token one, a redeemed code or a rotated token two and the client's row, which is kept for a
//! short time. Revoking a grant is one, revoking the access token of one that goes on two.
//!
//! # Options of the URL
//!
//! `griddb://USER:PASSWORD@HOST:PORT[,HOST:PORT…]/CLUSTER[/DATABASE][?options]`, with the options of
//! [`griddb_rs::Config`] and these:
//!
//! | option | meaning | default |
//! | --- | --- | --- |
//! | `prefix` | what the names of all containers begin with | `GRIDAUTH_` |
//! | `durability` | what is on the node's disk before it is answered: `flush` everything; `consume` what consumes, rotates or revokes, and new rows of [`Kind::AssertionId`] and [`Kind::Custom`], which may mark something as used; `server` what the node syncs by itself | `flush` |
//! | `grant_containers` | over how many containers grants are spread, 1 to 64; fixed when the database is first used | 16 |
//! | `client_cache` | how long a client's row may be used after it was read: so stale can a client be that another process has changed; `0s` reads it each time | `5s` |
//! | `verify_owner` | `true` asks the master, after each answer to a change, whether the node that gave it still owns the partition; also where it says that there was nothing to change. Reads are not asked about | `false` |
//!
//! All calls that one request makes share the `retry_for` of one call, 10 s unless the URL says otherwise.
//!
//! With `durability=consume` a node that crashes with its default `logWriteMode` of 1 forgets tokens and sign-ups of
//! its last second, though they were answered. With `server` it may also bring back a code that was used, or a token
//! that was revoked: only for nodes with `logWriteMode` 0, which sync each commit themselves.

mod client_cache;
mod layout;
mod list;
mod options;
mod rows;
mod sweep;

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use griddb_rs::{Client, Collection, Durability};
use tokio::time::timeout;

use super::deadline::Wait;
use super::{
    Backend, Change, Cursor, Key, Kind, OpenError, Page, Query, Row, StoreError, StoreErrorKind, StoreFuture,
    Updated,
};
use crate::env::Timestamp;
use client_cache::ClientCache;
use layout::Layout;
use options::{FlushPolicy, Options};
use rows::{NewRow, decode, readable};

/// A store in a GridDB database. [`Store::open`](super::Store::open) makes one of a `griddb://` URL.
pub struct GriddbStore {
    client: Client,
    layout: Layout,
    flush: FlushPolicy,
    verify_owner: bool,
    /// How long a call may take, and all calls of a request together.
    patience: Duration,
    clients: ClientCache,
    /// For each kind, the container where the next sweep begins.
    next_sweep: [AtomicUsize; Kind::ALL.len()],
}

/// What a write is for: whether it has to be on the disk before it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    /// Something new.
    Creates,
    /// Something is used up, rotated, revoked or changed.
    Consumes,
}

impl Write {
    /// What a new row of this kind is for. The id of an assertion is kept because it has been used, and what an
    /// application keeps may be such a mark as well.
    fn inserting(kind: Kind) -> Self {
        match kind {
            Kind::AssertionId | Kind::Custom => Self::Consumes,
            _ => Self::Creates,
        }
    }
}

impl GriddbStore {
    /// Connects to the database that the URL names, and makes what is missing in it. Several processes may do so at once.
    ///
    /// # Errors
    /// [`OpenError`] where the URL is not good, the database cannot be reached or refuses the login, or it was set up by a
    /// newer version. Its text never has the password.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (config, options) = Options::parse(url)?;
        let place = options.place.clone();
        let failed = |error: griddb_rs::Error| {
            let told = OpenError::cannot_open(place.clone(), error.to_string());
            if error.source().is_some() { told.with_source(Behind(error)) } else { told }
        };
        let client = Client::connect_with(config).await.map_err(failed)?;
        let layout = match Layout::open(&client, &options).await {
            Ok(layout) => layout,
            Err(layout::SetUpError::Database(error)) => return Err(failed(error)),
            Err(other) => return Err(OpenError::cannot_open(place, other.to_string())),
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

    /// What the client has sent so far: for tests that count round trips.
    pub fn stats(&self) -> griddb_rs::Stats {
        self.client.stats()
    }

    /// Begins a call. One that has hardly time left to learn its outcome is not begun: nothing has happened then, and a
    /// code stays good for another try.
    fn begin(&self) -> Result<Wait, StoreError> {
        let wait = Wait::begin(self.patience);
        if wait.left() < self.patience / 10 {
            return Err(StoreError::unavailable("GridDB: the request has waited too long already"));
        }
        Ok(wait)
    }

    fn durability(&self, write: Write) -> Durability {
        match (self.flush, write) {
            (FlushPolicy::Server, _) | (FlushPolicy::Consume, Write::Creates) => Durability::Server,
            (FlushPolicy::Everything, _) | (FlushPolicy::Consume, Write::Consumes) => Durability::Flush,
        }
    }

    /// Where a key is written, for a call that may take so long.
    fn collection(&self, key: Key<'_>, write: Write, wait: &Wait) -> Collection {
        self.layout.of(key).durability(self.durability(write)).within(wait.left())
    }

    /// An answer counts only if the node that gave it is still the owner, where that is to be asked: one that was paused
    /// and wakes takes changes that are not the cluster's, and finds rows missing that are there. It is no proof: the
    /// master may be the one that was paused.
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
        // A change was made: whatever keeps the master from confirming it, it is not undone.
        let kind = if changed { StoreErrorKind::OutcomeUnknown } else { StoreErrorKind::Unavailable };
        let unconfirmed = |message| StoreError::new(kind, message);
        match timeout(wait.left(), collection.owner()).await {
            Ok(Ok(Some(owner))) if owner == node => Ok(()),
            Ok(Ok(_)) => {
                Err(unconfirmed("GridDB: the node that answered is not the owner of its partition any more"))
            }
            Ok(Err(error)) => {
                Err(unconfirmed("GridDB: the master did not say who owns the partition of an answer")
                    .with_source(error))
            }
            Err(_) => {
                Err(unconfirmed("GridDB: the master did not say in time who owns the partition of an answer"))
            }
        }
    }

    /// Whether a row is where a new one was to go, confirmed and as durable as other answers are. The refusal of an insert does
    /// not say which node it is of, so where that matters the row is looked at once more, with its lock, which a backup does
    /// not give.
    async fn is_there(&self, collection: &Collection, key: Key<'_>, wait: &Wait) -> Result<bool, StoreError> {
        let collection = collection.within(wait.left());
        if !self.verify_owner {
            // Who put it there may not have flushed it yet.
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
                        // It has gone since: the key is free.
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

    fn past(&self, query: &Query<'_>) -> Option<Cursor> {
        list::past(&self.layout, query)
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

/// What to do with the row that was found, in the client's terms, and what that means in ours.
fn decided<'a>(
    id: &'a str,
    found: Option<&griddb_rs::Row>,
    decide: &mut (dyn FnMut(&Row) -> Change + Send),
) -> Decision<'a> {
    use griddb_rs::Change as To;

    let Some(found) = found else { return (To::Keep, Ok(Updated::Missing)) };
    // One that is spoilt can be removed; whoever wants to know what it says is told by its body.
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

fn late() -> StoreError {
    StoreError::unavailable("GridDB: no answer in time")
}

/// The client's error in the contract's terms. Its text says nothing of the data.
fn store_error(error: griddb_rs::Error) -> StoreError {
    use griddb_rs::ErrorKind as Of;

    let kind = if error.is_outcome_unknown() {
        StoreErrorKind::OutcomeUnknown
    } else {
        match error.kind() {
            Of::Input => StoreErrorKind::Refused,
            Of::SchemaMismatch => StoreErrorKind::Corrupt,
            Of::Query | Of::AnswerTooLong | Of::ContainerMissing | Of::KeyExists | Of::KeyMissing => {
                StoreErrorKind::Internal
            }
            // A server that is full, busy, or does not let us in any more is one to come back to. So is a port where
            // somebody else answers for the moment: a node of another cluster, or what is no node.
            _ => StoreErrorKind::Unavailable,
        }
    };
    let told = StoreError::new(kind, format!("GridDB: {error}"));
    if error.source().is_some() { told.with_source(Behind(error)) } else { told }
}

/// What is behind an error of the client that is told already: a chain of errors says each once.
#[derive(Debug)]
struct Behind(griddb_rs::Error);

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().map_or(Ok(()), |cause| fmt::Display::fmt(cause, f))
    }
}

impl Error for Behind {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}
