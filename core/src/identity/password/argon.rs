//! Computes argon2id hashes, in memory that is wiped afterwards.

use argon2::password_hash::phc::{Output, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use super::error::HashingError;
use super::memory::MemoryPool;
use crate::env::{Entropy, EntropyError};

/// The length of the salt of a new hash. RFC 9106 section 3.1 recommends 16 bytes.
pub(super) const SALT_BYTES: usize = 16;
/// The length of the output of a new hash.
pub(super) const OUTPUT_BYTES: usize = 32;

const MAX_MEMORY_KIB: u32 = 2 << 20;
const MAX_WORK: u64 = 4 << 20;
const MAX_LANES: u32 = 255;

/// Whether a hash with these parameters may be computed. Stored hashes name their own parameters, and whoever can
/// write one must not be able to exhaust the server's memory or to block a thread for minutes.
pub(super) fn within_bounds(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY_KIB && params.p_cost() <= MAX_LANES && work(params) <= MAX_WORK
}

/// The cost of a hash: KiB filled, over all passes.
fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// What a password is checked against.
pub(super) struct Target {
    pub(super) params: Params,
    pub(super) salt: Salt,
    pub(super) output: Output,
    /// No password matches.
    decoy: bool,
}

impl Target {
    pub(super) fn new(params: Params, salt: Salt, output: Output) -> Self {
        Self { params, salt, output, decoy: false }
    }

    pub(super) fn decoy(params: &Params, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = [0; SALT_BYTES + OUTPUT_BYTES];
        entropy.fill(&mut bytes)?;
        let (salt, output) = bytes.split_at(SALT_BYTES);
        let size = |_| EntropyError("a salt or an output has an impossible size".to_owned());
        let salt = Salt::new(salt).map_err(|_| size(()))?;
        let output = Output::new(output).map_err(|_| size(()))?;
        Ok(Self { params: params.clone(), salt, output, decoy: true })
    }

    pub(super) fn made_with(&self, params: &Params) -> bool {
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        costs(&self.params) == costs(params)
            && self.output.len() == OUTPUT_BYTES
            && self.salt.len() >= SALT_BYTES
    }
}

/// argon2id with the current parameters.
pub(super) struct Argon {
    params: Params,
    memory: MemoryPool,
    /// KiB filled so far, so that tests can compare costs without measuring time.
    #[cfg(test)]
    pub(super) filled: std::sync::atomic::AtomicU64,
}

impl Argon {
    pub(super) fn new(params: Params) -> Self {
        Self {
            memory: MemoryPool::new(params.block_count()),
            params,
            #[cfg(test)]
            filled: std::sync::atomic::AtomicU64::new(0),
        }
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    pub(super) fn memory(&self) -> &MemoryPool {
        &self.memory
    }

    pub(super) fn hash(&self, password: &[u8], salt: &[u8]) -> Result<[u8; OUTPUT_BYTES], HashingError> {
        let mut memory = self.memory.take(self.params.block_count())?;
        let mut output = [0; OUTPUT_BYTES];
        self.fill(&mut memory, &self.params, password, salt, &mut output)?;
        Ok(output)
    }

    /// Whether `password` matches the target. Costs at least as much as a hash with the current parameters.
    pub(super) fn verify(&self, password: &[u8], target: &Target) -> Result<bool, HashingError> {
        let mut buffer = [0; Output::MAX_LENGTH];
        let output = buffer
            .get_mut(..target.output.len())
            .ok_or(HashingError::Failed("a stored hash has an impossible size"))?;
        let mut memory = self.memory.take(target.params.block_count())?;
        self.fill(&mut memory, &target.params, password, &target.salt, output)?;
        let right = output.ct_eq(target.output.as_bytes()) & !Choice::from(u8::from(target.decoy));
        buffer.zeroize();
        self.top_up(&mut memory, password, target)?;
        Ok(right.into())
    }

    /// Does the missing work if the target's parameters are cheaper than the current ones, so that an old hash does
    /// not distinguish a known user from an unknown one.
    fn top_up(&self, memory: &mut [Block], password: &[u8], target: &Target) -> Result<(), HashingError> {
        let missing = work(&self.params).saturating_sub(work(&target.params));
        let passes = missing.div_ceil(u64::from(self.params.m_cost()));
        let kib = missing.checked_div(passes).unwrap_or(0);
        let (Ok(kib), Ok(passes)) = (u32::try_from(kib), u32::try_from(passes)) else { return Ok(()) };
        // Too little for argon2 is too little to be measured.
        let Ok(params) = Params::new(kib, passes, 1, Some(OUTPUT_BYTES)) else { return Ok(()) };
        let mut unused = [0; OUTPUT_BYTES];
        self.fill(memory, &params, password, &target.salt, &mut unused)?;
        unused.zeroize();
        Ok(())
    }

    fn fill(
        &self,
        memory: &mut [Block],
        params: &Params,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), HashingError> {
        #[cfg(test)]
        self.filled.fetch_add(work(params), std::sync::atomic::Ordering::Relaxed);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(password, salt, output, memory)
            .map_err(|_| HashingError::Failed("argon2 refused its input"))
    }
}
