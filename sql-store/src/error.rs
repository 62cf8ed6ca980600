//! What a failure of the database means to whoever asked.

use gridauth::store::{StoreError, StoreErrorKind};

/// What a statement does, which decides what its failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It changes nothing.
    Reads,
    /// It changes rows, so a lost answer leaves open whether it did.
    Writes,
}

/// Nobody answered in time.
pub(crate) fn late(effect: Effect) -> StoreError {
    match effect {
        Effect::Reads => StoreError::unavailable("SQL: no answer in time"),
        Effect::Writes => StoreError::new(
            StoreErrorKind::OutcomeUnknown,
            "SQL: a change was not answered in time, so it may have been made or not",
        ),
    }
}

/// No connection of the pool is free.
pub(crate) fn exhausted() -> StoreError {
    StoreError::unavailable("SQL: no connection of the pool became free in time")
}

/// A row or key that cannot be stored.
pub(crate) fn refused(message: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, message)
}

/// Converts an error of a statement. The text of the database's own errors may contain values, so only its code is shown.
pub(crate) fn of_statement(error: sqlx::Error, effect: Effect) -> StoreError {
    let kind = kind(&error, effect);
    let shown = match &error {
        sqlx::Error::Database(database) => {
            format!(
                "SQL: the database reported {}",
                database.code().unwrap_or("an error without a code".into())
            )
        }
        sqlx::Error::PoolTimedOut => return exhausted().with_source(error),
        sqlx::Error::PoolClosed => "SQL: the pool is closed".to_owned(),
        sqlx::Error::Io(error) => format!("SQL: the connection failed: {}", error.kind()),
        _ => "SQL: the statement failed".to_owned(),
    };
    StoreError::new(kind, shown).with_source(WithoutValues::of(error))
}

/// Converts an error of getting a connection: nothing has been changed then.
pub(crate) fn of_connection(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(_) | sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => {
            StoreError::unavailable("SQL: the database refuses connections")
                .with_source(WithoutValues::of(error))
        }
        error => of_statement(error, Effect::Reads),
    }
}

fn kind(error: &sqlx::Error, effect: Effect) -> StoreErrorKind {
    let lost = match effect {
        Effect::Reads => StoreErrorKind::Unavailable,
        Effect::Writes => StoreErrorKind::OutcomeUnknown,
    };
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            // The codes of SQLite are numbers, those of PostgreSQL have five characters.
            match code.parse::<i32>().ok().filter(|_| code.len() != 5) {
                Some(code) => of_sqlite(code, lost),
                None => of_sqlstate(&code, lost),
            }
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            lost
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => StoreErrorKind::Unavailable,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => StoreErrorKind::Refused,
        _ => StoreErrorKind::Internal,
    }
}

/// PostgreSQL, appendix A. A statement that is refused, or that loses against another one, has changed nothing.
fn of_sqlstate(code: &str, lost: StoreErrorKind) -> StoreErrorKind {
    match code {
        // The server stops or crashed, perhaps after the commit.
        "57P01" | "57P02" | "57P05" => lost,
        // A text or a number that it cannot store, or a row too long for an index.
        "21000" | "22001" | "22003" | "22008" | "22021" | "22P02" | "22P05" | "54000" => {
            StoreErrorKind::Refused
        }
        // Read-only after a failover; a statement timeout; a lock that is not free; serialization failure and deadlock.
        "25006" | "57014" | "57P03" | "55P03" | "40001" | "40P01" => StoreErrorKind::Unavailable,
        "40003" => lost,
        _ => match code.get(..2) {
            Some("08") => lost,
            // Out of memory, disk or connections; the login.
            Some("53" | "28" | "58") => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Internal,
        },
    }
}

/// <https://www.sqlite.org/rescode.html>
fn of_sqlite(code: i32, lost: StoreErrorKind) -> StoreErrorKind {
    match code & 0xff {
        // Busy, locked, read-only, full, cannot open, interrupted, out of memory.
        5 | 6 | 8 | 13 | 14 | 9 | 7 => StoreErrorKind::Unavailable,
        10 => lost,
        11 | 26 => StoreErrorKind::Corrupt,
        18 => StoreErrorKind::Refused,
        _ => StoreErrorKind::Internal,
    }
}

/// Whether the statement lost against another one and has changed nothing, so that it can be sent again.
#[cfg(feature = "postgres")]
pub(crate) fn has_lost(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|database| database.code());
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

/// Whether an error, or one of its causes, says that the database ended a transaction because of another one: a serialization failure
/// or a deadlock; in SQLite, a file that was changed or locked meanwhile. The application rolls back and repeats the whole transaction.
pub fn is_conflict(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let code = match error.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Database(database)) => database.code().map(std::borrow::Cow::into_owned),
            _ => error.downcast_ref::<WithoutValues>().map(|error| error.code.clone()),
        };
        if code.is_some_and(|code| ["40001", "40P01", "5", "6", "261", "262", "517"].contains(&code.as_str()))
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether the file was locked by somebody else, so that nothing has happened.
#[cfg(feature = "sqlite")]
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|database| database.code());
    let code = code.and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// A database error as the cause of another error. Its message can repeat values of the row, so it shows only what has none.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct WithoutValues {
    code: String,
    text: String,
}

impl WithoutValues {
    fn of(error: sqlx::Error) -> Box<dyn std::error::Error + Send + Sync> {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                let table = database.table().map(|table| format!(", table {table}")).unwrap_or_default();
                Box::new(Self { text: format!("{}{table}", meaning(&code)), code: code.into_owned() })
            }
            _ => Box::new(error),
        }
    }
}

fn meaning(code: &str) -> String {
    let words = match code {
        "25006" => "the server is read-only",
        "25P02" => "the transaction has failed before",
        "40001" => "serialization failure",
        "40P01" => "deadlock",
        "42P01" => "a table is missing",
        "42501" => "the database user lacks a right",
        "53300" => "too many connections",
        "57014" => "a statement timeout",
        "57P01" | "57P02" | "57P03" => "the server starts or stops",
        "28P01" | "28000" => "the login is refused",
        "3D000" => "there is no such database",
        "5" | "517" | "261" => "the file is busy",
        "8" => "the file is read-only",
        "13" => "the disk is full",
        _ => return format!("code {code}"),
    };
    words.to_owned()
}
