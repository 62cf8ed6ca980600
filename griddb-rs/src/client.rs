//! The client: a cheap handle to a cluster.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    cluster::Cluster,
    collection::Collection,
    config::Config,
    error::{Error, ErrorKind},
    owner,
    retry::{Repeat, Retry, Try},
    schema::Schema,
    stats::Stats,
    wire::{container_name::ContainerName, message::container, statement::Statement},
};

/// How long [`Client::close`] waits. Each connection lets its pending statements finish for up to five seconds.
const PATIENCE: Duration = Duration::from_secs(7);

/// A client of a GridDB cluster. Cloning it is cheap; all clones share their connections.
///
/// Connections open on demand and reopen after a loss. They close when the last clone, and everything made from
/// it, is dropped, or when [`close`](Self::close) is called.
///
/// ```no_run
/// # async fn example() -> Result<(), griddb_rs::Error> {
/// use griddb_rs::{Client, ColumnType, Schema};
///
/// let client = Client::connect("griddb://app:secret@db1:10001/prod").await?;
/// let schema = Schema::new().key("id", ColumnType::String).column("count", ColumnType::Long);
/// let visits = client.open_or_create("VISITS", &schema).await?;
///
/// visits.put(&("alice", 1i64)).await?;
/// let row = visits.get("alice").await?;
/// assert_eq!(row.map(|row| row.get::<i64>("count")).transpose()?, Some(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    cluster: Arc<Cluster>,
}

impl Client {
    /// Connects to the cluster named by the URL; see [`Config`] for its form.
    ///
    /// Every address is asked which node is the cluster's master. While none answers, all are asked again, until
    /// the `connect_timeout` is over.
    ///
    /// # Errors
    /// The URL is invalid, no node answers in time, the login is refused, or the addresses name different masters
    /// ([`ErrorKind::SplitCluster`]): writing to nodes of different clusters would lose data. A split is reported
    /// only after the `connect_timeout`, because nodes of one cluster may contradict each other during an
    /// election.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(Config::parse(url)?).await
    }

    /// Connects with a configuration; see [`connect`](Self::connect).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(config: Config) -> Result<Self, Error> {
        Ok(Self { cluster: Cluster::start(config).await? })
    }

    /// Opens a collection. Creates it and the schema's indexes if they do not exist.
    ///
    /// Several processes may call this at once. If the server loses the collection later, because it crashed
    /// before syncing it, the next call that uses the collection creates it again.
    ///
    /// # Errors
    /// The name or schema is invalid, the existing collection has other columns ([`ErrorKind::SchemaMismatch`]),
    /// or the database cannot be reached.
    pub async fn open_or_create(&self, name: &str, schema: &Schema) -> Result<Collection, Error> {
        if let Some(fault) = schema.fault() {
            return Err(Error::with_message(ErrorKind::Input, fault));
        }
        Collection::open(Arc::clone(&self.cluster), ContainerName::parse(name)?, Some(schema.clone()), true)
            .await
    }

    /// Opens an existing collection with the columns that it has.
    ///
    /// # Errors
    /// No collection has that name ([`ErrorKind::ContainerMissing`]), or the database cannot be reached.
    pub async fn open(&self, name: &str) -> Result<Collection, Error> {
        Collection::open(Arc::clone(&self.cluster), ContainerName::parse(name)?, None, false).await
    }

    /// Drops a collection and all its rows, after open transactions have ended. Dropping a missing collection
    /// succeeds.
    ///
    /// # Errors
    /// The database cannot be reached. The outcome may then be unknown.
    pub async fn drop_collection(&self, name: &str) -> Result<(), Error> {
        let name = ContainerName::parse(name)?;
        let partition = name.partition(self.cluster.partitions());
        // Dropping a collection twice has the same effect as dropping it once.
        let mut retry = Retry::new(&self.cluster, self.cluster.config.retry_for, Repeat::Always);
        let mut lost = false;
        loop {
            match self.drop_once(&name, partition, retry.try_now()).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    self.cluster.note(&error, Some(partition));
                    lost |= error.is_outcome_unknown();
                    retry.after(if lost { error.into_unknown() } else { error }).await?;
                }
            }
        }
    }

    async fn drop_once(&self, name: &ContainerName, partition: u32, time: Try) -> Result<(), Error> {
        let owner = self.cluster.owner(partition, time.deadline).await;
        let connection = owner.map_err(Error::into_not_done)?;
        let database = connection.database();
        let ticket = connection.send(time.deadline, |batch| {
            batch.add(Statement::DropContainer, |out, id| {
                container::encode_drop(out, id, partition, name, database, Some(time.lock_seconds));
                Ok(())
            })
        })?;
        ticket.await.map(drop)
    }

    /// Checks that the cluster answers: one round trip to the master, without retries.
    ///
    /// # Errors
    /// No answer within the `statement_timeout`.
    pub async fn ping(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.cluster.config.statement_timeout;
        self.cluster.ask_for_owner(0, deadline).await.map(drop)
    }

    /// Asks the master which node owns a container's partition at this moment. `None` while no node does.
    ///
    /// In a cluster, a paused owner can go on answering after another node has taken over. To detect that, compare
    /// this node with the one that answered a write ([`Written::node`](crate::Written::node)). Equality is no
    /// proof: the master may be the paused node.
    ///
    /// # Errors
    /// The master cannot be reached.
    pub async fn owner_of(&self, container: &str) -> Result<Option<SocketAddr>, Error> {
        let partition = ContainerName::parse(container)?.partition(self.cluster.partitions());
        owner::of_partition(&self.cluster, partition).await
    }

    /// The number of partitions. A container `NAME@N` is in partition N modulo this number.
    pub fn partitions(&self) -> u32 {
        self.cluster.partitions()
    }

    /// Counters of everything this client and its clones have done so far.
    pub fn stats(&self) -> Stats {
        self.cluster.counters.snapshot()
    }

    /// Closes all connections after the statements in flight, and waits a few seconds for that at most. Every
    /// later call on a clone or collection fails with [`ErrorKind::Closed`].
    pub async fn close(&self) {
        self.cluster.close(PATIENCE).await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.cluster.config).finish_non_exhaustive()
    }
}
