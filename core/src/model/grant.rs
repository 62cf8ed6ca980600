use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::json;
use crate::env::Timestamp;
use crate::protocol::{Scope, ScopeError};
use crate::store::{Columns, CorruptRow, Kind, Record, Row};
use crate::token::{Digest, Sealed};

/// Names a grant: a UUIDv7, so that ids rise with time. It is part of every code and token of the grant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(Uuid);

impl GrantId {
    /// The id made at `now` with `random` bytes (RFC 9562 section 5.7).
    pub fn new(now: Timestamp, random: &[u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid())
    }

    /// Whether it was made with these random bytes.
    pub(crate) fn has_random(&self, random: &[u8; 10]) -> bool {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid() == self.0
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Writes the id of its row into `buffer` and returns it: lower-case with hyphens.
    pub fn row_id<'b>(&self, buffer: &'b mut [u8; 36]) -> &'b str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What extensions keep with a grant, by a name that each chooses. It must hold no secret in clear.
pub type GrantData = Map<String, Value>;

/// One authorization with its code and its tokens: all that must change together (RFC 6749 section 1.3).
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRecord {
    /// Its id.
    pub id: GrantId,
    /// The grant type that it came from.
    pub grant_type: String,
    /// The client that it was given to, and no other.
    pub client_id: String,
    /// The user who gave it; `None` where the client acts for itself.
    pub subject: Option<String>,
    /// The scope that was granted.
    pub scope: Scope,
    /// When it was granted.
    pub issued: Timestamp,
    /// The authorization code, until it is redeemed and after.
    pub code: Option<CodeState>,
    /// The live access tokens, the newest last.
    pub access: Vec<AccessState>,
    /// The refresh token.
    pub refresh: Option<RefreshState>,
    /// What extensions keep with it.
    pub data: GrantData,
}

/// An authorization code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeState {
    /// Its digest.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// Until when it can be redeemed.
    #[serde(rename = "e")]
    pub expires: Timestamp,
    /// The redirect URI of the authorization request, where that had one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Whether it has been redeemed.
    #[serde(rename = "r", default)]
    pub redeemed: bool,
}

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessState {
    /// Its digest.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// When it was issued.
    #[serde(rename = "i")]
    pub issued: Timestamp,
    /// Until when it is good.
    #[serde(rename = "e")]
    pub expires: Timestamp,
    /// Its scope, where that is less than the grant's.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// A refresh token, and the one before it.
///
/// All refresh tokens of a grant share a random part, the family. Who shows a token with the right family and a
/// digest that is neither the current one's nor the previous one's has once held a real token of this grant: that is how
/// reuse is seen however often the token was rotated, from a row that does not grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshState {
    /// The digest of the family.
    #[serde(rename = "f")]
    pub family: Digest,
    /// The digest of the current token.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// Until when it is good if it is not used.
    #[serde(rename = "e")]
    pub expires: Timestamp,
    /// Until when the whole chain is good.
    #[serde(rename = "x")]
    pub chain_expires: Timestamp,
    /// The token before, while it may still be repeated.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousRefresh>,
}

/// A refresh token that was rotated, with its successor sealed under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousRefresh {
    /// Its digest.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// Until when showing it again gives the same successor.
    #[serde(rename = "u")]
    pub until: Timestamp,
    /// The successor: only who holds the old token can open it.
    #[serde(rename = "s")]
    pub successor: Sealed,
}

/// The body of a row as it is read.
#[derive(Deserialize)]
struct Body {
    id: Uuid,
    grant_type: String,
    #[serde(default)]
    code: Option<CodeState>,
    #[serde(default)]
    access: Vec<AccessState>,
    #[serde(default)]
    refresh: Option<RefreshState>,
    #[serde(default)]
    data: GrantData,
}

/// The body of a row as it is written, without a copy of what is in it.
#[derive(Serialize)]
struct BodyRef<'a> {
    id: Uuid,
    grant_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a CodeState>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    access: &'a [AccessState],
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<&'a RefreshState>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    data: &'a GrantData,
}

impl GrantRecord {
    /// The most access tokens of one grant that are good at a time; one more ends the oldest, though it was told to live
    /// longer. It takes a client that refreshes more often than this within the life of one token.
    pub const MAX_ACCESS_TOKENS: usize = 16;

    /// From when on nothing of it is good any more.
    pub fn expires(&self) -> Timestamp {
        let code = self.code.as_ref().map(|code| code.expires);
        let refresh = self.refresh.as_ref().map(|refresh| refresh.expires.min(refresh.chain_expires));
        self.access
            .iter()
            .map(|access| access.expires)
            .chain(code)
            .chain(refresh)
            .max()
            .unwrap_or(self.issued)
    }

    /// The live access token with this digest, in constant time for each.
    pub fn access_token(&self, digest: &Digest, now: Timestamp) -> Option<&AccessState> {
        self.access.iter().find(|access| access.digest.matches(digest)).filter(|access| now < access.expires)
    }

    /// Adds an access token; expired ones go, and the oldest where there are too many.
    pub fn add_access_token(&mut self, access: AccessState, now: Timestamp) {
        self.access.retain(|own| now < own.expires);
        while self.access.len() >= Self::MAX_ACCESS_TOKENS {
            self.access.remove(0);
        }
        self.access.push(access);
    }
}

impl Record for GrantRecord {
    const KIND: Kind = Kind::Grant;

    fn to_row(&self) -> Row {
        let body = BodyRef {
            id: self.id.0,
            grant_type: &self.grant_type,
            code: self.code.as_ref(),
            access: &self.access,
            refresh: self.refresh.as_ref(),
            data: &self.data,
        };
        let columns = Columns {
            user: self.subject.as_deref(),
            client: Some(&self.client_id),
            scope: Some(self.scope.as_str()),
            issued: self.issued,
            expires: Some(self.expires()),
        };
        Row::whole(columns, &json::write(&body))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        let scope = row.scope().unwrap_or_default().parse();
        Ok(Self {
            id: GrantId(body.id),
            grant_type: body.grant_type,
            client_id: json::column(Self::KIND, "client", row.client())?,
            subject: row.user().map(str::to_owned),
            scope: scope
                .map_err(|error: ScopeError| CorruptRow { kind: "grant", reason: error.to_string() })?,
            issued: row.issued(),
            code: body.code,
            access: body.access,
            refresh: body.refresh,
            data: body.data,
        })
    }
}
