//! One connection: a cheap handle to queue statements on, and a task that owns the socket.
//!
//! Statements of many callers share the connection. Each is written behind the others without waiting for their
//! answers, and its answer is found by its statement id. When nothing is under way a caller writes its statement to
//! the socket itself, which saves a change of tasks; otherwise the task collects what callers have queued and
//! writes it at once.

mod batch;
mod driver;
mod expire;
mod flush;
mod handshake;
mod state;
mod ticket;

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

pub(crate) use batch::Batch;
pub(crate) use handshake::{Credentials, open};
pub(crate) use state::FIRST_SESSION_ID;
use state::State;
pub(crate) use ticket::{Answer, Ids, Ticket};

use crate::{
    error::{Error, ErrorKind},
    stats::Counters,
};

/// A logged-in connection. The last handle to go closes it, with the DISCONNECT that the server needs.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Handle>);

struct Handle(Arc<Shared>);

/// What the handles and the task share.
pub(crate) struct Shared {
    /// Differs between any two connections of this process.
    number: u64,
    address: SocketAddr,
    database: i64,
    /// How long a node that owes an answer may be silent and still count as one that lives.
    tolerated_silence: Duration,
    open: AtomicBool,
    state: Mutex<State>,
    counters: Arc<Counters>,
    /// Turns true when the socket is closed.
    finished: watch::Sender<bool>,
}

/// With so many bytes that the socket has not taken, a connection takes no more statements.
const MOST_UNWRITTEN: u64 = 32 << 20;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no more statements, lets those under way come to their end, and closes.
    fn close(&self) {
        self.open.store(false, Ordering::Release);
        let waker = {
            let mut state = self.lock();
            state.closing = true;
            state.driver.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Marks the connection as ended: no statement is taken any more and every waiting one fails.
    fn end(&self, error: &Error) {
        self.open.store(false, Ordering::Release);
        let mut wakers = Vec::new();
        self.lock().fail_all(error, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Connection {
    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// Differs between any two connections of this process: what was learned on one, container ids above all, is
    /// of no use on another.
    pub(crate) fn number(&self) -> u64 {
        self.shared().number
    }

    /// The node at the other end.
    pub(crate) fn address(&self) -> SocketAddr {
        self.shared().address
    }

    /// The id of the database, for container keys.
    pub(crate) fn database(&self) -> i64 {
        self.shared().database
    }

    /// Whether it takes statements.
    pub(crate) fn is_open(&self) -> bool {
        self.shared().open.load(Ordering::Acquire)
    }

    /// Whether it takes statements, and its node has given a sign of life not long ago or owes none.
    pub(crate) fn is_alive(&self) -> bool {
        let shared = self.shared();
        let quiet_since = {
            let state = shared.lock();
            if state.waiting > 0 || state.unanswered { state.quiet_since } else { None }
        };
        self.is_open() && quiet_since.is_none_or(|since| since.elapsed() < shared.tolerated_silence)
    }

    /// Takes no more statements, lets those under way come to their end, and closes.
    pub(crate) fn close(&self) {
        self.shared().close();
    }

    /// Turns true when the socket is closed.
    pub(crate) fn finished(&self) -> watch::Receiver<bool> {
        self.shared().finished.subscribe()
    }

    /// Queues the statements that `build` writes, as one flight that somebody waits for. Gives back a ticket in the
    /// place of each id.
    ///
    /// # Errors
    /// Those of `build`, or the connection has ended, or too much waits to be sent. Nothing is sent then.
    pub(crate) fn send<I: Ids>(
        &self,
        deadline: Instant,
        build: impl FnOnce(&mut Batch<'_>) -> Result<I, Error>,
    ) -> Result<I::Tickets, Error> {
        Ok(self.queue(deadline, true, build)?.into_tickets(self))
    }

    /// Queues statements whose answers nobody waits for, and which may as well be left out.
    pub(crate) fn send_and_forget(&self, build: impl FnOnce(&mut Batch<'_>)) {
        let sent = self.queue(Instant::now(), false, |batch| {
            build(batch);
            Ok(())
        });
        // The connection has ended, or is stuck and about to.
        drop(sent);
    }

    fn queue<T>(
        &self,
        deadline: Instant,
        awaited: bool,
        build: impl FnOnce(&mut Batch<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let shared = self.shared();
        let (result, waker) = {
            let mut state = shared.lock();
            if let Some(ended) = &state.ended {
                return Err(ended.clone().into_not_done());
            }
            if state.closing {
                return Err(Error::new(ErrorKind::ConnectionLost));
            }
            if state.unwritten() >= MOST_UNWRITTEN {
                return Err(Error::new(ErrorKind::Busy));
            }
            let mut batch = Batch::new(&mut state, deadline);
            let result = Ok(build(&mut batch)?);
            let anything = !batch.is_empty();
            let (statements, alone) = batch.finish();
            if !anything {
                return result;
            }
            Counters::add(&shared.counters.statements, statements);
            if awaited {
                Counters::add(&shared.counters.round_trips, 1);
            }
            (result, state.write_from_caller(alone, &shared.counters))
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    /// Sends the message that `write` writes as soon as the statement `id`, whose ticket was dropped, has been
    /// answered; at once when it has been already.
    pub(crate) fn send_after(&self, id: i64, write: impl FnOnce(&mut Vec<u8>)) {
        let shared = self.shared();
        let waker = {
            let mut state = shared.lock();
            if state.ended.is_some() {
                return;
            }
            if let Some(left) = state.left_behind(id) {
                write(left);
                return;
            }
            Counters::add(&shared.counters.statements, 1);
            state.append_with(write);
            let alone = state.waiting == 0;
            state.write_from_caller(alone, &shared.counters)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Queues a whole message whose answer nobody waits for, to be sent along with the next one, or a little later by
    /// itself.
    pub(crate) fn send_lazily(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let shared = self.shared();
        let waker = {
            let mut state = shared.lock();
            if state.ended.is_some() {
                return;
            }
            Counters::add(&shared.counters.statements, 1);
            state.append_with(write);
            state.sent_since_tick = true;
            if state.ticking { None } else { state.driver.clone() }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("number", &self.number())
            .field("address", &self.address())
            .finish()
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed)
}
