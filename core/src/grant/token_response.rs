use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::model::GrantRecord;
use crate::protocol::TokenType;
use crate::token::Secret;

/// The members that RFC 6749 section 5.1 defines. Extensions cannot set them.
const STANDARD_MEMBERS: [&str; 5] = ["access_token", "token_type", "expires_in", "refresh_token", "scope"];

/// A successful response of the token endpoint (RFC 6749 section 5.1).
#[non_exhaustive]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// The token type: how the access token is presented.
    pub token_type: TokenType,
    /// Its lifetime in seconds.
    pub expires_in: u64,
    /// The refresh token, if one was issued.
    pub refresh_token: Option<Secret>,
    /// The scope of the access token, as a space-separated list.
    pub scope: String,
    /// The members that extensions add.
    pub extra: Map<String, Value>,
}

/// Shows only the names of additional members: one of them may be an ID token.
impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("refresh_token", &self.refresh_token.is_some())
            .field("scope", &self.scope)
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The JSON object on the wire.
impl Serialize for TokenResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_map(None)?;
        answer.serialize_entry("access_token", self.access_token.expose())?;
        answer.serialize_entry("token_type", self.token_type.as_str())?;
        answer.serialize_entry("expires_in", &self.expires_in)?;
        if let Some(refresh_token) = &self.refresh_token {
            answer.serialize_entry("refresh_token", refresh_token.expose())?;
        }
        if !self.scope.is_empty() {
            answer.serialize_entry("scope", &self.scope)?;
        }
        for (name, value) in self.extra() {
            answer.serialize_entry(name, value)?;
        }
        answer.end()
    }
}

impl TokenResponse {
    /// The members that extensions add, without those that they cannot set.
    pub(crate) fn extra(&self) -> impl Iterator<Item = (&str, &Value)> {
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value));
        extra.filter(|(name, _)| !STANDARD_MEMBERS.contains(name))
    }
}

/// Issued tokens: they are stored and can be handed out. Only the server can make one.
#[derive(Debug)]
pub struct Issued {
    pub(crate) record: GrantRecord,
    pub(crate) response: TokenResponse,
}

impl Issued {
    /// The grant of the tokens.
    pub fn grant(&self) -> &GrantRecord {
        &self.record
    }

    /// The response to the client.
    pub fn response(&self) -> &TokenResponse {
        &self.response
    }

    /// Adds a member to the response. The members that RFC 6749 section 5.1 defines cannot be replaced.
    pub fn add_member(&mut self, name: impl Into<String>, value: Value) {
        self.response.extra.insert(name.into(), value);
    }

    /// Only the response to the client.
    pub fn into_response(self) -> TokenResponse {
        self.response
    }
}
