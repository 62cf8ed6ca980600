//! Routing: the master, the owner of each partition, and the connections to them.

mod discovery;
mod listing;
mod lost_sessions;
mod node;
#[cfg(feature = "provider")]
mod provider;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use crate::{
    config::Config,
    connection::{Connection, Credentials, LostSessions},
    error::{Error, ErrorKind, code},
    random,
    stats::Counters,
    wire::{
        message::partition_address,
        statement::{ClientId, Statement},
    },
};
use node::{Access, Node};

/// More nodes than any cluster has. Beyond this number, nodes without a connection are forgotten.
const MOST_NODES: usize = 1024;

/// The cluster as this client knows it.
pub(crate) struct Cluster {
    pub(crate) config: Arc<Config>,
    pub(crate) counters: Arc<Counters>,
    /// Distinguishes this client's sessions from those of other clients.
    pub(crate) client_id: ClientId,
    access: Arc<Access>,
    next_session: AtomicI64,
    partitions: u32,
    /// The owner of each partition, as the master last named it.
    owners: RwLock<Vec<Option<Arc<Node>>>>,
    known: Mutex<Known>,
    several_nodes: AtomicBool,
}

#[derive(Default)]
struct Known {
    nodes: HashMap<SocketAddr, Arc<Node>>,
    master: Option<Arc<Node>>,
    /// For each address that a node reports as its own, the address at which it was reached.
    reached_as: HashMap<SocketAddr, SocketAddr>,
    /// The nodes that have named this cluster's master, and those that one of its masters has named. Other nodes,
    /// even configured ones, may belong to another cluster.
    members: HashSet<SocketAddr>,
    /// Indexes of the host names and lists that have resolved to a member.
    listings: HashSet<usize>,
}

impl Known {
    /// Members that are gone are remembered too: one that comes back may be elected.
    fn note_members(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.members.extend(addresses);
        if self.members.len() > MOST_NODES {
            let (nodes, reached_as) = (&self.nodes, &self.reached_as);
            self.members.retain(|member| nodes.contains_key(member) || reached_as.contains_key(member));
        }
    }

    fn is_member(&self, address: SocketAddr) -> bool {
        self.members.contains(&address)
    }

    /// Whether a node that answers at one address can be the one that reports another. Behind NAT, nodes of
    /// different clusters can report the same address, so a known node has to be reached as before.
    fn can_be(&self, answers_at: SocketAddr, named: SocketAddr) -> bool {
        self.reached_as.get(&named).is_none_or(|before| *before == named || *before == answers_at)
    }
}

impl Cluster {
    /// Finds the master of the cluster.
    ///
    /// # Errors
    /// No node answers, the login is refused, or two addresses name different masters.
    pub(crate) async fn start(config: Config) -> Result<Arc<Self>, Error> {
        config.check()?;
        let config = Arc::new(config);
        let counters = Arc::new(Counters::default());
        let (lost_sessions, lost) = LostSessions::channel();
        let access = Access {
            credentials: Credentials::new(Arc::clone(&config)),
            counters: Arc::clone(&counters),
            closed: AtomicBool::new(false),
            lost_sessions,
        };
        let mut cluster = Self {
            config,
            counters,
            access: Arc::new(access),
            client_id: random::client_id()?,
            next_session: AtomicI64::new(1),
            partitions: 0,
            owners: RwLock::default(),
            known: Mutex::default(),
            several_nodes: AtomicBool::new(false),
        };
        let deadline = Instant::now() + cluster.config.retry_for;
        let found = discovery::first(&cluster, deadline).await?;
        cluster.partitions = found.partitions;
        cluster.owners = RwLock::new(vec![None; found.partitions as usize]);
        cluster.adopt(&found);
        let cluster = Arc::new(cluster);
        tokio::spawn(lost_sessions::close_all(Arc::downgrade(&cluster), lost));
        Ok(cluster)
    }

    /// The number of partitions.
    pub(crate) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// A session number that this client has not used before.
    pub(crate) fn new_session(&self) -> i64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection to the owner of a partition.
    pub(crate) async fn owner(&self, partition: u32, deadline: Instant) -> Result<Connection, Error> {
        let known =
            self.owners.read().unwrap_or_else(PoisonError::into_inner).get(partition as usize).cloned();
        let node = match known.flatten() {
            Some(node) => node,
            None => {
                let address = self.ask_for_owner(partition, deadline).await?.ok_or_else(no_owner)?;
                let node = self.node(address);
                let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(owner) = owners.get_mut(partition as usize) {
                    *owner = Some(Arc::clone(&node));
                }
                node
            }
        };
        let connected = node.connection(self, partition as usize, deadline).await;
        if connected.is_err() {
            self.forget_owner(partition);
        }
        connected
    }

    /// Asks the master who owns a partition now. `None` while no node does.
    pub(crate) async fn ask_for_owner(
        &self,
        partition: u32,
        deadline: Instant,
    ) -> Result<Option<SocketAddr>, Error> {
        let connection = self.master(deadline).await?;
        let asked = connection.send(deadline, |batch| {
            batch.add(Statement::GetPartitionAddress, |out, id| {
                partition_address::encode_owner(out, id, partition);
                Ok(())
            })
        });
        let answer = match asked {
            Ok(ticket) => ticket.await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => {
                let named = partition_address::decode_owner(&mut answer.reader())?.map(SocketAddr::from);
                self.known().note_members(named);
                Ok(named.map(|named| self.reached_as(named)))
            }
            Err(error) => {
                // A question changes nothing, even if its answer is lost.
                let error = error.into_not_done();
                self.note(&error, None);
                Err(error)
            }
        }
    }

    /// A connection to the master.
    pub(crate) async fn master(&self, deadline: Instant) -> Result<Connection, Error> {
        let known = self.known().master.clone();
        let node = match known {
            Some(node) => node,
            None => {
                let found = discovery::again(self, deadline).await?;
                if found.partitions != self.partitions {
                    return Err(Error::with_message(
                        ErrorKind::SplitCluster,
                        "the cluster that answers has another number of partitions than before",
                    ));
                }
                self.adopt(&found)
            }
        };
        let connected = node.connection(self, 0, deadline).await;
        if connected.is_err() {
            self.known().master = None;
        }
        connected
    }

    /// Whether more than one node is known, so that owners can change.
    pub(crate) fn has_several_nodes(&self) -> bool {
        self.several_nodes.load(Ordering::Relaxed)
    }

    /// Discards what a failed statement shows to be outdated: the owner of the partition, or the master.
    pub(crate) fn note(&self, error: &Error, partition: Option<u32>) {
        if error.kind() == ErrorKind::Busy {
            return;
        }
        if error.code() == Some(code::NOT_MASTER) || (partition.is_none() && error.is_unavailable()) {
            self.known().master = None;
        }
        if let (Some(partition), true) = (partition, error.is_unavailable()) {
            self.forget_owner(partition);
        }
        // A node that stopped answering may be the master that would be asked next.
        if matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::Timeout) {
            self.known().master = None;
        }
    }

    fn forget_owner(&self, partition: u32) {
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = owners.get_mut(partition as usize) {
            *owner = None;
        }
    }

    /// Closes all connections and waits until they are closed.
    pub(crate) async fn close(&self, patience: Duration) {
        self.access.closed.store(true, Ordering::Release);
        let nodes: Vec<_> = self.known().nodes.values().cloned().collect();
        let deadline = Instant::now() + patience;
        let told: Vec<_> = nodes
            .iter()
            .flat_map(|node| node.take_connections())
            .map(|connection| {
                connection.close();
                connection.finished()
            })
            .collect();
        for mut finished in told {
            // A connection that is still open after that long has a server that does not answer.
            let _ = timeout_at(deadline, finished.wait_for(|finished| *finished)).await;
        }
    }

    fn is_closed(&self) -> bool {
        self.access.is_closed()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self, address: SocketAddr) -> Arc<Node> {
        let mut known = self.known();
        if known.nodes.len() >= MOST_NODES && !known.nodes.contains_key(&address) {
            known.nodes.retain(|_, node| node.is_connected());
        }
        let make = || Arc::new(Node::new(address, self.config.connections));
        let node = Arc::clone(known.nodes.entry(address).or_insert_with(make));
        self.several_nodes.store(known.nodes.len() > 1, Ordering::Relaxed);
        node
    }

    /// Forgets nodes that are not listed, are not the master, own nothing and have no open connection.
    fn forget_strangers(&self, listed: &[SocketAddr]) {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        let owners: HashSet<SocketAddr> = owners.iter().flatten().map(|node| node.address()).collect();
        let mut known = self.known();
        let master = known.master.as_ref().map(|node| node.address());
        known.nodes.retain(|address, node| {
            listed.contains(address)
                || master == Some(*address)
                || owners.contains(address)
                || node.is_connected()
        });
        let Known { nodes, reached_as, .. } = &mut *known;
        reached_as.retain(|_, reached| nodes.contains_key(reached));
        self.several_nodes.store(nodes.len() > 1, Ordering::Relaxed);
    }

    /// The address at which the node was reached that reports this one as its own.
    fn reached_as(&self, named: SocketAddr) -> SocketAddr {
        self.known().reached_as.get(&named).copied().unwrap_or(named)
    }

    /// Makes the master that was found the current one.
    fn adopt(&self, found: &discovery::Found) -> Arc<Node> {
        {
            let mut known = self.known();
            if let Some(reached) = found.reached {
                known.reached_as.insert(found.master, reached);
            }
            known.note_members(found.named_by.iter().copied().chain([found.master]));
            known.listings.extend(&found.listings);
        }
        let node = self.node(self.reached_as(found.master));
        self.known().master = Some(Arc::clone(&node));
        node
    }
}

fn no_owner() -> Error {
    Error::with_message(ErrorKind::Unavailable, "the partition has no owner at the moment")
}
