use std::sync::atomic::{AtomicU64, Ordering};

/// How many guards this process has built.
static BUILT: AtomicU64 = AtomicU64::new(0);

/// Tells the guards of a process apart. What one guard says of a token means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuardId(u64);

impl GuardId {
    /// An id that no other guard has.
    pub(super) fn next() -> Self {
        Self(BUILT.fetch_add(1, Ordering::Relaxed))
    }
}
