//! Names and secrets that are unique to a case.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A text that occurs nowhere else, in this run or any other.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{count}-{}", &text(&count.to_string())[..12])
}

/// The secret of `name` in this run: the same at each call.
pub fn secret_of(name: &str) -> String {
    let secret = text(name);
    crate::audit::secret(&secret);
    secret
}

/// 32 hexadecimal digits that depend on `name` and on the run.
fn text(name: &str) -> String {
    static KEYS: OnceLock<(RandomState, RandomState)> = OnceLock::new();
    let (first, second) = KEYS.get_or_init(|| (RandomState::new(), RandomState::new()));
    let hash = |state: &RandomState| {
        let mut hasher = state.build_hasher();
        hasher.write(name.as_bytes());
        hasher.finish()
    };
    format!("{:016x}{:016x}", hash(first), hash(second))
}
