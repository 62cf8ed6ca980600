use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{PasswordHash, json};
use crate::env::Timestamp;
use crate::store::{CorruptRow, Kind, Record, Row};

/// A user: the resource owner for whom a token is issued.
///
/// ```
/// let user = gridauth::User::new("248289761001").named("israel");
/// assert_eq!(user.username(), "israel");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    subject: String,
    username: Option<String>,
    claims: Map<String, Value>,
}

impl User {
    /// A user with this subject: the value of `sub` everywhere. It must never be reused for another person.
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), username: None, claims: Map::new() }
    }

    /// The username: what the user signs in with and what pages show.
    #[must_use]
    pub fn named(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Claims about the user, by their names in OpenID Connect Core section 5.1.
    #[must_use]
    pub fn with_claims(mut self, claims: Map<String, Value>) -> Self {
        self.claims = claims;
        self
    }

    /// The subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The username, or the subject if there is no username.
    pub fn username(&self) -> &str {
        self.username.as_deref().unwrap_or(&self.subject)
    }

    /// Claims about the user.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

/// A user in the server's store.
#[derive(Clone, Debug)]
pub struct StoredUser {
    pub(crate) username: String,
    pub(crate) subject: String,
    pub(crate) signed_up: Timestamp,
    /// `None` while the user is being removed: then no password is correct.
    pub(crate) password: Option<PasswordHash>,
    pub(crate) claims: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<PasswordHash>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    claims: Map<String, Value>,
}

impl StoredUser {
    /// Whether the other is the same person with the same password.
    pub(crate) fn signs_in_like(&self, other: &Self) -> bool {
        self.password.is_some() && self.password == other.password && self.subject == other.subject
    }

    /// Whether there is no difference, but for the time of the sign-up.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.signs_in_like(other) && self.username == other.username && self.claims == other.claims
    }

    /// The username.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When the user signed up, or was first put into the store.
    pub fn signed_up(&self) -> Timestamp {
        self.signed_up
    }

    /// Whether the user has a password. A user who is being removed has none.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Claims about the user.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The user without the password hash.
    pub fn user(&self) -> User {
        User::new(&self.subject).named(&self.username).with_claims(self.claims.clone())
    }
}

impl Record for StoredUser {
    const KIND: Kind = Kind::User;

    fn to_row(&self) -> Row {
        let body = Body {
            username: self.username.clone(),
            password: self.password.clone(),
            claims: self.claims.clone(),
        };
        Row::new(self.signed_up, json::write(&body)).with_user(Some(&self.subject))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        Ok(Self {
            username: body.username,
            subject: json::column(Self::KIND, "user", row.user())?,
            signed_up: row.issued(),
            password: body.password,
            claims: body.claims,
        })
    }
}
