use std::fmt;

use super::configuration::Problems;

/// A server cannot be built as it is configured. It names everything that is wrong at once, each with what to change.
#[derive(Debug)]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    /// What is wrong, one text for each.
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
