/// There were too many failures: respond with status 429 and this time in `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failures; try again in {seconds} s")]
pub struct RetryAfter {
    /// Whole seconds to wait, at least 1.
    pub seconds: u64,
}
