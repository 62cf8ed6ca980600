use std::io;

use thiserror::Error;

use super::super::open_files::Holder;

/// The log cannot be read or opened. The text names the file.
#[derive(Debug, Error)]
#[error("its log {file} cannot be used: {reason}")]
pub(in super::super) struct LogError {
    pub(super) file: String,
    #[source]
    pub(super) reason: Reason,
}

impl LogError {
    /// The log is intact and belongs to another store.
    pub(in super::super) fn is_of_other_store(&self) -> bool {
        matches!(self.reason, Reason::OtherStore)
    }

    /// The operating system could not read it.
    pub(in super::super) fn is_io(&self) -> bool {
        matches!(self.reason, Reason::Io(..))
    }
}

/// Why the log cannot be claimed.
pub(in super::super) enum Unavailable {
    /// Another store uses it.
    InUse {
        /// The name of the file.
        file: String,
        holder: Holder,
    },
    /// It cannot be opened.
    Failed(LogError),
}

/// What is wrong with a log.
#[derive(Debug, Error)]
pub(super) enum Reason {
    #[error(
        "it is missing, and has writes that the database does not have; put both files of the log beside the database, \
         under its name, or open the store without those writes by the option lost_log=accept"
    )]
    Missing,
    #[error("it is not a log of a gridauth store; move it away")]
    Foreign,
    #[error("it is the log of another store; move it to where its database is")]
    OtherStore,
    #[error(
        "it is from an earlier run of this store, and has other writes than the log which is missing; put that one there, or \
         open the store without its writes by the option lost_log=accept"
    )]
    OtherRun,
    #[error(
        "it has writes that the database does not know; if the database is a backup, move the log away, and if not, put the \
         database there that the log belongs to"
    )]
    Unknown,
    #[error(
        "it is damaged: {0}; restore the database and its log from a backup, or open the store without the writes in the log by \
         the option lost_log=accept"
    )]
    Damaged(&'static str),
    #[error("it is damaged, and the database does not need it; move it away")]
    Unneeded,
    #[error(
        "it is newer than the database, and the writes in between are missing; put the database there that the log belongs \
         to, or open the store without the writes in the log by the option lost_log=accept"
    )]
    Gap,
    #[error("it cannot be {0}: {1}")]
    Io(&'static str, io::Error),
}
