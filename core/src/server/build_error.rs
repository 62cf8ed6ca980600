use std::fmt;

use super::configuration::Problems;
use crate::keys::KeyStoreError;

/// Why a server cannot be built: all problems of the configuration, each with what to change.
#[derive(Debug)]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    pub(super) fn of_keys(error: KeyStoreError) -> Self {
        Self { problems: vec![error.to_string()] }
    }

    /// The problems.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server cannot be built: {}", self.problems.join("; "))
    }
}

impl std::error::Error for BuildError {}

impl From<Problems> for BuildError {
    fn from(problems: Problems) -> Self {
        Self { problems: problems.0 }
    }
}
