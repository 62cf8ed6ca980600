//! Passwords: hashed with argon2id, off the async threads, a bounded number at once.
//!
//! An argon2id hash takes a core for some tens of milliseconds and 19 MiB for as long, so the number that run and the
//! number that may wait are both limited; beyond them the answer is [`HashingError::Busy`] at once. What a check costs
//! does not say whether the user exists: a check against no hash does the work of one made with today's settings, and
//! a stored hash that is cheaper than that is topped up to it. (One that is dearer is not hidden: after the settings
//! were lowered, users tell themselves apart from strangers until their hashes are made anew.)
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
pub use self::hash::UnreadableHash;
pub use self::settings::{HashingSettings, HashingSetupError};
use crate::env::{Entropy, EntropyError};
pub use crate::model::PasswordHash;

/// The longest password that is taken, in bytes of UTF-8.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Why a password could not be hashed or checked. None of these says anything about the password but its length.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// As many hashes run and wait as are allowed. An endpoint answers 503 with `Retry-After`.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The password is longer than [`MAX_PASSWORD_BYTES`].
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// There is no randomness for a salt.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The hash could not be computed: no memory, no Tokio runtime around the call, or one that is shutting down.
    #[error("the password could not be hashed: {0}")]
    Failed(&'static str),
}

/// Hashes and checks passwords. A clone is the same hasher, with the same limits.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Shared>);

struct Shared {
    argon: Argon,
    /// What a password is checked against where there is no hash, or none that can be read.
    decoy: Target,
    entropy: Arc<dyn Entropy>,
    running: Arc<Semaphore>,
    at_once: usize,
    waiting: AtomicUsize,
    may_wait: usize,
}

impl Shared {
    /// Keeps no memory while there is nothing to do.
    fn rest(&self) {
        if self.waiting.load(Ordering::SeqCst) == 0 && self.running.available_permits() == self.at_once {
            self.argon.memory().release();
        }
    }
}

impl PasswordHasher {
    /// A hasher with these settings, taking its salts from `entropy`. Nothing is hashed yet.
    ///
    /// # Errors
    /// [`HashingSetupError`] where a setting is out of its range, or `entropy` has none to give.
    pub fn new(settings: HashingSettings, entropy: Arc<dyn Entropy>) -> Result<Self, HashingSetupError> {
        let params = settings.params()?;
        // A random salt and a random output are all that a hash of a random password would be, so the decoy costs
        // nothing to make and there is no first time that differs from the later ones.
        let decoy = Target::decoy(&params, entropy.as_ref())?;
        Ok(Self(Arc::new(Shared {
            argon: Argon::new(params),
            decoy,
            entropy,
            running: Arc::new(Semaphore::new(settings.at_once)),
            at_once: settings.at_once,
            waiting: AtomicUsize::new(0),
            may_wait: settings.waiting,
        })))
    }

    /// The hash to store for `password`, under a salt of its own.
    ///
    /// # Errors
    /// [`HashingError::TooLong`] before anything is hashed; [`HashingError::Busy`] where too many wait already; the
    /// others as they say.
    pub async fn hash(&self, password: &str) -> Result<PasswordHash, HashingError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(HashingError::TooLong);
        }
        let permit = self.permit().await?;
        let mut salt = [0; argon::SALT_BYTES];
        self.0.entropy.fill(&mut salt)?;
        let (output, _turn) =
            permit.run(password, move |shared, password| shared.argon.hash(password, &salt)).await?;
        Ok(PasswordHash::of(self.0.argon.params(), &salt, &output))
    }

    /// Whether `password` is the one that `against` was made from; always `false` for no hash (an unknown user), at
    /// the same cost. A stored hash that is not an argon2id PHC string is like no hash, with a warning in the log.
    ///
    /// A password over [`MAX_PASSWORD_BYTES`] is `false` at once, with a hash or without one: that says only how long
    /// the password is, which whoever sent it knows.
    ///
    /// # Errors
    /// [`HashingError::Busy`] where too many wait already; [`HashingError::Failed`] as it says.
    pub async fn verify(&self, password: &str, against: Option<&PasswordHash>) -> Result<bool, HashingError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        let (right, _turn) = self.permit().await?.verify(password, against).await?;
        Ok(right)
    }

    /// Whether `hash` was made with other settings than today's. Ask it once a password proved right, and store a
    /// new hash of that password.
    pub fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        match hash.target() {
            Ok(target) => !target.made_with(self.0.argon.params()),
            Err(UnreadableHash) => true,
        }
    }

    /// Waits for leave to run one hash at a time, until the [`HashPermit`] is dropped.
    pub(crate) async fn permit(&self) -> Result<HashPermit, HashingError> {
        let closed = |_| HashingError::Failed("the hasher is closed");
        let permit = match Arc::clone(&self.0.running).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(HashingError::Failed("the hasher is closed")),
            Err(TryAcquireError::NoPermits) => {
                let _place = Place::take(&self.0)?;
                Arc::clone(&self.0.running).acquire_owned().await.map_err(closed)?
            }
        };
        Ok(HashPermit { shared: Arc::clone(&self.0), permit: Some(permit) })
    }
}

/// A place in the queue, given back when the wait ends, also where whoever waited has gone.
struct Place<'a>(&'a Shared);

impl<'a> Place<'a> {
    fn take(shared: &'a Shared) -> Result<Self, HashingError> {
        let place = |waiting| (waiting < shared.may_wait).then_some(waiting + 1);
        match shared.waiting.try_update(Ordering::SeqCst, Ordering::SeqCst, place) {
            Ok(_) => Ok(Self(shared)),
            Err(_) => Err(HashingError::Busy),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.rest();
    }
}

/// Leave to hash.
pub(crate) struct HashPermit {
    shared: Arc<Shared>,
    /// There until the permit is dropped.
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for HashPermit {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.shared.rest();
    }
}

impl HashPermit {
    /// As [`PasswordHasher::verify`], giving the permit back with the answer, so that what follows from the answer can be
    /// noted before the next in the queue gets its permit. The caller has seen to the password's length.
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

    /// Runs `work` on a blocking thread. The thread holds the permit, not this future: a request that is given up
    /// leaves its hash running, and that one still counts.
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
