use std::fmt;

/// The result of a run of the kit.
#[derive(Clone, Debug, Default)]
#[must_use = "a report has to be checked"]
pub struct Report {
    /// The names of the cases that the store passed.
    pub passed: Vec<&'static str>,
    /// The promises that it broke.
    pub failures: Vec<Failure>,
}

/// A promise that the store broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the case, as in [`cases`](super::cases).
    pub case: &'static str,
    /// The promise that the case checks.
    pub promise: &'static str,
    /// What the case expected where it stopped.
    pub expected: String,
    /// What it saw there.
    pub seen: String,
}

impl Report {
    /// Whether the store kept every promise that was checked.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// The names of the cases that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.failures.iter().map(|failure| failure.case).collect()
    }
}

/// One line with the totals, and one for each failure.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed.len(), self.failures.len())?;
        for failure in &self.failures {
            write!(f, "\n{failure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, promise, expected, seen } = self;
        write!(f, "{case} ({promise}): expected {expected}; saw {seen}")
    }
}
