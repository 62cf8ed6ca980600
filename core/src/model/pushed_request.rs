use serde::{Deserialize, Serialize};

use super::json;
use crate::env::Timestamp;
use crate::store::{CorruptRow, Kind, Record, Row};

/// A pushed authorization request (RFC 9126). The id of its row is the digest of its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushedRequest {
    /// The client that pushed it, which alone may use it.
    pub client_id: String,
    /// Its parameters, encoded as a query.
    pub parameters: String,
    /// Whether the client has signed them (RFC 9101).
    pub is_signed: bool,
    /// Whether a browser has brought its reference.
    pub is_visited: bool,
    /// When it was pushed.
    pub pushed: Timestamp,
    /// When it can no longer be used.
    pub expires: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Body {
    parameters: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_signed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_visited: bool,
}

impl Record for PushedRequest {
    const KIND: Kind = Kind::PushedRequest;

    fn to_row(&self) -> Row {
        let body = Body {
            parameters: self.parameters.clone(),
            is_signed: self.is_signed,
            is_visited: self.is_visited,
        };
        Row::new(self.pushed, json::write(&body))
            .with_client(Some(&self.client_id))
            .with_expires(Some(self.expires))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        Ok(Self {
            client_id: json::column(Self::KIND, "client", row.client())?,
            parameters: body.parameters,
            is_signed: body.is_signed,
            is_visited: body.is_visited,
            pushed: row.issued(),
            expires: row.expires().unwrap_or(row.issued()),
        })
    }
}
