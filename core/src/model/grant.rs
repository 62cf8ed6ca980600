use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{AUTHORIZATION_DETAILS, AuthenticationState, json};
use crate::env::Timestamp;
use crate::protocol::{Scope, ScopeError};
use crate::store::{Columns, CorruptRow, Kind, Record, Row};
use crate::token::{Binding, Digest, GrantId, Sealed};

/// What extensions store with a grant, each under its own name. It must not contain a secret in plaintext.
pub type GrantData = Map<String, Value>;

/// A grant with its code and its tokens: everything that must change together (RFC 6749 section 1.3).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GrantRecord {
    /// The id of the grant.
    pub id: GrantId,
    /// The grant type by which it was obtained.
    pub grant_type: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// The subject of the user; `None` if the client acts for itself.
    pub subject: Option<String>,
    /// The scope that was granted.
    pub scope: Scope,
    /// When the grant was made.
    pub issued: Timestamp,
    /// When and how the user signed in.
    pub authentication: Option<Box<AuthenticationState>>,
    /// The resources that it is for (RFC 8707); empty means the issuer itself.
    pub resources: Box<[String]>,
    /// The authorization code, before and after it is redeemed.
    pub code: Option<CodeState>,
    /// The live access tokens, the newest last.
    pub access: Vec<AccessState>,
    /// The refresh token.
    pub refresh: Option<RefreshState>,
    /// What extensions store with it.
    pub data: GrantData,
}

/// An authorization code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeState {
    /// The digest of the code.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// When it expires.
    #[serde(rename = "e")]
    pub expires: Timestamp,
    /// The redirect URI of the authorization request, if the request had one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Whether it has been redeemed.
    #[serde(rename = "r", default)]
    pub redeemed: bool,
}

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessState {
    /// The digest of the token.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// When it was issued.
    #[serde(rename = "i")]
    pub issued: Timestamp,
    /// When it expires.
    #[serde(rename = "e")]
    pub expires: Timestamp,
    /// Its scope, if that is less than the grant's.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The resources that it is for (RFC 8707); empty means the issuer itself.
    #[serde(rename = "a", default, skip_serializing_if = "<[_]>::is_empty")]
    pub audience: Box<[String]>,
    /// The key that its sender must prove possession of.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Box<Binding>>,
    /// Its authorization details (RFC 9396), if they are not the grant's.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// What an exchange made of it (RFC 8693), if it comes from one.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Box<ExchangeState>>,
}

/// What a token exchange made of an access token (RFC 8693).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExchangeState {
    /// The digest of the token of this grant that was exchanged. When that ends, this one ends too.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub subject_token: Option<Digest>,
    /// The client that it was issued to, if that is not the grant's.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Box<str>>,
    /// Who acts for the subject (RFC 8693 section 4.1).
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Value>,
}

impl AccessState {
    /// Who acts for the subject (RFC 8693 section 4.1): the claim `act`.
    pub fn act(&self) -> Option<&Value> {
        self.exchange.as_ref()?.act.as_ref()
    }
}

/// A refresh token, and the one before it.
///
/// All refresh tokens of a grant share a random part, the family. A token with the right family whose digest is neither the
/// current one nor the previous one was once a real token of this grant. So reuse is recognised however often the token was
/// rotated, from a row that does not grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefreshState {
    /// The digest of the family.
    #[serde(rename = "f")]
    pub family: Digest,
    /// The digest of the current token.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// When it expires if it is not used.
    #[serde(rename = "e")]
    pub expires: Timestamp,
    /// When the whole chain expires.
    #[serde(rename = "x")]
    pub chain_expires: Timestamp,
    /// What its sender must prove possession of: only refresh tokens of public clients are bound, since all others come with the
    /// authentication of the client (RFC 9449 section 5, RFC 8705 section 4).
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Box<Binding>>,
    /// The previous token, for the grace window.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousRefresh>,
}

/// A refresh token that was rotated, with its successor sealed under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PreviousRefresh {
    /// The digest of the token.
    #[serde(rename = "d")]
    pub digest: Digest,
    /// The end of the grace window: until then, presenting this token again returns the same successor.
    #[serde(rename = "u")]
    pub until: Timestamp,
    /// The successor. Only the holder of the old token can open it.
    #[serde(rename = "s")]
    pub successor: Sealed,
}

/// The body of a row, for reading.
#[derive(Deserialize)]
struct Body {
    id: Uuid,
    grant_type: String,
    #[serde(default)]
    auth: Option<Box<AuthenticationState>>,
    #[serde(default)]
    resources: Box<[String]>,
    #[serde(default)]
    code: Option<CodeState>,
    #[serde(default)]
    access: Vec<AccessState>,
    #[serde(default)]
    refresh: Option<RefreshState>,
    #[serde(default)]
    data: GrantData,
}

/// The body of a row, for writing: it borrows everything.
#[derive(Serialize)]
struct BodyRef<'a> {
    id: Uuid,
    grant_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<&'a AuthenticationState>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    resources: &'a [String],
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
    /// At most 16 live access tokens per grant; issuing another revokes the oldest. A client reaches this limit only if it
    /// refreshes more often than that within the lifetime of one access token.
    pub const MAX_ACCESS_TOKENS: usize = 16;

    /// When the last code or token of the grant expires.
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

    /// The live access token with this digest; each comparison takes constant time.
    pub fn access_token(&self, digest: &Digest, now: Timestamp) -> Option<&AccessState> {
        self.access.iter().find(|access| access.digest.matches(digest)).filter(|access| now < access.expires)
    }

    /// At most 8 live access tokens per grant that come from exchanges; another exchange revokes the oldest of them. So a client that
    /// exchanges tokens does not revoke those that it exchanges.
    pub const MAX_EXCHANGED_TOKENS: usize = 8;

    /// Adds an access token. Drops expired ones, and the oldest if there are too many.
    pub fn add_access_token(&mut self, access: AccessState, now: Timestamp) {
        self.access.retain(|own| now < own.expires);
        let is_exchanged = access.exchange.is_some();
        let limit = if is_exchanged { Self::MAX_EXCHANGED_TOKENS } else { Self::MAX_ACCESS_TOKENS };
        let is_alike = |own: &&AccessState| own.exchange.is_some() == is_exchanged;
        while self.access.iter().filter(is_alike).count() >= limit {
            let kept: Vec<Digest> = self.subject_tokens(&access).map(|own| own.digest).collect();
            let oldest = self.access.iter().filter(is_alike).find(|own| !kept.contains(&own.digest));
            let Some(oldest) = oldest.map(|oldest| oldest.digest) else { break };
            self.remove_access_token(&oldest);
        }
        self.access.push(access);
    }

    /// Removes an access token, and those that it was exchanged for.
    pub fn remove_access_token(&mut self, digest: &Digest) {
        self.access.retain(|own| !own.digest.matches(digest));
        // What a token was exchanged for comes after it.
        let mut at = 0;
        while let Some(own) = self.access.get(at) {
            let from = own.exchange.as_ref().and_then(|exchange| exchange.subject_token.as_ref());
            let is_orphan =
                from.is_some_and(|from| !self.access.iter().any(|other| other.digest.matches(from)));
            if is_orphan {
                self.access.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// The tokens of this grant that led to this one by exchanges, the latest first.
    pub fn subject_tokens<'a>(&'a self, access: &'a AccessState) -> impl Iterator<Item = &'a AccessState> {
        std::iter::successors(Some(access), |access| {
            let from = access.exchange.as_ref()?.subject_token.as_ref()?;
            self.access.iter().find(|own| own.digest.matches(from))
        })
        .skip(1)
    }

    /// The authorization details of an access token of this grant (RFC 9396).
    pub fn details_of<'a>(&'a self, access: &'a AccessState) -> &'a [Value] {
        let details = access.details.as_ref().or_else(|| self.data.get(AUTHORIZATION_DETAILS));
        details.and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The client that an access token of this grant was issued to.
    pub fn client_of<'a>(&'a self, access: &'a AccessState) -> &'a str {
        access.exchange.as_ref().and_then(|exchange| exchange.client_id.as_deref()).unwrap_or(&self.client_id)
    }
}

impl Record for GrantRecord {
    const KIND: Kind = Kind::Grant;

    fn to_row(&self) -> Row {
        let body = BodyRef {
            id: self.id.uuid(),
            grant_type: &self.grant_type,
            auth: self.authentication.as_deref(),
            resources: &self.resources,
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
            id: GrantId::from_uuid(body.id),
            grant_type: body.grant_type,
            client_id: json::column(Self::KIND, "client", row.client())?,
            subject: row.user().map(str::to_owned),
            scope: scope
                .map_err(|error: ScopeError| CorruptRow { kind: "grant", reason: error.to_string() })?,
            issued: row.issued(),
            authentication: body.auth,
            resources: body.resources,
            code: body.code,
            access: body.access,
            refresh: body.refresh,
            data: body.data,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn grant() -> GrantRecord {
        GrantRecord {
            id: GrantId::new(NOW, &[7; 10]),
            grant_type: "password".to_owned(),
            client_id: "web".to_owned(),
            subject: Some("israel".to_owned()),
            scope: Scope::default(),
            issued: NOW,
            authentication: None,
            resources: Box::default(),
            code: None,
            access: Vec::new(),
            refresh: None,
            data: Map::new(),
        }
    }

    fn digest(number: u8) -> Digest {
        Digest::of(b't', &[&[number]])
    }

    fn token(number: u8, from: Option<u8>) -> AccessState {
        let exchange = from
            .map(|from| Box::new(ExchangeState { subject_token: Some(digest(from)), ..Default::default() }));
        AccessState {
            digest: digest(number),
            issued: NOW,
            expires: NOW.after(Duration::from_secs(60)),
            scope: None,
            audience: Box::default(),
            binding: None,
            details: None,
            exchange,
        }
    }

    fn left(grant: &GrantRecord) -> Vec<u8> {
        let number =
            |access: &AccessState| (0..=u8::MAX).find(|number| access.digest == digest(*number)).unwrap();
        grant.access.iter().map(number).collect()
    }

    #[test]
    fn what_was_exchanged_ends_with_the_token_that_it_comes_from() {
        let mut grant = grant();
        for (number, from) in [(1, None), (2, None), (3, Some(1)), (4, Some(3)), (5, Some(2)), (6, Some(4))] {
            grant.add_access_token(token(number, from), NOW);
        }
        grant.remove_access_token(&digest(1));
        assert_eq!(left(&grant), [2, 5]);
    }

    #[test]
    fn exchanges_revoke_no_token_that_was_issued_otherwise() {
        let mut grant = grant();
        for number in 0..20 {
            grant.add_access_token(token(number, None), NOW);
        }
        assert_eq!(left(&grant), (4..20).collect::<Vec<u8>>());
        for number in 100..120 {
            grant.add_access_token(token(number, Some(19)), NOW);
        }
        assert_eq!(left(&grant), (4..20).chain(112..120).collect::<Vec<u8>>());
        grant.add_access_token(token(20, None), NOW);
        assert_eq!(left(&grant), (5..20).chain(112..120).chain([20]).collect::<Vec<u8>>());
        // The token that is exchanged stays, also where it is the oldest.
        grant.add_access_token(token(200, Some(112)), NOW);
        assert_eq!(left(&grant), (5..20).chain([112]).chain(114..120).chain([20, 200]).collect::<Vec<u8>>());
        // What it was exchanged for goes with it.
        grant.remove_access_token(&digest(112));
        assert_eq!(left(&grant), (5..20).chain(114..120).chain([20]).collect::<Vec<u8>>());
    }

    #[test]
    fn an_exchanged_token_round_trips() {
        let mut grant = grant();
        let mut exchanged = token(2, Some(1));
        if let Some(exchange) = &mut exchanged.exchange {
            exchange.client_id = Some("api".into());
            exchange.act = Some(serde_json::json!({"sub": "api"}));
        }
        grant.add_access_token(token(1, None), NOW);
        grant.add_access_token(exchanged, NOW);
        let read = GrantRecord::from_row(&grant.to_row()).unwrap();
        assert_eq!(read, grant);
        assert_eq!((read.client_of(&read.access[0]), read.client_of(&read.access[1])), ("web", "api"));
    }
}
