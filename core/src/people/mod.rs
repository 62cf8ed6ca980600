//! People: their passwords, and how failed tries slow down.

pub mod password;
pub use password::PasswordHash;
