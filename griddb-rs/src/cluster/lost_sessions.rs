//! Closing sessions that a lost connection left open, at the current owner of their partition.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep},
};

use super::Cluster;
use crate::{connection::OpenSession, error::Error, random, wire::statement::Statement};

/// How long a server keeps an idle session, with its transaction and locks.
const SESSION_TIMEOUT: Duration = Duration::from_secs(300);
/// The first pause between two attempts. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The most sessions to be closed at any time. The server's timeout closes the rest.
const MOST_SESSIONS: usize = 10_000;
/// The most sessions received or closed at once.
const BATCH: usize = 256;

/// Closes the sessions that connections hand over, until the last connection is gone.
pub(super) async fn close_all(cluster: Weak<Cluster>, mut lost: UnboundedReceiver<OpenSession>) {
    let pending = Arc::new(AtomicUsize::new(0));
    let mut received = Vec::new();
    while lost.recv_many(&mut received, BATCH).await > 0 {
        let mut by_partition: HashMap<u32, Vec<OpenSession>> = HashMap::new();
        for session in received.drain(..) {
            by_partition.entry(session.partition).or_default().push(session);
        }
        for (partition, sessions) in by_partition {
            let count = sessions.len();
            if pending.fetch_add(count, Ordering::Relaxed) + count > MOST_SESSIONS {
                pending.fetch_sub(count, Ordering::Relaxed);
                tracing::warn!(
                    partition,
                    count,
                    "too many open sessions: they stay until the server's timeout"
                );
                continue;
            }
            let (cluster, pending) = (Weak::clone(&cluster), Arc::clone(&pending));
            tokio::spawn(async move {
                close_at_owner(&cluster, partition, sessions).await;
                pending.fetch_sub(count, Ordering::Relaxed);
            });
        }
    }
}

/// Tries to close sessions of one partition until they are closed, or the server has closed them.
async fn close_at_owner(cluster: &Weak<Cluster>, partition: u32, mut sessions: Vec<OpenSession>) {
    let end = Instant::now() + SESSION_TIMEOUT;
    let mut pause = FIRST_PAUSE;
    // The node of the lost connection may be silent: ask the master before waiting for it.
    if let Some(cluster) = cluster.upgrade() {
        cluster.forget_owner(partition);
    }
    while Instant::now() < end {
        let Some(cluster) = cluster.upgrade().filter(|cluster| !cluster.is_closed()) else { return };
        let patience = cluster.config.statement_timeout.min(cluster.config.heartbeat_interval() * 2);
        let deadline = end.min(Instant::now() + patience);
        match close(&cluster, partition, &mut sessions, deadline).await {
            Ok(()) if sessions.is_empty() => {
                tracing::debug!(partition, "closed the sessions that a lost connection left open");
                return;
            }
            Ok(()) => {}
            Err(error) => cluster.note(&error, Some(partition)),
        }
        drop(cluster);
        sleep(random::jitter(pause)).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Sends CLOSE_SESSION for some of the sessions, and removes those that are closed.
///
/// # Errors
/// The owner cannot be reached, or a node is not the owner.
async fn close(
    cluster: &Cluster,
    partition: u32,
    sessions: &mut Vec<OpenSession>,
    deadline: Instant,
) -> Result<(), Error> {
    let connection = cluster.owner(partition, deadline).await?;
    let tickets = connection.send(deadline, |batch| {
        let mut ids = Vec::with_capacity(sessions.len().min(BATCH));
        for session in sessions.iter().take(BATCH) {
            batch.add_with_id(Statement::CloseSession, session.close_id, |out, _| {
                session.encode_close(out);
                Ok(())
            })?;
            ids.push(session.close_id);
        }
        Ok(ids)
    })?;
    let mut failed = None;
    let mut closed = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        match ticket.await {
            Err(error) if error.is_unavailable() => {
                closed.push(false);
                failed = Some(error);
            }
            // Any other refusal would be repeated.
            _ => closed.push(true),
        }
    }
    let mut closed = closed.into_iter();
    sessions.retain(|_| !closed.next().unwrap_or(false));
    failed.map_or(Ok(()), Err)
}
