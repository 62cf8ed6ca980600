//! Several nodes as a cluster: the master, the owner of each partition, and what changes when a node is lost.

mod members;

use super::accounts::Accounts;
use super::partition::Role;
use super::test_node::TestNode;
use super::{Power, lock};
use crate::options::Options;
use members::{Members, Status};
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// The setup of a cluster and its delays.
///
/// The defaults are about a hundredth of what was measured on three real nodes.
///
/// ```
/// use griddb_test_node::{ClusterOptions, Options};
/// use std::time::Duration;
///
/// let options = ClusterOptions::new(Options::new().partitions(8)).takeover(Duration::from_millis(300));
/// ```
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    node: Options,
    takeover: Duration,
    master_loss: Duration,
    election: Duration,
    quorum_loss: Duration,
    demotion: Duration,
    rejoin: Duration,
    catch_up: Duration,
}

impl ClusterOptions {
    /// Settings of the nodes, except the port, which is chosen freely.
    #[must_use]
    pub fn new(node: Options) -> Self {
        Self {
            node: node.port(0),
            takeover: Duration::from_millis(130),
            master_loss: Duration::from_millis(150),
            election: Duration::from_millis(50),
            quorum_loss: Duration::from_millis(100),
            demotion: Duration::from_millis(100),
            rejoin: Duration::from_millis(50),
            catch_up: Duration::from_millis(70),
        }
    }

    /// From the loss of an owner that is not the master until its backups become owners (11 to 14 s). Until then
    /// the master still names the lost node, and backups answer reads and refuse writes.
    #[must_use]
    pub fn takeover(mut self, time: Duration) -> Self {
        self.takeover = time;
        self
    }

    /// From the loss of the master until the others leave the cluster (10 to 22 s). Until then they still name the
    /// lost node.
    #[must_use]
    pub fn master_loss(mut self, time: Duration) -> Self {
        self.master_loss = time;
        self
    }

    /// From then until a new master is elected and everything is served again (2 to 12 s).
    #[must_use]
    pub fn election(mut self, time: Duration) -> Self {
        self.election = time;
        self
    }

    /// From the loss of the majority until the remaining nodes stop serving (10 s).
    #[must_use]
    pub fn quorum_loss(mut self, time: Duration) -> Self {
        self.quorum_loss = time;
        self
    }

    /// From the moment a paused node wakes until it learns that it is not the owner or master any more (3.8 s to
    /// more than 10.6 s). Until then it executes statements as before.
    #[must_use]
    pub fn demotion(mut self, time: Duration) -> Self {
        self.demotion = time;
        self
    }

    /// From the restart of a node until it rejoins the cluster.
    #[must_use]
    pub fn rejoin(mut self, time: Duration) -> Self {
        self.rejoin = time;
        self
    }

    /// How long a new backup takes to copy its partitions (7 s with little data, minutes with much).
    #[must_use]
    pub fn catch_up(mut self, time: Duration) -> Self {
        self.catch_up = time;
        self
    }

    /// How long the answers to writes wait for a silent backup before they succeed anyway (`replicationMode` 1, 10
    /// s). By default they do not wait (mode 0).
    #[must_use]
    pub fn wait_for_backup(mut self, time: Duration) -> Self {
        self.node.replication_wait = Some(time);
        self
    }

    /// Makes backups follow their owners at this interval, or on [`TestCluster::replicate`]. If an owner is killed
    /// in between, what it has answered since is lost. By default backups follow every change.
    #[must_use]
    pub fn replication_lag(mut self, time: Duration) -> Self {
        self.node.replication_lag = Some(time);
        self
    }
}

/// Several nodes on ports of 127.0.0.1. Each partition has an owner and, if there are at least two nodes, a backup
/// on another node, which follows it exactly: rows, sessions, transactions and locks. Statements that wait for a
/// lock stay with their node, which refuses them at its next check if it does not own the partition any more.
///
/// Nodes are identified by their index. To kill, pause or move, use the methods of this type. Those of
/// [`TestNode`] would not inform the cluster.
pub struct TestCluster {
    nodes: Vec<TestNode>,
    shared: Arc<Shared>,
}

struct Shared {
    members: Mutex<Members>,
    times: ClusterOptions,
    /// The number of pending changes.
    pending: watch::Sender<usize>,
}

impl fmt::Debug for TestCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCluster").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl TestCluster {
    /// Starts a cluster of `count` nodes. The first is the master.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(count: usize, options: ClusterOptions) -> io::Result<Self> {
        let accounts = Arc::new(Mutex::new(Accounts::new(&options.node)));
        let mut nodes = Vec::with_capacity(count);
        for _ in 0..count.max(1) {
            nodes.push(TestNode::start_with(options.node.clone(), Arc::clone(&accounts)).await?);
        }
        let members = Members::new(nodes.iter().map(|node| Arc::clone(node.node())).collect());
        let shared = Shared { members: Mutex::new(members), times: options, pending: watch::Sender::new(0) };
        Ok(Self { nodes, shared: Arc::new(shared) })
    }

    /// The nodes, for their addresses, faults and counters.
    #[must_use]
    pub fn nodes(&self) -> &[TestNode] {
        &self.nodes
    }

    /// The URL of the cluster, with all nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(TestNode::address).collect();
        self.shared.times.node.url(&addresses)
    }

    /// The current master, as the cluster sees it.
    #[must_use]
    pub fn master(&self) -> Option<usize> {
        lock(&self.shared.members).master
    }

    /// The owner of a partition, as the cluster sees it.
    #[must_use]
    pub fn owner(&self, partition: i32) -> Option<usize> {
        lock(&self.shared.members).assignment(partition)?.owner
    }

    /// The backup of a partition.
    #[must_use]
    pub fn backup(&self, partition: i32) -> Option<usize> {
        lock(&self.shared.members).assignment(partition)?.backup
    }

    /// A partition with this owner and this backup, if there is one.
    #[must_use]
    pub fn partition_at(&self, owner: usize, backup: usize) -> Option<i32> {
        lock(&self.shared.members).find(owner, backup)
    }

    /// Kills a node like `kill -9`.
    ///
    /// # Errors
    /// If its port cannot be kept.
    pub async fn kill(&self, node: usize) -> io::Result<()> {
        self.nodes[node].crash().await?;
        self.lost(node, Status::Down);
        Ok(())
    }

    /// Restarts a killed node. It becomes a backup where one is missing. No partition moves back to it.
    ///
    /// # Errors
    /// If its port cannot be bound.
    pub fn restart(&self, node: usize) -> io::Result<()> {
        let incident = lock(&self.shared.members).incident(node);
        lock(&self.shared.members).prepare_restart(node);
        if self.nodes[node].power_on()? {
            // a new process has none of the old one's state, noticed or not
            Arc::clone(&self.shared).exclude(node, incident);
            let incident = lock(&self.shared.members).set_status(node, Status::Up);
            let shared = Arc::clone(&self.shared);
            self.later(self.shared.times.rejoin, async move { shared.rejoin(node, incident) });
        }
        Ok(())
    }

    /// Pauses a node like SIGSTOP: TCP connects, nothing is answered, and after a while other nodes take over.
    pub fn pause(&self, node: usize) {
        self.nodes[node].pause();
        self.lost(node, Status::Paused);
    }

    /// Wakes a paused node. If other nodes have taken over, it does not know that for a while.
    pub fn wake(&self, node: usize) {
        let incident = lock(&self.shared.members).set_status(node, Status::Up);
        self.nodes[node].wake();
        let shared = Arc::clone(&self.shared);
        self.later(self.shared.times.demotion, async move { shared.rejoin(node, incident) });
    }

    /// Swaps owner and backup of a partition. Returns `false` if it has no backup.
    pub fn move_partition(&self, partition: i32) -> bool {
        lock(&self.shared.members).swap(partition)
    }

    /// Takes a partition from its owner at once, and makes its backup the owner after the gap. In between, the
    /// master names no owner and no node serves it (10010). Returns `false` if it has no backup.
    pub fn move_partition_with_gap(&self, partition: i32, gap: Duration) -> bool {
        let vacancy = {
            let mut members = lock(&self.shared.members);
            let Some(vacancy) = members.vacate(partition, Role::Off) else { return false };
            members.publish_view();
            vacancy
        };
        let shared = Arc::clone(&self.shared);
        self.later(gap, async move { lock(&shared.members).fill(vacancy) });
        true
    }

    /// Brings all backups up to date, for clusters with a [`ClusterOptions::replication_lag`].
    pub fn replicate(&self) {
        for node in &self.nodes {
            node.node().replicate();
        }
    }

    /// Waits until the cluster has reacted to everything that happened to its nodes.
    pub async fn settled(&self) {
        // the sender lives as long as this handle
        drop(self.shared.pending.subscribe().wait_for(|pending| *pending == 0).await);
    }

    fn lost(&self, node: usize, status: Status) {
        let times = &self.shared.times;
        let (incident, is_master, quorum) = {
            let mut members = lock(&self.shared.members);
            let incident = members.set_status(node, status);
            if status == Status::Down {
                members.unlink(node);
            }
            (incident, members.master == Some(node), members.quorum())
        };
        let time = match (quorum, is_master) {
            (false, _) => times.quorum_loss,
            (true, true) => times.master_loss,
            (true, false) => times.takeover,
        };
        let shared = Arc::clone(&self.shared);
        self.later(time, async move { shared.exclude(node, incident) });
    }

    fn later(&self, time: Duration, change: impl Future<Output = ()> + Send + 'static) {
        Shared::later(&self.shared, time, change);
    }
}

impl Shared {
    fn later(shared: &Arc<Self>, time: Duration, change: impl Future<Output = ()> + Send + 'static) {
        shared.pending.send_modify(|pending| *pending += 1);
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            sleep(time).await;
            change.await;
            shared.pending.send_modify(|pending| *pending -= 1);
        });
    }

    /// The cluster drops a lost node, unless it is back.
    fn exclude(self: Arc<Self>, node: usize, incident: u64) {
        let mut members = lock(&self.members);
        if !members.is_still(node, incident) || !members.belongs(node) {
            return;
        }
        let was_master = members.master == Some(node);
        members.leave(node);
        if was_master || !members.quorum() {
            members.dissolve();
            drop(members);
            self.elect_later();
        } else {
            members.assign();
            drop(members);
            self.catch_up_later();
        }
    }

    fn elect_later(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        Self::later(self, self.times.election, async move {
            if lock(&shared.members).elect() {
                shared.catch_up_later();
            }
        });
    }

    fn catch_up_later(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        Self::later(self, self.times.catch_up, async move { lock(&shared.members).catch_up() });
    }

    /// A node that was killed or paused rejoins the cluster, and learns the assignments.
    fn rejoin(self: Arc<Self>, node: usize, incident: u64) {
        let mut members = lock(&self.members);
        if !members.is_still(node, incident) || members.power(node) != Power::On {
            return;
        }
        let had_quorum = members.master.is_some();
        members.join(node);
        drop(members);
        if had_quorum {
            self.catch_up_later();
        } else {
            self.elect_later();
        }
    }
}
