//! Placeholder until the real one is merged.
use serde::{Deserialize, Serialize};
/// A PHC string.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PasswordHash(Box<str>);
