use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// Why an application does not start: one line for standard error, and the exit status.
#[derive(Debug, PartialEq, Eq)]
pub struct Stop {
    status: u8,
    line: String,
}

impl Stop {
    /// A variable of the environment has a bad value. `wrong` says what is wrong with it and must not hold the value,
    /// which may be a secret; `may_be` says what it may be.
    pub fn bad_value(variable: &str, wrong: impl fmt::Display, may_be: impl fmt::Display) -> Self {
        Self::new(2, format!("{variable}: {wrong}; it may be {may_be}"))
    }

    /// Something that the application needs cannot be had.
    pub fn cannot_start(line: impl fmt::Display) -> Self {
        Self::new(1, line.to_string())
    }

    fn new(status: u8, line: String) -> Self {
        let line = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { status, line }
    }

    /// The exit status: 2 for a bad value, 1 for anything else.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Writes the line to standard error and gives the exit status.
    pub fn report(&self) -> ExitCode {
        // Where nobody reads standard error the status still tells.
        let _ = writeln!(std::io::stderr(), "{}", self.line);
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Stop {}
