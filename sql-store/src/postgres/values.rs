//! Values as they go to PostgreSQL and come back.

use gridauth::env::Timestamp;
use gridauth::store::{Columns, Row, StoreError};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo, PgValueRef};
use sqlx::{Arguments, Decode, Encode, Postgres, Row as _, Type, ValueRef};

use crate::error::{Effect, of_statement};
use crate::rows::{Found, millis};

/// A `timestamptz`, so that neither `chrono` nor `time` is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

/// Its type in every PostgreSQL.
const TIMESTAMPTZ: Oid = Oid(1184);
/// PostgreSQL counts from the year 2000, in microseconds.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

impl Moment {
    /// The first one, before all others.
    pub(super) const FIRST: Self = Self(Timestamp::from_millis(0));
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }

    fn compatible(info: &PgTypeInfo) -> bool {
        info.oid() == Some(TIMESTAMPTZ)
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend((millis(self.0) * 1000 - EPOCH_MICROS).to_be_bytes());
        Ok(IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Moment {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.is_null() {
            return Err("a time is missing".into());
        }
        let bytes: [u8; 8] = value.as_bytes()?.try_into()?;
        let micros = i64::from_be_bytes(bytes).saturating_add(EPOCH_MICROS);
        Ok(Self(Timestamp::from_millis(micros.div_euclid(1000))))
    }
}

/// Parameters in the making. An error is kept until [`done`](Self::done).
#[derive(Default)]
pub(super) struct Bound {
    arguments: PgArguments,
    error: Option<BoxDynError>,
}

impl Bound {
    pub(super) fn with<'q, T: Encode<'q, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
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
            .with(Moment(row.issued()))
            .with(row.expires().map(Moment))
            .with(row.body())
    }

    pub(super) fn done(self) -> Result<PgArguments, StoreError> {
        match self.error {
            None => Ok(self.arguments),
            Some(error) => Err(of_statement(sqlx::Error::Encode(error), Effect::Reads)),
        }
    }
}

/// Reads a row with the columns that the statements select.
pub(super) fn found(row: &PgRow) -> Result<Found, StoreError> {
    read(row).map_err(|error| of_statement(error, Effect::Reads))
}

fn read(row: &PgRow) -> Result<Found, sqlx::Error> {
    let columns = Columns {
        user: row.try_get(2)?,
        client: row.try_get(3)?,
        scope: row.try_get(4)?,
        issued: row.try_get::<Moment, _>(5)?.0,
        expires: row.try_get::<Option<Moment>, _>(6)?.map(|moment| moment.0),
    };
    Ok(Found {
        seq: row.try_get(0)?,
        version: row.try_get(1)?,
        row: Row::whole(columns, row.try_get::<&str, _>(7)?),
    })
}

/// The id of a row that a listing selected.
pub(super) fn id(row: &PgRow) -> Result<String, StoreError> {
    row.try_get(8).map_err(|error| of_statement(error, Effect::Reads))
}
