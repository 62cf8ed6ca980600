use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Identifies a store: random bytes, chosen when the store was created.
pub(in super::super) type StoreId = [u8; 16];

/// Identifies a log: random bytes, chosen when the log was started.
pub(in super::super) type LogId = [u8; 16];

/// What a database knows about its log. It is part of the database, and durable before anything in the log counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum LogState {
    /// There was never a log.
    None,
    /// This log is part of the store: the database must not be used without it.
    Open(LogId),
    /// The database has everything that was in this log, which was the latest one.
    Closed(LogId),
}

impl fmt::Display for LogState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Open(id) => write!(f, "open {}", Uuid::from_bytes(*id).simple()),
            Self::Closed(id) => write!(f, "closed {}", Uuid::from_bytes(*id).simple()),
        }
    }
}

impl FromStr for LogState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = |id| Uuid::try_parse(id).map(Uuid::into_bytes).map_err(drop);
        match text.split_once(' ') {
            None if text == "none" => Ok(Self::None),
            Some(("open", text)) => id(text).map(Self::Open),
            Some(("closed", text)) => id(text).map(Self::Closed),
            _ => Err(()),
        }
    }
}
