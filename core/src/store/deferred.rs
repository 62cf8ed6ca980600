use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Effect = Box<dyn FnOnce() + Send>;

tokio::task_local! {
    static WAITING: Arc<Mutex<Vec<Effect>>>;
}

/// Has `effect` once what the caller has written is committed. That is at once, unless the caller runs in an open transaction of the
/// application ([`Deferred::collect`]).
///
/// Whatever leaves the store belongs here: an event, a message, a cached row.
pub fn after_commit(effect: impl FnOnce() + Send + 'static) {
    match WAITING.try_with(Arc::clone) {
        Ok(waiting) => waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(effect)),
        Err(_) => effect(),
    }
}

/// Whether the caller runs in an open transaction of the application, so that [`after_commit`] waits.
pub fn is_deferring() -> bool {
    WAITING.try_with(|_| ()).is_ok()
}

/// Effects that wait for a commit. Dropping it forgets them, as after a rollback.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use gridauth::store::{Deferred, after_commit};
///
/// static SENT: AtomicUsize = AtomicUsize::new(0);
/// let send = || { SENT.fetch_add(1, Ordering::Relaxed); };
///
/// let ((), deferred) = Deferred::collect(async { after_commit(send) }).await;
/// assert_eq!(SENT.load(Ordering::Relaxed), 0);
/// deferred.run(); // after the commit
/// assert_eq!(SENT.load(Ordering::Relaxed), 1);
/// # });
/// ```
#[must_use = "effects have to be run after the commit"]
#[derive(Default)]
pub struct Deferred(Vec<Effect>);

impl Deferred {
    /// Runs `work` in an open transaction: its effects are collected.
    pub async fn collect<T>(work: impl Future<Output = T>) -> (T, Self) {
        let waiting: Arc<Mutex<Vec<Effect>>> = Arc::default();
        let output = WAITING.scope(Arc::clone(&waiting), work).await;
        let effects = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
        (output, Self(effects))
    }

    /// Has the effects, in their order. Within another open transaction, they wait for that one.
    pub fn run(self) {
        for effect in self.0 {
            after_commit(effect);
        }
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deferred").field(&self.0.len()).finish()
    }
}
