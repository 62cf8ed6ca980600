//! Password hashing with argon2id, off the async threads and with bounded concurrency.
//!
//! An argon2id hash occupies a core and 19 MiB of memory for tens of milliseconds. The number of running hashes and
//! the length of the queue are therefore limited. Beyond them, a call fails with [`HashingError::Busy`].
//!
//! In a server, sources take turns: each source that the limits on sources apply to
//! ([`Source`](super::Source)) has a line of its own, and where the queue is full, a source with a short line takes the last place
//! in the longest one. So whoever sends many passwords at once makes nobody else wait for more than a hash of theirs, and keeps
//! nobody else out. What the application does by itself, and direct peers on local addresses, share one line.
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
mod requester;
mod settings;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::Arc;

use tokio::runtime::Handle;
use zeroize::Zeroizing;

use self::argon::{Argon, Target};
pub use self::error::{HashingError, MAX_PASSWORD_BYTES};
pub use self::hash::UnreadableHash;
use self::requester::Requester;
pub(crate) use self::requester::on_behalf_of;
pub use self::settings::{HashingSettings, HashingSetupError};
use self::turns::{Turn, Turns};
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
    turns: Arc<Turns>,
    /// Which sign-ups may compete for `turns`.
    sign_ups: Arc<Turns>,
}

/// Releases the memory, when dropped, if no hash is running or queued.
struct ReleaseIfIdle<'a>(&'a Shared);

impl Drop for ReleaseIfIdle<'_> {
    fn drop(&mut self) {
        if self.0.turns.is_idle() {
            self.0.argon.memory().release();
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
            turns: Arc::new(Turns::new(settings.max_concurrent, settings.max_queued)),
            sign_ups: Arc::new(Turns::new((settings.max_concurrent / 2).max(1), settings.max_queued / 4)),
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
        let _turn = Arc::clone(&self.0.sign_ups).take(Requester::current()).await?;
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
        // After a wait that was cancelled, nobody else may come to release it.
        let _release = ReleaseIfIdle(&self.0);
        let turn = Arc::clone(&self.0.turns).take(Requester::current()).await?;
        Ok(HashPermit { shared: Arc::clone(&self.0), turn: Some(turn) })
    }
}

/// Permission to run one hash at a time.
pub(crate) struct HashPermit {
    shared: Arc<Shared>,
    /// `None` only while the permit is being dropped.
    turn: Option<Turn>,
}

impl Drop for HashPermit {
    fn drop(&mut self) {
        let _release = ReleaseIfIdle(&self.shared);
        drop(self.turn.take());
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
