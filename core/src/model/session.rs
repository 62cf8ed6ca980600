use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::json;
use crate::env::Timestamp;
use crate::store::{CorruptRow, Kind, Record, Row};
use crate::token::Digest;

/// The public id of a session: `sid` in OpenID Connect. The session's cookie cannot be derived from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// The id of the session whose row has this id.
    pub(crate) fn of_row(row_id: &str) -> Self {
        let digest = Digest::of(b'i', &[row_id.as_bytes()]);
        Self(URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..16]).into())
    }

    /// The id of a session that the application manages itself.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A browser session of a user who has signed in. The id of its row is the digest of the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The subject of the user.
    pub subject: String,
    /// The username that the user signed in with.
    pub username: String,
    /// When the user signed in.
    pub signed_in: Timestamp,
    /// When the session ends.
    pub expires: Timestamp,
    /// The authentication context class.
    pub acr: Option<String>,
    /// The authentication methods that were used (RFC 8176).
    pub amr: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
}

impl Record for Session {
    const KIND: Kind = Kind::Session;

    fn to_row(&self) -> Row {
        let body = Body { username: self.username.clone(), acr: self.acr.clone(), amr: self.amr.clone() };
        Row::new(self.signed_in, json::write(&body))
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
            acr: body.acr,
            amr: body.amr,
        })
    }
}
