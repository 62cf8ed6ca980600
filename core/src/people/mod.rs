//! The people who sign in: their passwords, and what slows down whoever guesses them.

pub mod password;
pub mod throttle;

pub use password::{HashingError, HashingSettings, PasswordHash, PasswordHasher};
pub use throttle::{RetryAfter, Throttle, ThrottleSettings, Throttled};
