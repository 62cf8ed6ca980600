//! One connection: a cheap handle that queues statements, and a task that owns the socket.
//!
//! Many callers share the connection. Each statement is written without waiting for the answers to earlier ones,
//! and answers are matched by statement id. If nothing is in flight, a caller writes to the socket directly, which
//! saves a task switch; otherwise the task collects what callers have queued and writes it at once.

mod batch;
mod driver;
mod expire;
mod flush;
mod handshake;
mod open_session;
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
pub(crate) use open_session::{LostSessions, OpenSession};
pub(crate) use state::FIRST_SESSION_ID;
use state::State;
pub(crate) use ticket::{Answer, Ids, Ticket};

use crate::{
    error::{Error, ErrorKind},
    stats::Counters,
};

/// A logged-in connection. Dropping the last handle closes it with the DISCONNECT that the server requires.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Handle>);

struct Handle(Arc<Shared>);

/// What the handles and the task share.
pub(crate) struct Shared {
    /// Unique among the connections of this process.
    number: u64,
    address: SocketAddr,
    database: i64,
    /// How long a node that owes an answer may be silent and still count as alive.
    tolerated_silence: Duration,
    open: AtomicBool,
    state: Mutex<State>,
    counters: Arc<Counters>,
    /// Becomes `true` when the socket is closed.
    finished: watch::Sender<bool>,
}

/// With this many unsent bytes, a connection accepts no more statements.
const MOST_UNWRITTEN: u64 = 32 << 20;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts no more statements, waits for those in flight, and closes.
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

    /// Marks the connection as ended: it accepts no statements, and every pending one fails.
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

    /// Unique among the connections of this process. What was learned on one connection, container ids above all,
    /// does not hold on another.
    pub(crate) fn number(&self) -> u64 {
        self.shared().number
    }

    /// The node at the other end.
    pub(crate) fn address(&self) -> SocketAddr {
        self.shared().address
    }

    /// The database id, for container keys.
    pub(crate) fn database(&self) -> i64 {
        self.shared().database
    }

    /// Whether it accepts statements.
    pub(crate) fn is_open(&self) -> bool {
        self.shared().open.load(Ordering::Acquire)
    }

    /// Whether it accepts statements and its node has answered recently or owes no answer.
    pub(crate) fn is_alive(&self) -> bool {
        let shared = self.shared();
        let quiet_since = {
            let state = shared.lock();
            if state.waiting > 0 || state.unanswered { state.quiet_since } else { None }
        };
        self.is_open() && quiet_since.is_none_or(|since| since.elapsed() < shared.tolerated_silence)
    }

    /// Accepts no more statements, waits for those in flight, and closes.
    pub(crate) fn close(&self) {
        self.shared().close();
    }

    /// Becomes `true` when the socket is closed.
    pub(crate) fn finished(&self) -> watch::Receiver<bool> {
        self.shared().finished.subscribe()
    }

    /// Queues the statements that `build` writes, to be sent together. Returns a ticket in place of each id.
    ///
    /// # Errors
    /// Those of `build`, the connection has ended, or too many bytes are unsent. Nothing is sent then.
    pub(crate) fn send<I: Ids>(
        &self,
        deadline: Instant,
        build: impl FnOnce(&mut Batch<'_>) -> Result<I, Error>,
    ) -> Result<I::Tickets, Error> {
        Ok(self.queue(deadline, true, build)?.into_tickets(self))
    }

    /// Queues statements whose answers nobody waits for and which may be lost.
    pub(crate) fn send_and_forget(&self, build: impl FnOnce(&mut Batch<'_>)) {
        let sent = self.queue(Instant::now(), false, |batch| {
            build(batch);
            Ok(())
        });
        // The connection has ended, or is stuck and about to end.
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

    /// Closes a session once the statement `id`, whose ticket was dropped, has been answered. Closes it at once if
    /// the answer has arrived already.
    pub(crate) fn close_session_after(&self, id: i64, session: OpenSession) {
        let shared = self.shared();
        let waker = {
            let mut state = shared.lock();
            if let Some(left) = state.left_behind(id) {
                *left = Some(session);
                return;
            }
            Counters::add(&shared.counters.statements, 1);
            state.close_session(session);
            let alone = state.waiting == 0;
            state.write_from_caller(alone, &shared.counters)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Closes a session without hurry: CLOSE_SESSION is sent with the next message, or a little later on its own.
    pub(crate) fn close_session_lazily(&self, session: OpenSession) {
        let shared = self.shared();
        let waker = {
            let mut state = shared.lock();
            Counters::add(&shared.counters.statements, 1);
            state.close_session(session);
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
