//! Values as they go to SQLite and come back.

use gridauth::env::Timestamp;
use gridauth::store::{Columns, Row, StoreError};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Encode, Row as _, Sqlite, Type};

use crate::error::{Effect, of_statement};
use crate::rows::{Found, millis};

/// Parameters in the making. An error is kept until [`done`](Self::done).
#[derive(Default)]
pub(super) struct Bound {
    arguments: SqliteArguments,
    error: Option<BoxDynError>,
}

impl Bound {
    pub(super) fn with<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        if self.error.is_none() {
            self.error = self.arguments.add(value).err();
        }
        self
    }

    /// All columns of a row.
    pub(super) fn row(self, row: &Row) -> Self {
        self.with(row.user())
            .with(row.client())
            .with(row.scope())
            .with(millis(row.issued()))
            .with(row.expires().map(millis))
            .with(row.body())
    }

    pub(super) fn done(self) -> Result<SqliteArguments, StoreError> {
        match self.error {
            None => Ok(self.arguments),
            Some(error) => Err(of_statement(sqlx::Error::Encode(error), Effect::Reads)),
        }
    }
}

/// Reads a row with the columns that the statements select.
pub(super) fn found(row: &SqliteRow) -> Result<Found, StoreError> {
    read(row).map_err(|error| of_statement(error, Effect::Reads))
}

fn read(row: &SqliteRow) -> Result<Found, sqlx::Error> {
    let columns = Columns {
        user: row.try_get(2)?,
        client: row.try_get(3)?,
        scope: row.try_get(4)?,
        issued: Timestamp::from_millis(row.try_get(5)?),
        expires: row.try_get::<Option<i64>, _>(6)?.map(Timestamp::from_millis),
    };
    Ok(Found {
        seq: row.try_get(0)?,
        version: row.try_get(1)?,
        row: Row::whole(columns, row.try_get::<&str, _>(7)?),
    })
}

/// The id of a row that a listing selected.
pub(super) fn id(row: &SqliteRow) -> Result<String, StoreError> {
    row.try_get(8).map_err(|error| of_statement(error, Effect::Reads))
}
