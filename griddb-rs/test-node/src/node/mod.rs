//! A node: its partitions, accounts and place in the cluster, and the tasks that serve them.

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

/// How long a node that has failed goes on.
const FAILING: tokio::time::Duration = tokio::time::Duration::from_millis(20);

/// What a node takes itself for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterRole {
    Master,
    Follower,
    /// Outside of any cluster: everything about the cluster is 10008.
    Alone,
}

/// What a node knows of its cluster.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) role: ClusterRole,
    pub(crate) master: SocketAddrV4,
    /// Owner and backup of each partition, as the master names them.
    pub(crate) partitions: Arc<Vec<PartitionAddresses>>,
}

/// Who has a partition.
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

/// What the tasks of a node share.
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) address: SocketAddrV4,
    /// Shared by the nodes of a cluster.
    accounts: Arc<Mutex<Accounts>>,
    partitions: Vec<Mutex<Partition>>,
    view: Mutex<View>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    /// How often the node was killed, and whether it runs.
    power: watch::Sender<(u64, Power)>,
    refuses_connections: AtomicBool,
    /// Logins of connections that ended without DISCONNECT, for the flaw.
    stale_logins: Mutex<Vec<Arc<Login>>>,
}

/// A mutex whose holder panicked is used on: what it guards is changed in steps that are whole.
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

    /// Takes a node that is alone in its cluster out of it, or back into it.
    pub(crate) fn leave_cluster(&self, left: bool) {
        self.view().role = if left { ClusterRole::Alone } else { ClusterRole::Master };
        for mut partition in self.each_partition() {
            partition.role = if left { Role::Stop } else { Role::Owner };
        }
    }

    /// How long the answer to a write of the partition is held back: a backup that is silent, and is waited for.
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

    /// The partition of that number, if there is one.
    pub(crate) fn partition(&self, number: i32) -> Option<MutexGuard<'_, Partition>> {
        self.partitions.get(usize::try_from(number).ok()?).map(lock)
    }

    pub(crate) fn each_partition(&self) -> impl Iterator<Item = MutexGuard<'_, Partition>> {
        self.partitions.iter().map(lock)
    }

    /// Ends what has timed out, and tries again what waits. A node outside of its cluster does not look.
    pub(crate) fn check_timeouts(self: &Arc<Self>, now: Instant) {
        if self.view().role == ClusterRole::Alone {
            return;
        }
        for mut partition in self.each_partition() {
            if partition.role == Role::Owner && partition.state.has_deadlines() {
                for change in partition.state.expired(now) {
                    partition.apply(change);
                }
            }
            // those who wait at a node that is the owner no more are refused now
            self.retry_waiting(&mut partition);
        }
    }

    /// Brings the backups up to date.
    pub(crate) fn replicate(&self) {
        for mut partition in self.each_partition() {
            partition.replicate();
        }
    }

    /// Syncs what was committed.
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

    /// Stops the node, as a server stops itself on an error that it takes for its own. The answer that tells of
    /// it still goes out.
    pub(crate) fn fail(self: &Arc<Self>) {
        let node = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(FAILING).await;
            node.set_power(Power::Off);
        });
    }

    /// What a killed process finds when it starts again: the synced state, and nobody logged in.
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
