//! Password hashing with argon2id, off the async threads and with bounded concurrency.
//!
//! An argon2id hash occupies a core and 19 MiB of memory for tens of milliseconds. The number of running hashes and
//! the length of the queue are therefore limited. Beyond them, a call fails at once with [`HashingError::Busy`].
//!
//! Sign-ups have a budget of their own, half of the whole: while many are under way, sign-ins go on.
//!
//! The cost of a check does not reveal whether the user exists. A check without a hash does the work of one with the
//! current settings, and a check against a cheaper stored hash is topped up to it. A more expensive hash is not
//! hidden: after the settings have been lowered, known users can be distinguished from unknown ones until their
//! hashes are renewed.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use gridauth::env::SystemEntropy;
//! use gridauth::identity::{HashingSettings, PasswordHasher};
//!
//! let hasher = PasswordHasher::new(HashingSettings::default(), Arc::new(SystemEntropy))?;
//! let stored = hasher.hash("imru").await?;
//! assert!(hasher.verify("imru", Some(&stored)).await?);
//! assert!(!hasher.verify("imri", Some(&stored)).await?);
//! assert!(!hasher.verify("imru", None).await?); // an unknown user: the same cost, the same answer
//! # Ok(())
//! # }
//! ```

mod argon;
mod error;
mod hash;
mod memory;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use zeroize::Zeroizing;

use self::argon::{Argon, Target};
pub use self::error::{HashingError, MAX_PASSWORD_BYTES};
pub use self::hash::UnreadableHash;
pub use self::settings::{HashingSettings, HashingSetupError};
use crate::env::Entropy;
pub use crate::model::PasswordHash;

/// Hashes and checks passwords. Clones share one set of limits.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Shared>);

struct Shared {
    argon: Argon,
    /// The target of a check without a hash, or with one that cannot be parsed.
    decoy: Target,
    entropy: Arc<dyn Entropy>,
    permits: Arc<Semaphore>,
    max_concurrent: usize,
    queued: AtomicUsize,
    max_queued: usize,
    /// How many sign-ups may compete for `permits`.
    sign_ups: Semaphore,
    sign_ups_queued: AtomicUsize,
}

impl Shared {
    /// Releases the memory if no hash is running or queued.
    fn release_if_idle(&self) {
        if self.queued.load(Ordering::SeqCst) == 0 && self.permits.available_permits() == self.max_concurrent
        {
            self.argon.memory().release();
        }
    }
}

impl PasswordHasher {
    /// Creates a hasher with these settings, which takes its salts from `entropy`. It hashes nothing yet.
    ///
    /// # Errors
    /// [`HashingSetupError`] if a setting is out of range, or no randomness is available.
    pub fn new(settings: HashingSettings, entropy: Arc<dyn Entropy>) -> Result<Self, HashingSetupError> {
        let params = settings.params()?;
        // A random salt and a random output look like the hash of a random password. So the decoy needs no hashing,
        // and the first check takes as long as every later one.
        let decoy = Target::decoy(&params, entropy.as_ref())?;
        Ok(Self(Arc::new(Shared {
            argon: Argon::new(params),
            decoy,
            entropy,
            permits: Arc::new(Semaphore::new(settings.max_concurrent)),
            max_concurrent: settings.max_concurrent,
            queued: AtomicUsize::new(0),
            max_queued: settings.max_queued,
            sign_ups: Semaphore::new((settings.max_concurrent / 2).max(1)),
            sign_ups_queued: AtomicUsize::new(0),
        })))
    }

    /// Hashes `password` for storage, under a new salt.
    ///
    /// # Errors
    /// [`HashingError::TooLong`] before any work is done, [`HashingError::Busy`] if the queue is full, and the others
    /// as described there.
    pub async fn hash(&self, password: &str) -> Result<PasswordHash, HashingError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(HashingError::TooLong);
        }
        let permit = self.permit().await?;
        let mut salt = [0; argon::SALT_BYTES];
        self.0.entropy.fill(&mut salt)?;
        let (output, _permit) =
            permit.run(password, move |shared, password| shared.argon.hash(password, &salt)).await?;
        Ok(PasswordHash::of(self.0.argon.params(), &salt, &output))
    }

    /// Like [`hash`](Self::hash), for sign-ups: at most half of the hashes that may run at the same time are theirs (at least one),
    /// and they have a queue of their own. Of the others' queue they take no more places than that.
    ///
    /// # Errors
    /// As [`hash`](Self::hash).
    pub async fn hash_for_sign_up(&self, password: &str) -> Result<PasswordHash, HashingError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(HashingError::TooLong);
        }
        let shared = &*self.0;
        let _turn = match shared.sign_ups.try_acquire() {
            Ok(turn) => turn,
            Err(_) => {
                let _slot = QueueSlot::take(shared, &shared.sign_ups_queued, shared.max_queued / 4)?;
                let closed = |_| HashingError::Failed("the hasher is closed");
                shared.sign_ups.acquire().await.map_err(closed)?
            }
        };
        self.hash(password).await
    }

    /// Whether `against` is a hash of `password`. Without a hash (an unknown user) it is always `false`, at the same
    /// cost. A stored hash that is not an argon2id PHC string counts as none, and is logged as a warning.
    ///
    /// A password longer than [`MAX_PASSWORD_BYTES`] is `false` at once, with or without a hash. That reveals only
    /// its length, which the sender knows.
    ///
    /// # Errors
    /// [`HashingError::Busy`] if the queue is full, [`HashingError::Failed`] as described there.
    pub async fn verify(&self, password: &str, against: Option<&PasswordHash>) -> Result<bool, HashingError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        let (right, _permit) = self.permit().await?.verify(password, against).await?;
        Ok(right)
    }

    /// Whether `hash` was made with settings other than the current ones. If so, store a new hash once the password
    /// has been verified.
    pub fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        match hash.target() {
            Ok(target) => !target.made_with(self.0.argon.params()),
            Err(UnreadableHash) => true,
        }
    }

    /// Waits for a permit, which allows one hash at a time until the [`HashPermit`] is dropped.
    pub(crate) async fn permit(&self) -> Result<HashPermit, HashingError> {
        let closed = |_| HashingError::Failed("the hasher is closed");
        let permit = match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(HashingError::Failed("the hasher is closed")),
            Err(TryAcquireError::NoPermits) => {
                let _slot = QueueSlot::take(&self.0, &self.0.queued, self.0.max_queued)?;
                Arc::clone(&self.0.permits).acquire_owned().await.map_err(closed)?
            }
        };
        Ok(HashPermit { shared: Arc::clone(&self.0), permit: Some(permit) })
    }
}

/// A slot in a queue. It is freed when the wait ends or is cancelled.
struct QueueSlot<'a> {
    shared: &'a Shared,
    queued: &'a AtomicUsize,
}

impl<'a> QueueSlot<'a> {
    fn take(shared: &'a Shared, queued: &'a AtomicUsize, max: usize) -> Result<Self, HashingError> {
        let one_more = |queued| (queued < max).then_some(queued + 1);
        match queued.try_update(Ordering::SeqCst, Ordering::SeqCst, one_more) {
            Ok(_) => Ok(Self { shared, queued }),
            Err(_) => Err(HashingError::Busy),
        }
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.queued.fetch_sub(1, Ordering::SeqCst);
        self.shared.release_if_idle();
    }
}

/// Permission to run one hash at a time.
pub(crate) struct HashPermit {
    shared: Arc<Shared>,
    /// `None` only while the permit is being dropped.
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for HashPermit {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.shared.release_if_idle();
    }
}

impl HashPermit {
    /// Like [`PasswordHasher::verify`], but returns the permit with the result. So the caller can record the result
    /// before the next in the queue gets its permit. The caller has checked the length of the password.
    pub(crate) async fn verify(
        self,
        password: &str,
        against: Option<&PasswordHash>,
    ) -> Result<(bool, Self), HashingError> {
        let target = against.map(PasswordHash::target).and_then(|target| {
            target
                .inspect_err(|_| {
                    tracing::warn!("a stored hash is not an argon2id PHC string; it matches nothing")
                })
                .ok()
        });
        self.run(password, move |shared, password| {
            shared.argon.verify(password, target.as_ref().unwrap_or(&shared.decoy))
        })
        .await
    }

    /// Runs `work` on a blocking thread. The thread holds the permit, not this future: the hash of a cancelled
    /// request keeps running and still counts.
    async fn run<T: Send + 'static>(
        self,
        password: &str,
        work: impl FnOnce(&Shared, &[u8]) -> Result<T, HashingError> + Send + 'static,
    ) -> Result<(T, Self), HashingError> {
        let runtime =
            Handle::try_current().map_err(|_| HashingError::Failed("outside of a Tokio runtime"))?;
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let task = runtime.spawn_blocking(move || {
            let done = work(&self.shared, &password);
            (done, self)
        });
        let (done, permit) = task.await.map_err(|_| HashingError::Failed("the hash did not finish"))?;
        Ok((done?, permit))
    }
}
