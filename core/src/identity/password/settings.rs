//! What a password hash costs, and how many of them at once.

use std::num::NonZeroUsize;

use argon2::Params;
use tokio::sync::Semaphore;

use super::argon;
use crate::env::EntropyError;

/// What one hash costs and how many may run. The default is OWASP's argon2id: 19 MiB, two passes, one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashingSettings {
    /// Memory of one hash, in KiB: from 8 for each lane up to 2 GiB.
    pub memory_kib: u32,
    /// Passes over that memory, at least 1; times `memory_kib` at most 4 GiB.
    pub passes: u32,
    /// Lanes, 1 to 255. They run one after the other, so more of them gain the server nothing.
    pub lanes: u32,
    /// How many hashes run at once, at least 1: by default as many as there are cores for this process.
    pub at_once: usize,
    /// How many may wait for their turn; beyond that the answer is [`HashingError::Busy`](super::HashingError::Busy).
    pub waiting: usize,
}

impl Default for HashingSettings {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
            at_once: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            waiting: 256,
        }
    }
}

/// Why there is no hasher.
#[derive(Debug, thiserror::Error)]
pub enum HashingSetupError {
    /// Memory, passes and lanes are no argon2id parameters, or ask for more than one hash may cost.
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
    /// No hash could run, or more than can be counted.
    #[error("at least one hash must be able to run at once, and at most {max}; not {0}", max = Semaphore::MAX_PERMITS)]
    AtOnce(usize),
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl HashingSettings {
    pub(super) fn params(&self) -> Result<Params, HashingSetupError> {
        let Self { memory_kib, passes, lanes, at_once, .. } = *self;
        if !(1..=Semaphore::MAX_PERMITS).contains(&at_once) {
            return Err(HashingSetupError::AtOnce(at_once));
        }
        Params::new(memory_kib, passes, lanes, Some(argon::OUTPUT_BYTES))
            .ok()
            .filter(argon::within_bounds)
            .ok_or(HashingSetupError::Cost { memory_kib, passes, lanes })
    }
}
