//! A node: its partitions, accounts and role in the cluster, and the tasks that serve them.

pub(crate) mod accounts;
pub(crate) mod cluster;
pub(crate) mod connection;
pub(crate) mod counters;
pub(crate) mod fault;
mod garble;
pub(crate) mod partition;
pub(crate) mod test_node;

use crate::data::partition::State;
use crate::options::{LogWrite, Options};
use accounts::{Accounts, Login};
use counters::Counters;
use fault::Faults;
use partition::{Partition, Role};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use test_node::Life;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a failed node keeps running.
const FAILING: tokio::time::Duration = tokio::time::Duration::from_millis(20);

/// A node's role in the cluster, as it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterRole {
    Master,
    Follower,
    /// Outside any cluster: requests about the cluster fail with 10008.
    Alone,
}

/// A node's view of its cluster.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) role: ClusterRole,
    pub(crate) master: SocketAddrV4,
    /// Owner and backup of each partition, as the master reports them.
    pub(crate) partitions: Arc<Vec<PartitionAddresses>>,
}

/// The addresses of the nodes that hold a partition, as GET_PARTITION_ADDRESS returns them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartitionAddresses {
    pub(crate) owner: Option<SocketAddrV4>,
    pub(crate) backups: Vec<SocketAddrV4>,
}

/// Whether a node's process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    /// Stopped by a signal: TCP connects, nothing is executed or answered.
    Paused,
    Off,
}

/// The state shared by the tasks of a node.
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) address: SocketAddrV4,
    /// Shared by all nodes of a cluster.
    accounts: Arc<Mutex<Accounts>>,
    partitions: Vec<Mutex<Partition>>,
    view: Mutex<View>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    /// How often the node was killed, and whether it runs.
    power: watch::Sender<(u64, Power)>,
    refuses_connections: AtomicBool,
    /// Logins of connections that ended without DISCONNECT, for the login flaw.
    stale_logins: Mutex<Vec<Arc<Login>>>,
}

/// Locks a mutex even if a holder panicked: its contents change in complete steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    pub(crate) fn new(options: Options, address: SocketAddrV4, accounts: Arc<Mutex<Accounts>>) -> Self {
        let synced = options.log_write == LogWrite::EveryCommit;
        let lags = options.replication_lag.is_some();
        let partition = |number| Mutex::new(Partition::new(number, Role::Owner, State::new(synced), lags));
        let addresses = PartitionAddresses { owner: Some(address), backups: Vec::new() };
        let partitions = vec![addresses; usize::try_from(options.partitions).unwrap_or(usize::MAX)];
        Self {
            accounts,
            partitions: (0..options.partitions).map(partition).collect(),
            view: Mutex::new(View {
                role: ClusterRole::Master,
                master: address,
                partitions: Arc::new(partitions),
            }),
            faults: Faults::default(),
            counters: Counters::default(),
            power: watch::Sender::new((0, Power::On)),
            refuses_connections: AtomicBool::new(false),
            stale_logins: Mutex::default(),
            options,
            address,
        }
    }

    pub(crate) fn power(&self) -> Power {
        self.power.borrow().1
    }

    pub(crate) fn set_power(&self, power: Power) {
        self.power.send_modify(|(run, current)| {
            *run += u64::from(power == Power::Off);
            *current = power;
        });
    }

    pub(crate) fn life(&self) -> Life {
        Life::new(self.power.subscribe())
    }

    pub(crate) fn refuse_connections(&self, on: bool) {
        self.refuses_connections.store(on, Relaxed);
    }

    pub(crate) fn refuses_connections(&self) -> bool {
        self.refuses_connections.load(Relaxed)
    }

    /// Moves a single node out of its cluster, or back into it.
    pub(crate) fn leave_cluster(&self, left: bool) {
        self.view().role = if left { ClusterRole::Alone } else { ClusterRole::Master };
        for mut partition in self.each_partition() {
            partition.role = if left { Role::Stop } else { Role::Owner };
        }
    }

    /// How long the answer to a write of the partition is delayed because a silent backup is waited for.
    pub(crate) fn replication_delay(&self, partition: &Partition) -> Option<tokio::time::Duration> {
        let wait = self.options.replication_wait?;
        let backup = partition.backup.as_ref().and_then(std::sync::Weak::upgrade)?;
        (backup.power() == Power::Paused).then_some(wait)
    }

    pub(crate) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        lock(&self.view)
    }

    /// The partition with that number, if it exists.
    pub(crate) fn partition(&self, number: i32) -> Option<MutexGuard<'_, Partition>> {
        self.partitions.get(usize::try_from(number).ok()?).map(lock)
    }

    pub(crate) fn each_partition(&self) -> impl Iterator<Item = MutexGuard<'_, Partition>> {
        self.partitions.iter().map(lock)
    }

    /// Ends what has timed out, and retries waiting statements. A node outside its cluster does not check.
    pub(crate) fn check_timeouts(self: &Arc<Self>, now: Instant) {
        if self.view().role == ClusterRole::Alone {
            return;
        }
        for mut partition in self.each_partition() {
            if partition.state.has_deadlines() {
                if partition.role == Role::Owner {
                    for change in partition.state.expired(now) {
                        partition.apply(change);
                    }
                } else {
                    partition.state.miss_timeouts(now);
                }
            }
            // statements that wait at a former owner are refused here
            self.retry_waiting(&mut partition);
        }
    }

    /// Brings the backups up to date.
    pub(crate) fn replicate(&self) {
        for mut partition in self.each_partition() {
            partition.replicate();
        }
    }

    /// Syncs committed changes.
    pub(crate) fn sync(&self) {
        for mut partition in self.each_partition() {
            partition.state.sync();
        }
    }

    pub(crate) fn leave_login(&self, login: Arc<Login>) {
        if self.options.login_flaw {
            lock(&self.stale_logins).push(login);
        }
    }

    pub(crate) fn take_stale_login(&self) -> Option<Arc<Login>> {
        lock(&self.stale_logins).pop()
    }

    /// Stops the node, as a server stops itself after an internal error. The answer that reports the error is
    /// still sent.
    pub(crate) fn fail(self: &Arc<Self>) {
        let node = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(FAILING).await;
            node.set_power(Power::Off);
        });
    }

    /// The state after a kill: what was synced, and no logins.
    pub(crate) fn crash(&self) {
        if !self.options.rejoin_delay.is_zero() {
            self.view().role = ClusterRole::Alone;
        }
        for mut partition in self.each_partition() {
            partition.waiting.clear();
            partition.woken = false;
            partition.behind.clear();
            partition.state.crash();
        }
        lock(&self.stale_logins).clear();
    }
}
