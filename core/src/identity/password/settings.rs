//! The cost of password hashes, and the limits on running them.

use std::num::NonZeroUsize;

use argon2::Params;
use tokio::sync::Semaphore;

use super::argon;
use crate::env::EntropyError;

/// The cost of a hash, and how many may run. The default cost is OWASP's for argon2id: 19 MiB, two passes, one lane.
///
/// ```
/// use gridauth::identity::HashingSettings;
///
/// let settings = HashingSettings::default().memory_kib(64 * 1024).passes(3).max_concurrent(4);
/// assert_eq!(settings.lanes, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashingSettings {
    /// Memory of one hash, in KiB: at least 8 for each lane, at most 2 GiB.
    pub memory_kib: u32,
    /// Passes over that memory, at least 1. `passes` times `memory_kib` is at most 4 GiB.
    pub passes: u32,
    /// Lanes, 1 to 255. They run one after the other, so more lanes do not speed up a hash.
    pub lanes: u32,
    /// How many hashes may run at the same time, at least 1. The default is the number of cores of this process.
    pub max_concurrent: usize,
    /// How many may wait for a permit, and a quarter of that is how many sign-ups may wait for theirs. Beyond that, whoever has the
    /// longest line gets [`HashingError::Busy`](super::HashingError::Busy).
    pub max_queued: usize,
}

impl Default for HashingSettings {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
            max_concurrent: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            max_queued: 256,
        }
    }
}

/// Why a hasher could not be created.
#[derive(Debug, thiserror::Error)]
pub enum HashingSetupError {
    /// Memory, passes and lanes are not valid for argon2id, or exceed what one hash may cost.
    #[error(
        "argon2id takes 1 to 255 lanes, 8 KiB to 2 GiB of memory with 8 KiB or more for each lane, and 1 or more \
         passes, memory times passes at most 4 GiB; not {memory_kib} KiB, {passes} passes, {lanes} lanes"
    )]
    Cost {
        /// The memory asked for, in KiB.
        memory_kib: u32,
        /// The passes asked for.
        passes: u32,
        /// The lanes asked for.
        lanes: u32,
    },
    /// `max_concurrent` is 0 or too large.
    #[error("max_concurrent takes 1 to {max}, not {0}", max = Semaphore::MAX_PERMITS)]
    MaxConcurrent(usize),
    /// No randomness is available.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl HashingSettings {
    /// Sets the memory of one hash, in KiB.
    #[must_use]
    pub fn memory_kib(mut self, memory_kib: u32) -> Self {
        self.memory_kib = memory_kib;
        self
    }

    /// Sets the passes over that memory.
    #[must_use]
    pub fn passes(mut self, passes: u32) -> Self {
        self.passes = passes;
        self
    }

    /// Sets the lanes.
    #[must_use]
    pub fn lanes(mut self, lanes: u32) -> Self {
        self.lanes = lanes;
        self
    }

    /// Sets how many hashes may run at the same time.
    #[must_use]
    pub fn max_concurrent(mut self, max_concurrent: usize) -> Self {
        self.max_concurrent = max_concurrent;
        self
    }

    /// Sets how many may wait for a permit.
    #[must_use]
    pub fn max_queued(mut self, max_queued: usize) -> Self {
        self.max_queued = max_queued;
        self
    }

    pub(super) fn params(&self) -> Result<Params, HashingSetupError> {
        let Self { memory_kib, passes, lanes, max_concurrent, .. } = *self;
        if !(1..=Semaphore::MAX_PERMITS).contains(&max_concurrent) {
            return Err(HashingSetupError::MaxConcurrent(max_concurrent));
        }
        Params::new(memory_kib, passes, lanes, Some(argon::OUTPUT_BYTES))
            .ok()
            .filter(argon::within_bounds)
            .ok_or(HashingSetupError::Cost { memory_kib, passes, lanes })
    }
}
