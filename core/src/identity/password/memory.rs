//! The memory that hashes run in.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::Block;
use zeroize::Zeroize;

use super::HashingError;

/// From 32 MiB on, glibc asks the system for each piece of memory and gives it back when it is freed. Smaller pieces
/// with the alignment of a block it keeps, and seldom uses again: six times 19 MiB, one after the other and each freed,
/// left 97 MB behind. So at least this much is asked for, of which only what is used becomes real memory.
const LEAST_BLOCKS: usize = 33 << 10;

/// Memory, kept from one hash to the next while there are hashes to run, at most one piece for each that runs at once.
/// The system hands out fresh memory page by page, which in a virtual machine took 10 ms of a hash's 25.
pub(super) struct MemoryPool {
    /// What a hash with today's parameters needs, in blocks.
    blocks: usize,
    spare: Mutex<Vec<Vec<Block>>>,
}

impl MemoryPool {
    pub(super) fn new(blocks: usize) -> Self {
        Self { blocks, spare: Mutex::default() }
    }

    /// Memory of at least so many blocks.
    pub(super) fn take(&self, blocks: usize) -> Result<Memory<'_>, HashingError> {
        let blocks = blocks.max(self.blocks);
        if blocks == self.blocks
            && let Some(spare) = self.spare().pop()
        {
            return Ok(Memory { pool: self, blocks: spare });
        }
        let mut fresh = Vec::new();
        fresh
            .try_reserve_exact(blocks.max(LEAST_BLOCKS))
            .map_err(|_| HashingError::Failed("there is no memory for it"))?;
        fresh.resize(blocks, Block::new());
        Ok(Memory { pool: self, blocks: fresh })
    }

    /// Gives what is not in use back to the system.
    pub(super) fn release(&self) {
        let spare = std::mem::take(&mut *self.spare());
        drop(spare);
    }

    #[cfg(test)]
    pub(super) fn spares(&self) -> usize {
        self.spare().len()
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory of one hash. Its first blocks would answer a guess of the password without argon2's cost, so it is wiped
/// after use, which takes a thirtieth of the hash's time.
pub(super) struct Memory<'a> {
    pool: &'a MemoryPool,
    blocks: Vec<Block>,
}

impl Deref for Memory<'_> {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        &self.blocks
    }
}

impl DerefMut for Memory<'_> {
    fn deref_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        for block in &mut self.blocks {
            block.zeroize();
        }
        // More than usual is what a hash made elsewhere asked for.
        if self.blocks.len() == self.pool.blocks {
            self.pool.spare().push(std::mem::take(&mut self.blocks));
        }
    }
}
