//! Collections: containers whose rows are found by key.

mod binding;
mod many;
mod open;
mod query;
mod read;
mod session;
mod transaction;
mod update;
mod write;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Mutex as Gate,
    time::{Instant, timeout_at},
};

pub(crate) use binding::Binding;
pub use query::{ExplainRow, Pages, Query};
pub use transaction::Transaction;
pub use update::{Change, Updated};

use crate::{
    cluster::Cluster,
    error::{Error, ErrorKind},
    owner,
    retry::{Repeat, Retry, Try},
    schema::Schema,
    wire::container_name::ContainerName,
};

/// When a change is safe from a crash of the server.
///
/// By default this depends on the node's `dataStore.logWriteMode`. With 0, every commit is on disk before it is
/// answered. With 1, the default, it reaches the disk up to a second later, and a crash loses what was answered in
/// between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// As the server is configured.
    #[default]
    Server,
    /// On the node's disk before the call returns, however the server is configured. A flush is sent together with
    /// the change, so it costs no extra round trip.
    Flush,
}

/// The result of a write: which node did it, and whether the row existed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    existed: bool,
    node: SocketAddr,
}

impl Written {
    /// Whether a row with that key existed before.
    pub fn existed(&self) -> bool {
        self.existed
    }

    /// The node that did it; see [`Client::owner_of`](crate::Client::owner_of).
    pub fn node(&self) -> SocketAddr {
        self.node
    }
}

/// A collection of rows. Cloning it is cheap.
///
/// Every call finds the node that owns the collection's partition, sends it a batch of statements and waits for
/// the answers, for at most [`Config`](crate::Config)'s `retry_for`. When a connection is lost or a node refuses,
/// whatever is safe to repeat is sent again. A change whose answer was lost is not; [`Error::is_outcome_unknown`]
/// then returns `true`.
///
/// Dropping the future of a call leaves no lock behind. A change that was already sent may still be made.
#[derive(Clone)]
pub struct Collection {
    shared: Arc<Shared>,
    durability: Durability,
    patience: Option<Duration>,
}

struct Shared {
    cluster: Arc<Cluster>,
    name: ContainerName,
    partition: u32,
    schema: Schema,
    /// Whether this client creates it if it is missing.
    create: bool,
    binding: Mutex<Option<Arc<Binding>>>,
    /// Held while the container is being opened again.
    gate: Gate<()>,
}

impl Collection {
    /// The same collection with another durability for its changes.
    #[must_use]
    pub fn durability(&self, durability: Durability) -> Self {
        Self { durability, ..self.clone() }
    }

    /// The same collection with another limit for each call, all attempts together, instead of `retry_for`.
    #[must_use]
    pub fn within(&self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self.clone() }
    }

    /// The name it was opened with.
    pub fn name(&self) -> &ContainerName {
        &self.shared.name
    }

    /// Its columns, in the order in which this client writes and reads them.
    pub fn schema(&self) -> &Schema {
        &self.shared.schema
    }

    /// The partition it is in.
    pub fn partition(&self) -> u32 {
        self.shared.partition
    }

    /// Asks the master which node owns the collection's partition now; see
    /// [`Client::owner_of`](crate::Client::owner_of).
    ///
    /// # Errors
    /// The master cannot be reached.
    pub async fn owner(&self) -> Result<Option<SocketAddr>, Error> {
        owner::of_partition(&self.shared.cluster, self.shared.partition).await
    }

    fn retry(&self, repeat: Repeat) -> Retry<'_> {
        let cluster = &*self.shared.cluster;
        Retry::new(cluster, self.patience.unwrap_or(cluster.config.retry_for), repeat)
    }

    /// The container on an open connection to its owner, and the time that is left for statements.
    async fn binding(&self, time: Try) -> Result<(Arc<Binding>, Try), Error> {
        match self.current() {
            Some(binding) => {
                self.check_owner(&binding, time);
                Ok((binding, time))
            }
            None => {
                let binding = self.bind(time).await?;
                let lock_seconds = self.shared.cluster.config.lock_seconds();
                Ok((binding, Try::until(time.deadline, Instant::now(), lock_seconds)))
            }
        }
    }

    /// Asks the master in the background, from time to time, whether the partition still has this owner. A former
    /// owner that is only a backup refuses writes but still answers reads.
    fn check_owner(&self, binding: &Arc<Binding>, time: Try) {
        let cluster = &*self.shared.cluster;
        if !cluster.has_several_nodes() || !binding.is_due(time.now, cluster.config.owner_check) {
            return;
        }
        let (shared, node) = (Arc::clone(&self.shared), binding.connection.address());
        tokio::spawn(async move {
            let owner = shared.cluster.ask_for_owner(shared.partition, time.deadline).await;
            if owner.is_ok_and(|owner| owner.is_some_and(|owner| owner != node)) {
                shared.forget(&Error::new(ErrorKind::Unavailable));
            }
        });
    }

    fn current(&self) -> Option<Arc<Binding>> {
        let binding = self.shared.binding.lock().unwrap_or_else(PoisonError::into_inner);
        binding.as_ref().filter(|binding| binding.connection.is_open()).cloned()
    }

    /// Opens the container on a new connection: the id known from an old one may belong to another container.
    async fn bind(&self, time: Try) -> Result<Arc<Binding>, Error> {
        let shared = &*self.shared;
        let too_late = |_| Error::with_message(ErrorKind::Timeout, "the container was not opened in time");
        let _gate = timeout_at(time.deadline, shared.gate.lock()).await.map_err(too_late)?;
        if let Some(binding) = self.current() {
            return Ok(binding);
        }
        let wanted = open::Wanted { schema: Some(&shared.schema), create: shared.create, first: false };
        let opened = open::open(&shared.cluster, &shared.name, shared.partition, wanted, time).await;
        let binding = Arc::new(opened.map_err(Error::into_not_done)?);
        *shared.binding.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&binding));
        Ok(binding)
    }

    /// Updates the routing after a failed attempt, and waits before the next one.
    ///
    /// # Errors
    /// The error itself, if there must not be another attempt.
    async fn recover(&self, retry: &mut Retry<'_>, error: Error) -> Result<(), Error> {
        self.note(&error);
        retry.after(error).await
    }

    fn note(&self, error: &Error) {
        let stale = (error.is_unavailable() && error.kind() != ErrorKind::Busy)
            || matches!(error.kind(), ErrorKind::ContainerMissing | ErrorKind::SchemaMismatch);
        if stale {
            self.shared.forget(error);
        }
    }
}

impl Shared {
    /// Discards the shared state that a failed statement shows to be outdated.
    fn forget(&self, error: &Error) {
        {
            let mut binding = self.binding.lock().unwrap_or_else(PoisonError::into_inner);
            let is_good = binding.as_ref().is_some_and(|binding| binding.connection.is_alive());
            match error.kind() {
                // The statement was slow, or it used another connection. Neither says anything about this one.
                ErrorKind::Timeout | ErrorKind::ConnectionLost if is_good => return,
                _ => *binding = None,
            }
        }
        self.cluster.note(error, Some(self.partition));
    }
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection")
            .field("name", &self.shared.name)
            .field("partition", &self.shared.partition)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}
