//! The memory that hashes run in.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::Block;
use zeroize::Zeroize;

use super::error::HashingError;

/// The minimum size of an allocation. glibc returns allocations of 32 MiB and more to the system when they are freed.
/// Smaller ones with the alignment of a block it keeps and rarely reuses: six of 19 MiB, each freed before the next,
/// left 97 MB behind. A larger reservation costs nothing, since only the pages in use become real memory.
const MIN_BLOCKS: usize = 33 << 10;

/// Memory for hashes. It is kept until the hasher is idle, with at most one allocation for each concurrent hash.
/// Fresh memory comes from the system page by page, which took 10 ms of the 25 ms of a hash in a virtual machine.
pub(super) struct MemoryPool {
    /// The number of blocks that a hash with the current parameters needs.
    blocks: usize,
    spare: Mutex<Vec<Vec<Block>>>,
}

impl MemoryPool {
    pub(super) fn new(blocks: usize) -> Self {
        Self { blocks, spare: Mutex::default() }
    }

    /// Takes memory of at least `blocks` blocks.
    pub(super) fn take(&self, blocks: usize) -> Result<Memory<'_>, HashingError> {
        let blocks = blocks.max(self.blocks);
        if blocks == self.blocks
            && let Some(spare) = self.spare().pop()
        {
            return Ok(Memory { pool: self, blocks: spare });
        }
        let mut fresh = Vec::new();
        fresh.try_reserve_exact(blocks.max(MIN_BLOCKS)).map_err(|_| HashingError::Failed("out of memory"))?;
        fresh.resize(blocks, Block::new());
        Ok(Memory { pool: self, blocks: fresh })
    }

    /// Returns unused memory to the system.
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

/// The memory of one hash. With its first blocks, a guess of the password could be checked without the cost of
/// argon2. So it is wiped after use, which takes a thirtieth of the time of the hash.
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
        // A larger one is for a hash that was made elsewhere.
        if self.blocks.len() == self.pool.blocks {
            self.pool.spare().push(std::mem::take(&mut self.blocks));
        }
    }
}
