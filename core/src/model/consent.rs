use super::json;
use crate::env::Timestamp;
use crate::protocol::{Scope, ScopeError};
use crate::store::{CorruptRow, Kind, Record, Row};
use crate::token::Digest;

/// The scope that a user has allowed a client, until they take it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who allowed it.
    pub subject: String,
    /// To which client.
    pub client_id: String,
    /// What.
    pub scope: Scope,
    /// When they last did.
    pub given: Timestamp,
}

impl Consent {
    /// The id of the row of this user and client.
    pub fn row_id(subject: &str, client_id: &str) -> String {
        // The length keeps ("a:b", "c") apart from ("a", "b:c"); the digest keeps any two of them within an id's bounds.
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
