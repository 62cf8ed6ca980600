//! Removing expired rows, container by container.

use std::sync::atomic::{AtomicUsize, Ordering};

use griddb_rs::Collection;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::{late, store_error};
use super::list;
use super::rows::{NewRow, moment};
use crate::env::Timestamp;
use crate::store::StoreError;
use crate::store::deadline::Wait;

/// The number of expired rows removed concurrently.
const SWEEPERS: usize = 32;

/// Removes expired rows of these containers, at most `limit`, and returns their number. Starts at the container
/// that `first` names.
pub(super) async fn expired(
    containers: &[Collection],
    first: &AtomicUsize,
    now: Timestamp,
    limit: usize,
    wait: &Wait,
) -> Result<usize, StoreError> {
    let mut sweep = Sweep { now, limit, wait, removed: 0, looked_at: 0 };
    let mut failed = None;
    let begin = first.load(Ordering::Relaxed);
    for turn in 0..containers.len() {
        let number = begin.wrapping_add(turn) % containers.len();
        if sweep.is_enough() {
            break;
        }
        if wait.left().is_zero() {
            first.store(number, Ordering::Relaxed);
            failed.get_or_insert_with(late);
            break;
        }
        if let Err(error) = sweep.sweep(&containers[number]).await {
            // An unreachable container uses up all the time. The next sweep starts with the others.
            first.store(number + 1, Ordering::Relaxed);
            failed.get_or_insert(error);
        }
    }
    match failed {
        // A row that cannot be removed does not block the rest. The error is returned when nothing else is left.
        Some(error) if sweep.removed == 0 => Err(error),
        _ => Ok(sweep.removed),
    }
}

/// The state of a sweep.
struct Sweep<'a> {
    now: Timestamp,
    limit: usize,
    wait: &'a Wait,
    removed: usize,
    looked_at: usize,
}

impl Sweep<'_> {
    /// Other processes may remove everything that was found. The sweep reports the end only if it finds nothing.
    fn is_enough(&self) -> bool {
        self.removed >= self.limit || (self.removed > 0 && self.looked_at >= self.limit)
    }

    /// Removes the expired rows of one container, or as many as are still wanted.
    async fn sweep(&mut self, container: &Collection) -> Result<(), StoreError> {
        let mut expired = list::expired(&container.within(self.wait.left()), self.now).await?;
        let mut found = Vec::new();
        while !self.is_enough() {
            if found.is_empty() {
                match timeout(self.wait.left(), expired.next()).await.map_err(|_| late())?? {
                    Some(more) => found = more,
                    None => break,
                }
            }
            let ids = found.split_off(found.len().saturating_sub(self.limit - self.removed));
            self.looked_at += ids.len();
            self.remove(container, ids).await?;
        }
        Ok(())
    }

    async fn remove(&mut self, container: &Collection, ids: Vec<String>) -> Result<(), StoreError> {
        let mut ids = ids.into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < SWEEPERS {
                let Some(id) = ids.next() else { break };
                let container = container.within(self.wait.left());
                running.spawn(remove_if_expired(container, id, self.now));
            }
            match running.join_next().await {
                None => return Ok(()),
                Some(Ok(Ok(true))) => self.removed += 1,
                // Another client is changing it, so it is not this sweep's to remove.
                Some(Ok(Ok(false))) => {}
                Some(Ok(Err(error))) if error.is_lock_timeout() => {}
                Some(Ok(Err(error))) => return Err(store_error(error)),
                Some(Err(_)) => return Err(StoreError::internal("a task of the sweep panicked")),
            }
        }
    }
}

async fn remove_if_expired(
    container: Collection,
    id: String,
    now: Timestamp,
) -> Result<bool, griddb_rs::Error> {
    let now = moment(now);
    container
        .update::<NewRow<'_>>(id.as_str(), |row| {
            // Only this column is read, so a damaged row is removed too.
            let expires = row.and_then(|row| row.get::<Option<griddb_rs::Timestamp>>("expires").ok());
            match expires.flatten() {
                Some(expires) if expires <= now => griddb_rs::Change::Remove,
                _ => griddb_rs::Change::Keep,
            }
        })
        .await
}
