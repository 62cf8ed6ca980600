//! Calls that go to an open transaction of the application.
//!
//! The transaction stays borrowed by whoever opened it. The work that runs within it sends its statements to that caller, which is
//! why no call needs to own the connection.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gridauth::store::deadline::Wait;
use gridauth::store::{Store, StoreError};
use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::call::{Answer, Call, send};
use crate::error::{Effect, late, of_statement};

tokio::task_local! {
    static OPEN: Open;
    /// Where a store writes its number, to tell which store a handle leads to.
    static ASKED: Arc<AtomicU64>;
}

/// An open transaction, and the store whose calls go to it.
#[derive(Clone)]
pub(super) struct Open {
    store: u64,
    calls: mpsc::UnboundedSender<Sent>,
}

/// A call on its way to the transaction.
struct Sent {
    call: Call,
    left: Duration,
    answer: oneshot::Sender<Result<Answer, StoreError>>,
}

/// The number of a new store.
pub(super) fn new_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Tells the number of this store, if that is being asked. See [`number_of`].
pub(super) fn is_asked(number: u64) -> bool {
    ASKED.try_with(|asked| asked.store(number, Ordering::Relaxed)).is_ok()
}

/// The number of the store that a handle leads to; `None` if it is another kind of store.
async fn number_of(store: &Store) -> Option<u64> {
    let asked = Arc::new(AtomicU64::new(0));
    let _ = ASKED.scope(Arc::clone(&asked), store.ping()).await;
    Some(asked.load(Ordering::Relaxed)).filter(|number| *number > 0)
}

impl Open {
    /// The transaction that the caller runs in, if it is one for this store.
    pub(super) fn of(store: u64) -> Option<Self> {
        OPEN.try_with(Self::clone).ok().filter(|open| open.store == store)
    }

    pub(super) async fn call(&self, call: Call, wait: &Wait) -> Result<Answer, StoreError> {
        let gone = || StoreError::internal("SQL: the transaction is over");
        let (answer, answered) = oneshot::channel();
        self.calls.send(Sent { call, left: wait.left(), answer }).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Runs `work`, whose calls of the store go to `transaction`. `None` if the store is not one of PostgreSQL.
pub(crate) async fn run<T>(
    store: &Store,
    transaction: &mut PgConnection,
    work: impl Future<Output = T>,
) -> Option<T> {
    let store = number_of(store).await?;
    let (calls, mut sent) = mpsc::unbounded_channel::<Sent>();
    let mut work = pin!(OPEN.scope(Open { store, calls }, work));
    loop {
        tokio::select! {
            biased;
            Some(Sent { call, left, answer }) = sent.recv() => {
                let answered = match timeout(left, send(transaction, &call, true)).await {
                    Ok(answered) => answered.map_err(|error| of_statement(error, Effect::Reads)),
                    Err(_) => Err(late(Effect::Reads)),
                };
                let _ = answer.send(answered);
            }
            output = &mut work => return Some(output),
        }
    }
}
