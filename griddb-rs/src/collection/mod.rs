//! Collections: containers of rows found by key.

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
    client::Client,
    error::{Error, ErrorKind},
    retry::{Repeat, Retry, Try},
    schema::Schema,
    wire::container_name::ContainerName,
};

/// When a change is safe from a crash of the server.
///
/// What a node does by itself depends on its `dataStore.logWriteMode`: with 0 every commit is on the disk before it
/// is answered, with 1, the default, up to a second later, and a crash loses what was answered in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// As the server is configured.
    #[default]
    Server,
    /// On the disk of the node before the call returns, whatever the server's configuration: the change is
    /// followed by a flush in the same flight, so it costs no further round trip.
    Flush,
}

/// Who did a write, and what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    existed: bool,
    node: SocketAddr,
}

impl Written {
    /// Whether there was a row of that key before.
    pub fn existed(&self) -> bool {
        self.existed
    }

    /// The node that did it; see [`Client::owner_of`].
    pub fn node(&self) -> SocketAddr {
        self.node
    }
}

/// A collection of rows. It is cheap to clone.
///
/// Every call finds the node that owns the collection's partition, sends it one flight of statements and waits for
/// their answers, for [`Config`](crate::Config)'s `retry_for` at the most. What is safe to repeat is repeated when a
/// connection is lost or a node refuses; a change whose answer was lost is not, and
/// [`Error::is_outcome_unknown`] says so.
///
/// A call whose future is dropped leaves no lock behind; a change that it has sent may still be made.
#[derive(Clone)]
pub struct Collection {
    shared: Arc<Shared>,
    durability: Durability,
    patience: Option<Duration>,
}

struct Shared {
    client: Client,
    name: ContainerName,
    partition: u32,
    schema: Schema,
    /// Made by this client when it is not there.
    create: bool,
    binding: Mutex<Option<Arc<Binding>>>,
    /// Held by whoever opens the container anew.
    gate: Gate<()>,
}

impl Collection {
    /// The same collection, whose changes are as durable as given.
    #[must_use]
    pub fn durability(&self, durability: Durability) -> Self {
        Self { durability, ..self.clone() }
    }

    /// The same collection, whose calls take at most so long, all tries together, instead of `retry_for`.
    #[must_use]
    pub fn within(&self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self.clone() }
    }

    /// Its name, as it was opened.
    pub fn name(&self) -> &ContainerName {
        &self.shared.name
    }

    /// Its columns, in the order in which rows are written and read here.
    pub fn schema(&self) -> &Schema {
        &self.shared.schema
    }

    /// The partition it is in.
    pub fn partition(&self) -> u32 {
        self.shared.partition
    }

    /// The client it belongs to.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Asks the master which node owns the collection's partition at this moment; see [`Client::owner_of`].
    ///
    /// # Errors
    /// The master cannot be reached.
    pub async fn owner(&self) -> Result<Option<SocketAddr>, Error> {
        self.shared.client.owner_of_partition(self.shared.partition).await
    }

    fn retry(&self, repeat: Repeat) -> Retry<'_> {
        let cluster = self.shared.client.cluster();
        Retry::new(cluster, self.patience.unwrap_or(cluster.config.retry_for), repeat)
    }

    /// Where to send statements: the container as it is known on an open connection to the owner. And the time that is
    /// left for them.
    async fn binding(&self, time: Try) -> Result<(Arc<Binding>, Try), Error> {
        match self.current() {
            Some(binding) => {
                self.check_owner(&binding, time);
                Ok((binding, time))
            }
            None => {
                let binding = self.bind(time).await?;
                let lock_seconds = self.client().cluster().config.lock_seconds();
                Ok((binding, Try::until(time.deadline, Instant::now(), lock_seconds)))
            }
        }
    }

    /// Asks the master from time to time, beside the work, whether the partition still has this owner: one that is
    /// only its backup now refuses writes, but goes on answering reads.
    fn check_owner(&self, binding: &Arc<Binding>, time: Try) {
        let cluster = self.shared.client.cluster();
        if !cluster.has_several_nodes() || !binding.is_due(time.now, cluster.config.owner_check) {
            return;
        }
        let (shared, node) = (Arc::clone(&self.shared), binding.connection.address());
        tokio::spawn(async move {
            let cluster = shared.client.cluster();
            let owner = cluster.ask_for_owner(shared.partition, time.deadline).await;
            if owner.is_ok_and(|owner| owner.is_some_and(|owner| owner != node)) {
                shared.forget(&Error::new(ErrorKind::Unavailable));
            }
        });
    }

    fn current(&self) -> Option<Arc<Binding>> {
        let binding = self.shared.binding.lock().unwrap_or_else(PoisonError::into_inner);
        binding.as_ref().filter(|binding| binding.connection.is_open()).cloned()
    }

    /// Opens the container on a new connection: the id known from an old one may now be another container's.
    async fn bind(&self, time: Try) -> Result<Arc<Binding>, Error> {
        let shared = &*self.shared;
        let too_late = |_| Error::with_message(ErrorKind::Timeout, "the container was not opened in time");
        let _gate = timeout_at(time.deadline, shared.gate.lock()).await.map_err(too_late)?;
        if let Some(binding) = self.current() {
            return Ok(binding);
        }
        let wanted = open::Wanted { schema: Some(&shared.schema), create: shared.create, first: false };
        let opened = open::open(&shared.client, &shared.name, shared.partition, wanted, time).await;
        let binding = Arc::new(opened.map_err(Error::into_not_done)?);
        *shared.binding.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&binding));
        Ok(binding)
    }

    /// Learns from a failed try, and waits before the next one.
    ///
    /// # Errors
    /// The error itself, when there is not to be another try.
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
    /// Forgets what a failed statement shows not to be true any more, of what all callers share.
    fn forget(&self, error: &Error) {
        {
            let mut binding = self.binding.lock().unwrap_or_else(PoisonError::into_inner);
            let is_good = binding.as_ref().is_some_and(|binding| binding.connection.is_alive());
            match error.kind() {
                // The statement was slow, or its connection is another one: neither says anything of this one.
                ErrorKind::Timeout | ErrorKind::ConnectionLost if is_good => return,
                _ => *binding = None,
            }
        }
        self.client.cluster().note(error, Some(self.partition));
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
