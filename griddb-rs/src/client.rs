//! The client: a cheap handle to a cluster.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    cluster::Cluster,
    collection::Collection,
    config::Config,
    error::{Error, ErrorKind},
    retry::{Repeat, Retry, Try},
    schema::Schema,
    stats::Stats,
    wire::{container_name::ContainerName, message::container, statement::Statement},
};

/// How long [`Client::close`] waits: each connection gives its statements five seconds.
const PATIENCE: Duration = Duration::from_secs(7);

/// A client of a GridDB cluster. It is cheap to clone; all clones share their connections.
///
/// Connections are made when they are needed, and again when they are lost. They are closed when the last clone
/// and everything made from it is gone, or by [`close`](Self::close).
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
    /// Connects to the cluster that the URL names; see [`Config`] for its form.
    ///
    /// All addresses are asked for the cluster's master. For as long as none answers they are asked again, up to the
    /// `connect_timeout`.
    ///
    /// # Errors
    /// The URL is wrong, no node answers in time, the login is refused, or the addresses name different masters
    /// ([`ErrorKind::SplitCluster`]): writing to nodes that do not belong together would lose data. The last is told
    /// when the `connect_timeout` is over: while they elect a master, nodes of one cluster contradict each other too.
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

    /// Opens a collection, making it when there is none of that name, and makes the schema's indexes.
    ///
    /// Several processes may do so at once. A collection that is lost later, because the server crashed before
    /// it had synced it, is made again when it is next used.
    ///
    /// # Errors
    /// The name or schema cannot be; or the collection is there with other columns
    /// ([`ErrorKind::SchemaMismatch`]); or the database cannot be reached.
    pub async fn open_or_create(&self, name: &str, schema: &Schema) -> Result<Collection, Error> {
        if let Some(fault) = schema.fault() {
            return Err(Error::with_message(ErrorKind::Input, fault));
        }
        Collection::open(self.clone(), ContainerName::parse(name)?, Some(schema.clone()), true).await
    }

    /// Opens a collection that is there, with the columns that it has.
    ///
    /// # Errors
    /// There is none of that name ([`ErrorKind::ContainerMissing`]), or the database cannot be reached.
    pub async fn open(&self, name: &str) -> Result<Collection, Error> {
        Collection::open(self.clone(), ContainerName::parse(name)?, None, false).await
    }

    /// Drops a collection with all its rows; that there is none is no error. It waits for open transactions.
    ///
    /// # Errors
    /// The database cannot be reached, and then perhaps with an unknown outcome.
    pub async fn drop_collection(&self, name: &str) -> Result<(), Error> {
        let name = ContainerName::parse(name)?;
        let partition = name.partition(self.cluster.partitions());
        // Dropping twice is dropping once.
        let mut retry = self.retry(Repeat::Always);
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

    /// Whether the cluster answers: one round trip to the master, without retries.
    ///
    /// # Errors
    /// It does not, within the `statement_timeout`.
    pub async fn ping(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.cluster.config.statement_timeout;
        self.cluster.ask_for_owner(0, deadline).await.map(drop)
    }

    /// Asks the master which node owns a container's partition at this moment; `None` while none does.
    ///
    /// In a cluster an owner that was paused can go on answering after another node has taken over. Compare the
    /// node that answered a write ([`Written::node`](crate::Written::node)) with this one to find out. It is no
    /// proof: the master may be the one that was paused.
    ///
    /// # Errors
    /// The master cannot be reached.
    pub async fn owner_of(&self, container: &str) -> Result<Option<SocketAddr>, Error> {
        let partition = ContainerName::parse(container)?.partition(self.cluster.partitions());
        self.owner_of_partition(partition).await
    }

    pub(crate) async fn owner_of_partition(&self, partition: u32) -> Result<Option<SocketAddr>, Error> {
        let mut retry = self.retry(Repeat::Always);
        loop {
            match self.cluster.ask_for_owner(partition, retry.try_now().deadline).await {
                Ok(owner) => return Ok(owner),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// How many partitions the cluster has. A container `NAME@N` is in partition N modulo this number.
    pub fn partitions(&self) -> u32 {
        self.cluster.partitions()
    }

    /// What this client and its clones have done so far.
    pub fn stats(&self) -> Stats {
        self.cluster.counters.snapshot()
    }

    /// Closes all connections, after the statements that are under way, and waits for that for a few seconds at
    /// most. Every later call on a clone or collection fails with [`ErrorKind::Closed`].
    pub async fn close(&self) {
        self.cluster.close(PATIENCE).await;
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    pub(crate) fn retry(&self, repeat: Repeat) -> Retry<'_> {
        Retry::new(&self.cluster, self.cluster.config.retry_for, repeat)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.cluster.config).finish_non_exhaustive()
    }
}
