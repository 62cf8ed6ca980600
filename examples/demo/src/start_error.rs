use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// Why an application cannot start: one line for standard error, and the exit status.
#[derive(Debug, PartialEq, Eq)]
pub struct StartError {
    status: u8,
    line: String,
}

impl StartError {
    /// An environment variable has a bad value. `wrong` says why and must not contain the value, which may be a
    /// secret. `may_be` says which values are valid.
    pub fn bad_value(variable: &str, wrong: impl fmt::Display, may_be: impl fmt::Display) -> Self {
        Self::new(2, format!("{variable}: {wrong}; it may be {may_be}"))
    }

    /// Something that the application needs is not available.
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

    /// Writes the line to standard error and returns the exit status.
    pub fn report(&self) -> ExitCode {
        // If standard error has been closed, the exit status still tells.
        let _ = writeln!(std::io::stderr(), "{}", self.line);
        ExitCode::from(self.status)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for StartError {}
