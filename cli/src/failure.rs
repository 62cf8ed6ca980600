//! Why a command fails, and the exit status for it.

use std::process::ExitCode;

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for makes no sense. Exit status 2, as for arguments that cannot be parsed.
    #[error("{0}")]
    Usage(String),
    /// What the command names does not exist. Exit status 3.
    #[error("{0}")]
    NotFound(String),
    /// Everything else. Exit status 1.
    #[error("{0}")]
    Failed(String),
}

/// The exit status of a check that found something wrong.
pub(crate) const PROBLEMS: u8 = 4;

impl Failure {
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage(what.into())
    }

    pub(crate) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
        })
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error)
    }
}

impl From<gridauth::store::StoreError> for Failure {
    fn from(error: gridauth::store::StoreError) -> Self {
        Self::failed(error)
    }
}
