//! The handle that a test holds, and its tasks.

use super::accounts::Accounts;
use super::connection::serve;
use super::counters::Counters;
use super::fault::Faults;
use super::{ClusterRole, Node, Power, lock};
use crate::options::{LogWrite, Options};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep};

/// The number of connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A running node. It stops when the handle is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use griddb_test_node::{Fault, Options, Statement, TestNode};
///
/// let node = TestNode::start(Options::new()).await?;
/// node.faults().once(Statement::PutRow, Fault::DropAfter);
/// // … a client of `node.address()` loses the answer to its first PUT_ROW …
/// assert_eq!(node.counters().statements(Statement::PutRow), 0);
/// # Ok(())
/// # }
/// ```
pub struct TestNode {
    node: Arc<Node>,
    running: Mutex<Running>,
}

/// What holds the node's port.
enum Running {
    /// The task that accepts connections. It ends when all of them are closed.
    Up(JoinHandle<()>),
    /// The port is reserved and refuses connections.
    Down(TcpSocket),
    /// In transition.
    Changing,
}

/// Keeps the ending task if the future of [`TestNode::crash`] is dropped early. The next crash waits for it.
struct Ending<'a> {
    running: &'a Mutex<Running>,
    accept: Option<JoinHandle<()>>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(accept) = self.accept.take() {
            *lock(self.running) = Running::Up(accept);
        }
    }
}

impl fmt::Debug for TestNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestNode").field("address", &self.node.address).finish_non_exhaustive()
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.node.set_power(Power::Off);
    }
}

impl TestNode {
    /// Starts a node on a port of 127.0.0.1.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let accounts = Arc::new(Mutex::new(Accounts::new(&options)));
        Self::start_with(options, accounts).await
    }

    pub(crate) async fn start_with(options: Options, accounts: Arc<Mutex<Accounts>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let SocketAddr::V4(address) = address else { return Err(io::ErrorKind::AddrNotAvailable.into()) };
        let node = Arc::new(Node::new(options, address, accounts));
        let accept = run(&node, listener);
        Ok(Self { node, running: Mutex::new(Running::Up(accept)) })
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The node's address, even while it is down.
    #[must_use]
    pub fn address(&self) -> SocketAddrV4 {
        self.node().address
    }

    /// The URL of the node, with its user and cluster: `griddb://admin:admin@127.0.0.1:PORT/gridauth`.
    #[must_use]
    pub fn url(&self) -> String {
        self.node.options.url(&[self.address()])
    }

    /// Whether the node runs, paused or not. It does not after a fault that killed it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.node.power() != Power::Off
    }

    /// Fault injection.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.node().faults
    }

    /// Counters of what the node has received.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.node().counters
    }

    /// Kills the node like `kill -9`: connections are reset, new ones are refused, and sessions, transactions and
    /// everything unsynced are lost. Does nothing if the node is down.
    ///
    /// # Errors
    /// If the port cannot be kept.
    pub async fn crash(&self) -> io::Result<()> {
        let running = std::mem::replace(&mut *lock(&self.running), Running::Changing);
        let Running::Up(accept) = running else {
            *lock(&self.running) = running;
            return Ok(());
        };
        let mut ending = Ending { running: &self.running, accept: Some(accept) };
        self.node.set_power(Power::Off);
        if let Some(accept) = &mut ending.accept {
            // it ends by itself, and takes every connection with it
            drop(accept.await);
        }
        ending.accept = None;
        self.node.crash();
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::V4(self.node.address))?;
        *lock(&self.running) = Running::Down(socket);
        Ok(())
    }

    /// Restarts a killed node on the same port. It joins its cluster after [`Options::rejoin_delay`]. Does nothing
    /// if the node runs.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub fn restart(&self) -> io::Result<()> {
        let delay = self.node.options.rejoin_delay;
        if self.power_on()? && !delay.is_zero() {
            let node = Arc::clone(&self.node);
            tokio::spawn(while_on(self.node.life(), async move {
                sleep(delay).await;
                node.view().role = ClusterRole::Master;
            }));
        }
        Ok(())
    }

    /// Starts a node that is down. Returns `false` if it was running.
    pub(crate) fn power_on(&self) -> io::Result<bool> {
        let mut running = lock(&self.running);
        match std::mem::replace(&mut *running, Running::Changing) {
            Running::Down(socket) => {
                let listener = socket.listen(BACKLOG)?;
                self.node.set_power(Power::On);
                *running = Running::Up(run(&self.node, listener));
                Ok(true)
            }
            other => {
                *running = other;
                Ok(false)
            }
        }
    }

    /// [`crash`](Self::crash), then [`restart`](Self::restart).
    ///
    /// # Errors
    /// If the port cannot be kept or bound.
    pub async fn crash_and_restart(&self) -> io::Result<()> {
        self.crash().await?;
        self.restart()
    }

    /// Pauses the node like SIGSTOP: TCP connects, nothing is executed or answered, and there is no error.
    pub fn pause(&self) {
        if self.node.power() == Power::On {
            self.node.set_power(Power::Paused);
        }
    }

    /// Wakes a paused node. It executes what arrived in the meantime.
    pub fn wake(&self) {
        if self.node.power() == Power::Paused {
            self.node.set_power(Power::On);
        }
    }

    /// If `true`, new connections are accepted and reset at once, as at a server's connection limit. Open ones
    /// continue.
    pub fn refuse_connections(&self, on: bool) {
        self.node.refuse_connections(on);
    }

    /// Moves the node out of its cluster (10008 and 10010 for everything), or back into it. Statements that wait
    /// for a lock get no answer meanwhile, and then keep waiting.
    pub fn leave_cluster(&self, left: bool) {
        self.node.leave_cluster(left);
    }

    /// Syncs everything that was committed, as the node does periodically.
    pub fn sync(&self) {
        self.node.sync();
    }

    /// The names of all containers, without affinities, unordered.
    #[must_use]
    pub fn container_names(&self) -> Vec<String> {
        self.node
            .each_partition()
            .flat_map(|partition| partition.state.container_names().collect::<Vec<_>>())
            .collect()
    }

    /// The number of committed changes that a crash would undo now.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.node.each_partition().map(|partition| partition.state.unsynced()).sum()
    }
}

/// Starts the tasks of a running node.
fn run(node: &Arc<Node>, listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(while_on(node.life(), check(Arc::clone(node))));
    if let LogWrite::Every(period) = node.options.log_write {
        tokio::spawn(while_on(node.life(), sync(Arc::clone(node), period)));
    }
    if let Some(lag) = node.options.replication_lag {
        tokio::spawn(while_on(node.life(), replicate(Arc::clone(node), lag)));
    }
    tokio::spawn(accept(Arc::clone(node), listener))
}

/// Runs a task until the node is killed.
async fn while_on(mut life: Life, task: impl Future<Output = ()> + Send) {
    tokio::select! {
        () = task => {}
        () = life.over() => {}
    }
}

async fn accept(node: Arc<Node>, listener: TcpListener) {
    let mut life = node.life();
    let mut connections = JoinSet::new();
    loop {
        let power = life.power();
        if power == Power::Off {
            break;
        }
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if power == Power::On => {
                if let Ok((socket, _)) = accepted {
                    if node.refuses_connections() {
                        drop(socket.set_zero_linger());
                    } else {
                        connections.spawn(serve(Arc::clone(&node), socket));
                    }
                }
            }
            () = life.changed() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Ends what has timed out, at the server's check interval.
async fn check(node: Arc<Node>) {
    let mut ticks = ticks(node.options.check_interval);
    loop {
        ticks.tick().await;
        if node.power() == Power::On {
            node.check_timeouts(Instant::now());
        }
    }
}

async fn sync(node: Arc<Node>, period: Duration) {
    let mut ticks = ticks(period);
    loop {
        ticks.tick().await;
        if node.power() == Power::On {
            node.sync();
        }
    }
}

async fn replicate(node: Arc<Node>, lag: Duration) {
    let mut ticks = ticks(lag);
    loop {
        ticks.tick().await;
        if node.power() == Power::On {
            node.replicate();
        }
    }
}

/// A task's view of whether its node runs.
pub(crate) struct Life {
    run: u64,
    state: watch::Receiver<(u64, Power)>,
}

impl Life {
    pub(crate) fn new(mut state: watch::Receiver<(u64, Power)>) -> Self {
        let run = state.borrow_and_update().0;
        Self { run, state }
    }

    /// Also `Off` if the node was killed and restarted since.
    pub(crate) fn power(&mut self) -> Power {
        let (run, power) = *self.state.borrow_and_update();
        if run == self.run { power } else { Power::Off }
    }

    /// Waits until the power differs from the last look.
    pub(crate) async fn changed(&mut self) {
        // an error means that the node is gone, which `power` cannot report
        if self.state.changed().await.is_err() {
            self.run = u64::MAX;
        }
    }

    async fn over(&mut self) {
        while self.power() != Power::Off {
            self.changed().await;
        }
    }
}
