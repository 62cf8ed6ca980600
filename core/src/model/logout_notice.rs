use serde::{Deserialize, Serialize};

use super::{SessionId, json};
use crate::env::Timestamp;
use crate::store::{CorruptRow, Kind, Record, Row};
use crate::token::Digest;

/// A client that has to be told of the end of a session (OpenID Connect Back-Channel Logout 1.0). The row is there until the client
/// has answered, or nobody tries any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutNotice {
    /// The client; empty where the server itself has to finish the end of the session.
    pub client_id: String,
    /// The subject of the user, as the server knows it.
    pub subject: String,
    /// The session that has ended.
    pub session: SessionId,
    /// When it ended.
    pub made: Timestamp,
    /// When the client is told next. While a process is telling it, this is when others may try.
    pub due: Timestamp,
    /// How many tries have begun.
    pub tries: u32,
    /// Whether there is nothing more to do.
    pub told: bool,
    /// When it is too late to tell the client.
    pub expires: Timestamp,
}

impl LogoutNotice {
    /// The id of the row: one for each client and session.
    pub(crate) fn row_id(client_id: &str, session: &SessionId) -> String {
        Digest::of(b'l', &[client_id.as_bytes(), &[0], session.as_str().as_bytes()]).to_text()
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    session: SessionId,
    due: Timestamp,
    tries: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    told: bool,
}

impl Record for LogoutNotice {
    const KIND: Kind = Kind::Outbox;

    fn to_row(&self) -> Row {
        let body = Body { session: self.session.clone(), due: self.due, tries: self.tries, told: self.told };
        Row::new(self.made, json::write(&body))
            .with_user(Some(&self.subject))
            .with_client(Some(&self.client_id))
            .with_expires(Some(self.expires))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        Ok(Self {
            client_id: json::column(Self::KIND, "client", row.client())?,
            subject: json::column(Self::KIND, "user", row.user())?,
            session: body.session,
            made: row.issued(),
            due: body.due,
            tries: body.tries,
            told: body.told,
            expires: row.expires().unwrap_or(row.issued()),
        })
    }
}
