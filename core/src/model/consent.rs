use super::json;
use crate::env::Timestamp;
use crate::protocol::{Scope, ScopeError};
use crate::store::{CorruptRow, Kind, Record, Row};
use crate::token::Digest;

/// The scope that a user has allowed a client, until the user withdraws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The subject of the user.
    pub subject: String,
    /// The client.
    pub client_id: String,
    /// The scope that is allowed.
    pub scope: Scope,
    /// When the user last gave consent.
    pub given: Timestamp,
}

impl Consent {
    /// The id of the row for this user and client.
    pub fn row_id(subject: &str, client_id: &str) -> String {
        // The length distinguishes ("a:b", "c") from ("a", "b:c"). The digest keeps the id short, whatever the two are.
        let length = subject.len().to_be_bytes();
        Digest::of(b'n', &[&length, subject.as_bytes(), client_id.as_bytes()]).to_text()
    }
}

impl Record for Consent {
    const KIND: Kind = Kind::Consent;

    fn to_row(&self) -> Row {
        Row::new(self.given, "{}")
            .with_user(Some(&self.subject))
            .with_client(Some(&self.client_id))
            .with_scope(Some(self.scope.as_str()))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let scope = row.scope().unwrap_or_default().parse();
        Ok(Self {
            subject: json::column(Self::KIND, "user", row.user())?,
            client_id: json::column(Self::KIND, "client", row.client())?,
            scope: scope
                .map_err(|error: ScopeError| CorruptRow { kind: "consent", reason: error.to_string() })?,
            given: row.issued(),
        })
    }
}
