//! A node and the connections to it, which are made again by themselves.

use std::{
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Mutex as Gate,
    time::{Instant, sleep_until, timeout_at},
};

use super::Cluster;
use crate::{
    connection::{self, Connection},
    error::{Error, ErrorKind},
    random,
};

/// The first pause after a failed connect, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two connects.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Node {
    address: SocketAddr,
    places: Vec<Place>,
}

/// One connection of the pool.
#[derive(Default)]
struct Place {
    current: Mutex<Option<Connection>>,
    /// Held by whoever makes the connection; the others wait for the outcome.
    gate: Gate<Attempts>,
    /// How many attempts have ended.
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
        Self { address, places: (0..connections.max(1)).map(|_| Place::default()).collect() }
    }

    /// An open connection; statements of one partition should name the same `place`, which keeps their order.
    pub(super) async fn connection(
        &self,
        cluster: &Cluster,
        place: usize,
        deadline: Instant,
    ) -> Result<Connection, Error> {
        let place = &self.places[place % self.places.len()];
        match place.open_connection() {
            Some(connection) => Ok(connection),
            None => place.connect(self.address, cluster, deadline).await,
        }
    }

    /// Takes all connections out.
    pub(super) fn take_connections(&self) -> Vec<Connection> {
        self.places.iter().filter_map(|place| place.current().take()).collect()
    }
}

impl Place {
    fn current(&self) -> MutexGuard<'_, Option<Connection>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_connection(&self) -> Option<Connection> {
        self.current().as_ref().filter(|connection| connection.is_open()).cloned()
    }

    async fn connect(
        &self,
        address: SocketAddr,
        cluster: &Cluster,
        deadline: Instant,
    ) -> Result<Connection, Error> {
        let ended_before = self.ended.load(Ordering::Acquire);
        let mut attempts = timeout_at(deadline, self.gate.lock()).await.map_err(|_| too_late())?;
        if cluster.is_closed() {
            return Err(Error::new(ErrorKind::Closed));
        }
        if let Some(connection) = self.open_connection() {
            return Ok(connection);
        }
        // Somebody tried while this call waited for the gate: its outcome is the outcome for all who waited.
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
        let opened =
            connection::open(address, &cluster.credentials, deadline, cluster.counters.clone()).await;
        self.ended.fetch_add(1, Ordering::Release);
        match opened {
            Ok(connection) => {
                *attempts = Attempts::default();
                *self.current() = Some(connection.clone());
                if cluster.is_closed() {
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
    Error::with_message(ErrorKind::Unavailable, "no connection could be made in time")
}
