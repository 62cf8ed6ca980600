use std::sync::atomic::{AtomicU64, Ordering};

/// The number of guards built in this process.
static BUILT: AtomicU64 = AtomicU64::new(0);

/// Identifies a guard within the process. A token that one guard accepts means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuardId {
    own: u64,
    /// The id of the guard from which it was derived, or its own.
    origin: u64,
}

impl GuardId {
    /// An id that no other guard has.
    pub(super) fn next() -> Self {
        let own = BUILT.fetch_add(1, Ordering::Relaxed);
        Self { own, origin: own }
    }

    /// An id that no other guard has, for a guard that checks the same issuer's tokens for another resource.
    pub(super) fn derived(self) -> Self {
        Self { origin: self.origin, ..Self::next() }
    }

    pub(super) fn is_derived(self) -> bool {
        self.own != self.origin
    }

    /// Whether this is the other guard, or was derived from it.
    pub(super) fn is_of(self, other: Self) -> bool {
        self.own == other.own || self.origin == other.own
    }
}
