use std::sync::atomic::{AtomicU64, Ordering};

/// The number of guards built in this process.
static BUILT: AtomicU64 = AtomicU64::new(0);

/// Identifies a guard within the process. A token that one guard accepts means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuardId(u64);

impl GuardId {
    /// An id that no other guard has.
    pub(super) fn next() -> Self {
        Self(BUILT.fetch_add(1, Ordering::Relaxed))
    }
}
