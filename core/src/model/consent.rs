use serde::{Deserialize, Serialize};

use super::json;
use crate::env::Timestamp;
use crate::protocol::{Scope, ScopeError};
use crate::store::{CorruptRow, Kind, Record, Row};
use crate::token::Digest;

/// The scope that a user has allowed a client at one origin, until the user withdraws it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consent {
    /// The subject of the user.
    pub subject: String,
    /// The client.
    pub client_id: String,
    /// The origin of the redirect URI: `https://client.example.com`, or the scheme of a native app.
    pub origin: String,
    /// The scope that is allowed.
    pub scope: Scope,
    /// When the user last gave consent.
    pub given: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Body {
    origin: String,
}

impl Consent {
    /// The id of the row for this user, client and origin.
    pub fn row_id(subject: &str, client_id: &str, origin: &str) -> String {
        // The lengths distinguish ("a:b", "c") from ("a", "b:c"). The digest keeps the id short, whatever the parts are.
        let (subject_length, client_length) = (subject.len().to_be_bytes(), client_id.len().to_be_bytes());
        let parts: [&[u8]; 5] =
            [&subject_length, subject.as_bytes(), &client_length, client_id.as_bytes(), origin.as_bytes()];
        Digest::of(b'n', &parts).to_text()
    }
}

impl Record for Consent {
    const KIND: Kind = Kind::Consent;

    fn to_row(&self) -> Row {
        Row::new(self.given, json::write(&Body { origin: self.origin.clone() }))
            .with_user(Some(&self.subject))
            .with_client(Some(&self.client_id))
            .with_scope(Some(self.scope.as_str()))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        let scope = row.scope().unwrap_or_default().parse();
        Ok(Self {
            subject: json::column(Self::KIND, "user", row.user())?,
            client_id: json::column(Self::KIND, "client", row.client())?,
            origin: body.origin,
            scope: scope
                .map_err(|error: ScopeError| CorruptRow { kind: "consent", reason: error.to_string() })?,
            given: row.issued(),
        })
    }
}
