//! Placeholder until the real one is merged.
use serde::{Deserialize, Serialize};
/// Hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientSecretHash(Box<str>);
