use serde_json::{Map, Value};
use uuid::Uuid;

use super::json;
use crate::env::Timestamp;
use crate::store::{CorruptRow, Kind, Record, Row};

/// An event in the store ([`Builder::audit`](crate::Builder::audit)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When it happened.
    pub time: Timestamp,
    /// When it may be removed.
    pub expires: Timestamp,
    /// The client.
    pub client_id: Option<String>,
    /// The subject of the user.
    pub subject: Option<String>,
    /// The scope that the event names.
    pub scope: Option<String>,
    /// The whole event ([`EventRecord`](crate::events::EventRecord)) as a JSON object.
    pub event: Map<String, Value>,
}

impl AuditEntry {
    /// The name of the event.
    pub fn name(&self) -> &str {
        self.event.get("event").and_then(Value::as_str).unwrap_or_default()
    }

    /// The id of a row, of the moment and random bytes: ids rise with time.
    pub(crate) fn row_id(time: Timestamp, random: &[u8; 10]) -> String {
        let millis = u64::try_from(time.as_millis()).unwrap_or(0);
        uuid_text(uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid())
    }
}

fn uuid_text(id: Uuid) -> String {
    id.hyphenated().to_string()
}

impl Record for AuditEntry {
    const KIND: Kind = Kind::Audit;

    fn to_row(&self) -> Row {
        Row::new(self.time, json::write(&self.event))
            .with_user(self.subject.as_deref())
            .with_client(self.client_id.as_deref())
            .with_scope(self.scope.as_deref())
            .with_expires(Some(self.expires))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        Ok(Self {
            time: row.issued(),
            expires: row.expires().unwrap_or_else(|| row.issued()),
            client_id: row.client().map(str::to_owned),
            subject: row.user().map(str::to_owned),
            scope: row.scope().map(str::to_owned),
            event: json::read(Self::KIND, row)?,
        })
    }
}
