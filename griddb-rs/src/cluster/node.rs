//! A node and its pool of connections, which reconnect on demand.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex as Gate, OwnedMutexGuard},
    time::{Instant, sleep_until, timeout_at},
};

use super::Cluster;
use crate::{
    connection::{self, Connection, Credentials, LostSessions},
    error::{Error, ErrorKind},
    random,
    stats::Counters,
};

/// The first pause after a failed connect. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What opening a connection needs. The connecting tasks share it, and may outlive the client by a moment.
pub(super) struct Access {
    pub(super) credentials: Credentials,
    pub(super) counters: Arc<Counters>,
    pub(super) closed: AtomicBool,
    pub(super) lost_sessions: LostSessions,
}

impl Access {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

pub(super) struct Node {
    address: SocketAddr,
    slots: Vec<Arc<PoolSlot>>,
}

/// One connection of the pool.
#[derive(Default)]
struct PoolSlot {
    current: Mutex<Option<Connection>>,
    /// Held by the task that connects. Callers wait for the outcome.
    gate: Arc<Gate<Attempts>>,
    /// The number of attempts that have ended.
    ended: AtomicU64,
}

#[derive(Default)]
struct Attempts {
    failures: u32,
    not_before: Option<Instant>,
    last_error: Option<Error>,
}

impl Node {
    pub(super) fn new(address: SocketAddr, connections: usize) -> Self {
        Self { address, slots: (0..connections.max(1)).map(|_| Arc::default()).collect() }
    }

    /// An open connection. Statements of one partition should use the same `slot`, which keeps them in order.
    pub(super) async fn connection(
        &self,
        cluster: &Cluster,
        slot: usize,
        deadline: Instant,
    ) -> Result<Connection, Error> {
        let slot = &self.slots[slot % self.slots.len()];
        match slot.open_connection() {
            Some(connection) => Ok(connection),
            None => slot.connect(self.address, cluster, deadline).await,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it has an open connection.
    pub(super) fn is_connected(&self) -> bool {
        self.slots.iter().any(|slot| slot.open_connection().is_some())
    }

    /// Takes all connections out of the pool.
    pub(super) fn take_connections(&self) -> Vec<Connection> {
        self.slots.iter().filter_map(|slot| slot.current().take()).collect()
    }
}

impl PoolSlot {
    fn current(&self) -> MutexGuard<'_, Option<Connection>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_connection(&self) -> Option<Connection> {
        self.current().as_ref().filter(|connection| connection.is_open()).cloned()
    }

    async fn connect(
        self: &Arc<Self>,
        address: SocketAddr,
        cluster: &Cluster,
        deadline: Instant,
    ) -> Result<Connection, Error> {
        let ended_before = self.ended.load(Ordering::Acquire);
        let gate = timeout_at(deadline, Arc::clone(&self.gate).lock_owned());
        let attempts = gate.await.map_err(|_| too_late())?;
        if cluster.is_closed() {
            return Err(Error::new(ErrorKind::Closed));
        }
        if let Some(connection) = self.open_connection() {
            return Ok(connection);
        }
        // Another caller tried while this one waited for the gate. Its outcome holds for everyone who waited.
        if self.ended.load(Ordering::Acquire) != ended_before
            && let Some(error) = &attempts.last_error
        {
            return Err(error.clone());
        }
        if let Some(not_before) = attempts.not_before {
            if not_before >= deadline {
                return Err(attempts.last_error.clone().unwrap_or_else(too_late));
            }
            sleep_until(not_before).await;
        }
        let attempt = tokio::spawn(Arc::clone(self).attempt(address, Arc::clone(&cluster.access), attempts));
        match timeout_at(deadline, attempt).await {
            Ok(Ok(opened)) => opened,
            // The runtime is shutting down.
            Ok(Err(_)) => Err(Error::new(ErrorKind::Closed)),
            Err(_) => Err(too_late()),
        }
    }

    /// Opens the connection. The task goes on if the caller is dropped: the next caller finds the connection open,
    /// and no login is left without a DISCONNECT.
    async fn attempt(
        self: Arc<Self>,
        address: SocketAddr,
        access: Arc<Access>,
        mut attempts: OwnedMutexGuard<Attempts>,
    ) -> Result<Connection, Error> {
        let opened = connection::open(
            address,
            &access.credentials,
            Arc::clone(&access.counters),
            access.lost_sessions.clone(),
        )
        .await;
        self.ended.fetch_add(1, Ordering::Release);
        match opened {
            Ok(connection) => {
                *attempts = Attempts::default();
                *self.current() = Some(connection.clone());
                if access.is_closed() {
                    connection.close();
                    return Err(Error::new(ErrorKind::Closed));
                }
                tracing::debug!(node = %address, "connected to GridDB");
                Ok(connection)
            }
            Err(error) => {
                let pause = FIRST_PAUSE.saturating_mul(1 << attempts.failures.min(6)).min(LONGEST_PAUSE);
                attempts.failures += 1;
                attempts.not_before = Some(Instant::now() + random::jitter(pause));
                attempts.last_error = Some(error.clone());
                tracing::debug!(node = %address, %error, "cannot connect to GridDB");
                Err(error)
            }
        }
    }
}

fn too_late() -> Error {
    Error::with_message(ErrorKind::Unavailable, "could not connect in time")
}
