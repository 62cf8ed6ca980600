use crate::env::EntropyError;

/// The maximum length of a password, in bytes of UTF-8.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Why a password could not be hashed or checked. None of the variants reveals more than the length of the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashingError {
    /// Too many hashes are running and waiting. Endpoints answer 503 with `Retry-After`.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The password is longer than [`MAX_PASSWORD_BYTES`].
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// No randomness is available for a salt.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The hash could not be computed: out of memory, outside of a Tokio runtime, or in one that is shutting down.
    #[error("the password could not be hashed: {0}")]
    Failed(&'static str),
}
