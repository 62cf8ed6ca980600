//! Notices of ended grants, from the processes of one store to each other.
//!
//! A notice is a row that names some grants and lives for a minute. A process that watches grants reads the new ones twice in a
//! second, with one query however many grants it watches.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::watchers::Watchers;
use crate::env::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::store::{Backend, By, Key, Kind, Query, Row, StoreError};

/// How often notices are read.
const INTERVAL: Duration = Duration::from_millis(400);

/// How long ended grants are collected for one notice.
const COLLECTED: Duration = Duration::from_millis(50);

/// How long a notice stays.
const LIFETIME: Duration = Duration::from_secs(60);

/// After so long without a successful reading, notices may have been missed.
const MISSED: Duration = Duration::from_secs(20);

/// The most grants that one notice names.
const MOST: usize = 500;

/// How often the writing of a notice is tried.
const TRIES: usize = 20;

pub(super) struct Notices {
    backend: Arc<dyn Backend>,
    unwritten: Arc<Mutex<Unwritten>>,
}

#[derive(Default)]
struct Unwritten {
    ids: Vec<Box<str>>,
    is_writing: bool,
}

impl Notices {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, unwritten: Arc::default() }
    }

    /// Tells the other processes, in the background.
    pub(super) fn write(&self, id: &str) {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.ids.push(id.into());
        if unwritten.is_writing {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            tracing::warn!("no Tokio runtime: other processes are not told of ended grants");
            unwritten.ids.clear();
            return;
        };
        unwritten.is_writing = true;
        runtime.spawn(write(Arc::clone(&self.backend), Arc::clone(&self.unwritten)));
    }

    /// Reads the notices of other processes in the background, until nobody watches.
    pub(super) fn read(&self, watchers: &Arc<Watchers>) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(read(Arc::clone(&self.backend), Arc::downgrade(watchers)))),
            Err(_) => watchers.stop_reading(),
        }
    }
}

async fn write(backend: Arc<dyn Backend>, unwritten: Arc<Mutex<Unwritten>>) {
    loop {
        sleep(COLLECTED).await;
        let ids = {
            let mut unwritten = unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            if unwritten.ids.is_empty() {
                unwritten.is_writing = false;
                return;
            }
            std::mem::take(&mut unwritten.ids)
        };
        for ids in ids.chunks(MOST) {
            put(&*backend, ids).await;
        }
    }
}

/// Writes one notice. Where it cannot be written, connections in other processes stay open until their guards read the rows anew.
async fn put(backend: &dyn Backend, ids: &[Box<str>]) {
    let mut bytes = [0; 16];
    if let Err(error) = SystemEntropy.fill(&mut bytes) {
        tracing::warn!(%error, "other processes could not be told of ended grants");
        return;
    }
    let mut name = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(name, "{byte:02x}");
    }
    let body = serde_json::Value::from(ids.iter().map(|id| &**id).collect::<Vec<_>>()).to_string();
    for tried in 1..=TRIES {
        let now = SystemClock.now();
        let row = Row::new(now, &*body).with_expires(Some(now.after(LIFETIME)));
        match backend.put(Key::new(Kind::Ended, &name), row).await {
            Ok(()) => return,
            Err(error) if tried == TRIES => {
                tracing::warn!(%error, "other processes could not be told of ended grants");
            }
            Err(_) => sleep(INTERVAL).await,
        }
    }
}

/// Marks the reading as ended if its runtime stops.
struct Reading(Weak<Watchers>);

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(watchers) = self.0.upgrade() {
            watchers.stop_reading();
        }
    }
}

async fn read(backend: Arc<dyn Backend>, watchers: Weak<Watchers>) {
    let mut reading = Reading(watchers);
    let mut seen = HashMap::new();
    let mut last = Instant::now();
    loop {
        sleep(INTERVAL).await;
        let Some(watchers) = reading.0.upgrade() else { return };
        if watchers.is_done_reading() {
            // Another reading may have begun already.
            reading.0 = Weak::new();
            return;
        }
        match unseen(&*backend, &mut seen).await {
            Ok(ids) => {
                if last.elapsed() > MISSED {
                    watchers.wake_all();
                }
                last = Instant::now();
                ids.iter().for_each(|id| watchers.wake(id));
            }
            Err(error) if last.elapsed() > MISSED => {
                tracing::warn!(%error, "the ends of grants in other processes cannot be learned");
                // Whoever holds a connection open reads its row, and closes it where that fails too.
                watchers.wake_all();
            }
            Err(_) => {}
        }
    }
}

/// The grants of the notices that were not there before. `seen` has the notices, and whether they are still there.
async fn unseen(backend: &dyn Backend, seen: &mut HashMap<String, bool>) -> Result<Vec<String>, StoreError> {
    seen.values_mut().for_each(|is_there| *is_there = false);
    let mut ended = Vec::new();
    let mut query = Query::new(Kind::Ended, By::Any).limit(MOST);
    loop {
        let page = backend.list(query.clone()).await?;
        for entry in page.entries {
            if seen.insert(entry.id, true).is_none() {
                let ids: Vec<String> = serde_json::from_str(entry.row.body()).unwrap_or_default();
                ended.extend(ids);
            }
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    seen.retain(|_, is_there| *is_there);
    Ok(ended)
}
