use serde_json::{Map, Value, json};

use super::{GrantId, GrantRecord, SessionId};
use crate::env::Timestamp;
use crate::protocol::Scope;

/// What an operator, or the user, needs to know of a grant. It has no secret and no digest.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GrantSummary {
    /// The id of the grant: [`GridAuth::revoke_grant`](crate::GridAuth::revoke_grant) takes it.
    pub id: GrantId,
    /// The grant type by which it was obtained.
    pub grant_type: String,
    /// The client that has it.
    pub client_id: String,
    /// The subject of the user; `None` if the client acts for itself.
    pub subject: Option<String>,
    /// The scope that was granted.
    pub scope: Scope,
    /// The resources that it is for (RFC 8707); empty means the issuer itself.
    pub resources: Vec<String>,
    /// When the grant was made.
    pub issued: Timestamp,
    /// When its last code or token expires, if the client does nothing more.
    pub expires: Timestamp,
    /// How many access tokens are valid.
    pub access_tokens: usize,
    /// When its newest valid access token was issued.
    pub newest_token: Option<Timestamp>,
    /// Whether the client can get further access tokens: by a refresh token, or by a code that it has not redeemed.
    pub is_renewable: bool,
    /// When the user signed in, if that is known.
    pub auth_time: Option<Timestamp>,
    /// The session in which it was made.
    pub session: Option<SessionId>,
}

impl GrantSummary {
    /// The summary of a grant at this moment; `None` if nothing of it is valid any more.
    pub(crate) fn of(grant: &GrantRecord, now: Timestamp) -> Option<Self> {
        let expires = grant.expires();
        let valid = || grant.access.iter().filter(|access| now < access.expires);
        let refreshes = grant.refresh.as_ref();
        let refreshes = refreshes.is_some_and(|refresh| now < refresh.expires.min(refresh.chain_expires));
        let is_redeemable = grant.code.as_ref().is_some_and(|code| !code.redeemed && now < code.expires);
        let is_renewable = refreshes || is_redeemable;
        let access_tokens = valid().count();
        let authentication = grant.authentication.as_deref();
        (is_renewable || access_tokens > 0).then(|| Self {
            id: grant.id,
            grant_type: grant.grant_type.clone(),
            client_id: grant.client_id.clone(),
            subject: grant.subject.clone(),
            scope: grant.scope.clone(),
            resources: grant.resources.to_vec(),
            issued: grant.issued,
            expires,
            access_tokens,
            newest_token: valid().map(|access| access.issued).max(),
            is_renewable,
            auth_time: authentication.and_then(|state| state.auth_time),
            session: authentication.and_then(|state| state.session.clone()),
        })
    }

    /// As the admin API and the command line write it. Times are seconds since 1970.
    pub fn to_json(&self) -> Map<String, Value> {
        let members = json!({
            "id": self.id.to_string(),
            "grant_type": self.grant_type,
            "client_id": self.client_id,
            "sub": self.subject,
            "scope": self.scope.as_str(),
            "resources": self.resources,
            "issued_at": self.issued.as_secs(),
            "expires_at": self.expires.as_secs(),
            "access_tokens": self.access_tokens,
            "newest_token_at": self.newest_token.map(Timestamp::as_secs),
            "renewable": self.is_renewable,
            "auth_time": self.auth_time.map(Timestamp::as_secs),
            "sid": self.session.as_ref().map(SessionId::as_str),
        });
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
