use serde::{Deserialize, Serialize};

use super::json;
use crate::env::Timestamp;
use crate::store::{CorruptRow, Kind, Record, Row};

/// A browser in which a user has signed in. Its row's id is the digest of the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who signed in.
    pub subject: String,
    /// The name they signed in with.
    pub username: String,
    /// When they did.
    pub signed_in: Timestamp,
    /// When they have to do it again.
    pub expires: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Body {
    username: String,
}

impl Record for Session {
    const KIND: Kind = Kind::Session;

    fn to_row(&self) -> Row {
        Row::new(self.signed_in, json::write(&Body { username: self.username.clone() }))
            .with_user(Some(&self.subject))
            .with_expires(Some(self.expires))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        Ok(Self {
            subject: json::column(Self::KIND, "user", row.user())?,
            username: body.username,
            signed_in: row.issued(),
            expires: row.expires().unwrap_or(row.issued()),
        })
    }
}
