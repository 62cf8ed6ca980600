use std::io;

use thiserror::Error;

/// The log cannot be read or opened. The text names the file.
#[derive(Debug, Error)]
#[error("cannot use the log {file}: {reason}; the log was not changed")]
pub(in super::super) struct LogError {
    pub(super) file: String,
    #[source]
    pub(super) reason: Reason,
}

/// What is wrong with a log.
#[derive(Debug, Error)]
pub(super) enum Reason {
    #[error("it is not a log of a gridauth store")]
    Foreign,
    #[error("it is the log of another store")]
    OtherStore,
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error("it is newer than the database, and the writes in between are missing")]
    Gap,
    #[error("it cannot be {0}: {1}")]
    Io(&'static str, io::Error),
}
