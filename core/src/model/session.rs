use serde::{Deserialize, Serialize};

use super::json;
use crate::env::Timestamp;
use crate::store::{CorruptRow, Kind, Record, Row};

/// The public id of a session: `sid` in OpenID Connect. The session's cookie cannot be derived from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// The id of a session that the application manages itself.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session of a user who has signed in. Of a session that the server manages, the id of the row is the digest of the cookie, and
/// also the public id. Of one that the application manages there is a row once a client has got an ID token in it.
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
    /// The clients that got an ID token in it, to be told of its end. The oldest is first.
    pub clients: Vec<String>,
    /// Whether it is being ended. Nobody is signed in by it any more.
    pub ended: bool,
    /// The public id, if the application manages the session.
    pub own_id: Option<SessionId>,
}

impl Session {
    /// The most clients that a session names; another one replaces the oldest. It keeps the row short.
    pub const MAX_CLIENTS: usize = 200;

    /// Names a client. Returns `None` if it is named already.
    pub(crate) fn with_client(&self, client_id: &str) -> Option<Self> {
        if self.clients.iter().any(|known| known == client_id) {
            return None;
        }
        let mut session = self.clone();
        while session.clients.len() >= Self::MAX_CLIENTS {
            session.clients.remove(0);
        }
        session.clients.push(client_id.to_owned());
        Some(session)
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clients: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_id: Option<SessionId>,
}

impl Record for Session {
    const KIND: Kind = Kind::Session;

    fn to_row(&self) -> Row {
        let body = Body {
            username: self.username.clone(),
            acr: self.acr.clone(),
            amr: self.amr.clone(),
            clients: self.clients.clone(),
            ended: self.ended,
            own_id: self.own_id.clone(),
        };
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
            clients: body.clients,
            ended: body.ended,
            own_id: body.own_id,
        })
    }
}
