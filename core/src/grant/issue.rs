use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::GrantedScope;
use crate::env::Timestamp;
use crate::model::{AccessState, Client, GrantData, GrantId, GrantRecord, RefreshState, User};
use crate::protocol::OAuthError;
use crate::server::Inner;
use crate::store::{Key, Kind, Record};
use crate::token::{
    Family, NewToken, Secret, TokenKind, TokenSecret, commitment, family_digest, new_family, new_token_secret,
};

/// Who gets a token and for what: what a grant decides.
#[derive(Debug)]
pub struct NewGrant {
    pub(crate) subject: Option<String>,
    pub(crate) scope: GrantedScope,
    pub(crate) refreshable: bool,
    pub(crate) data: GrantData,
}

impl NewGrant {
    /// The client acts for itself. No refresh token is issued (RFC 6749 section 4.4.3).
    pub fn for_client(scope: GrantedScope) -> Self {
        Self { subject: None, scope, refreshable: false, data: GrantData::new() }
    }

    /// The client acts for the user with this subject. A refresh token is issued where the server has the refresh
    /// token grant and the client may use it.
    pub fn for_user(subject: impl Into<String>, scope: GrantedScope) -> Self {
        Self { subject: Some(subject.into()), scope, refreshable: true, data: GrantData::new() }
    }

    /// Without a refresh token.
    #[must_use]
    pub fn without_refresh_token(mut self) -> Self {
        self.refreshable = false;
        self
    }

    /// Something to keep with the grant: shown to extensions at every later token request of it.
    #[must_use]
    pub fn with_data(mut self, name: impl Into<String>, value: Value) -> Self {
        self.data.insert(name.into(), value);
        self
    }
}

impl From<(&User, GrantedScope)> for NewGrant {
    fn from((user, scope): (&User, GrantedScope)) -> Self {
        Self::for_user(user.subject(), scope)
    }
}

/// Tokens that are stored and may be handed out. Only the server makes one.
#[derive(Debug)]
pub struct Issued {
    pub(crate) record: GrantRecord,
    pub(crate) response: TokenResponse,
}

impl Issued {
    /// The grant that they belong to.
    pub fn grant(&self) -> &GrantRecord {
        &self.record
    }

    /// What the client is answered.
    pub fn response(&self) -> &TokenResponse {
        &self.response
    }

    /// What the client is answered, alone.
    pub fn into_response(self) -> TokenResponse {
        self.response
    }
}

/// What RFC 6749 section 5.1 defines, and no extension may set.
const STANDARD_MEMBERS: [&str; 5] = ["access_token", "token_type", "expires_in", "refresh_token", "scope"];

/// A successful answer of the token endpoint (RFC 6749 section 5.1).
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// Its lifetime in seconds.
    pub expires_in: u64,
    /// The refresh token, if one was issued.
    pub refresh_token: Option<Secret>,
    /// The scope of the access token.
    pub scope: String,
    /// What extensions add.
    pub extra: Map<String, Value>,
}

/// Names what extensions add without showing it: an ID token may be among it.
impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
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
        answer.serialize_entry("token_type", "Bearer")?;
        answer.serialize_entry("expires_in", &self.expires_in)?;
        if let Some(refresh_token) = &self.refresh_token {
            answer.serialize_entry("refresh_token", refresh_token.expose())?;
        }
        if !self.scope.is_empty() {
            answer.serialize_entry("scope", &self.scope)?;
        }
        for (name, value) in &self.extra {
            if !STANDARD_MEMBERS.contains(&name.as_str()) {
                answer.serialize_entry(name, value)?;
            }
        }
        answer.end()
    }
}

/// A new access token and what its row keeps of it.
pub(crate) fn new_access_token(
    server: &Inner,
    client: &Client,
    (grant, secret): (GrantId, &TokenSecret),
    scope: &GrantedScope,
    granted: &crate::protocol::Scope,
    now: Timestamp,
) -> (Secret, AccessState) {
    let token = NewToken::make(TokenKind::Access, grant, secret);
    let lifetime = client.lifetimes().access_token.unwrap_or(server.lifetimes.access_token);
    let narrowed = (scope.as_scope() != granted).then(|| scope.as_scope().clone());
    let state =
        AccessState { digest: token.digest, issued: now, expires: now.after(lifetime), scope: narrowed };
    (token.text, state)
}

/// Whether the server issues refresh tokens and the client may use them: one that it could not use is not issued.
pub(crate) fn may_refresh(server: &Inner, client: &Client) -> bool {
    client.allows_grant("refresh_token")
        && server
            .grants
            .token_side("refresh_token")
            .is_some_and(|(_, side)| side.client_authentication().contains(client.auth_method()))
}

/// The first refresh token of a family.
pub(crate) fn first_refresh_token(
    server: &Inner,
    client: &Client,
    (grant, family): (GrantId, &Family),
    now: Timestamp,
) -> Result<(Secret, RefreshState), OAuthError> {
    let token = NewToken::make_refresh(grant, family, &*server.entropy)?;
    let chain = client.lifetimes().refresh_token.unwrap_or(server.lifetimes.refresh_token);
    let state = RefreshState {
        family: family_digest(family),
        digest: token.digest,
        expires: now.after(idle_lifetime(server, client)),
        chain_expires: now.after(chain),
        previous: None,
    };
    Ok((token.text, state))
}

pub(crate) fn idle_lifetime(server: &Inner, client: &Client) -> std::time::Duration {
    client.lifetimes().refresh_token_idle.unwrap_or(server.lifetimes.refresh_token_idle)
}

/// Creates the row of a grant.
pub(crate) async fn insert(server: &Inner, record: &GrantRecord) -> Result<(), OAuthError> {
    let mut buffer = [0; 36];
    let key = Key::new(Kind::Grant, record.id.row_id(&mut buffer));
    if server.store.insert(key, record.to_row()).await? {
        Ok(())
    } else {
        Err(OAuthError::server_error("a new grant id was already taken"))
    }
}

/// Stores a new grant with its first tokens, in one insert.
///
/// All but the insert is done at once, so that the future has nothing to keep but what it gives.
pub(crate) fn issue<'a>(
    server: &'a Inner,
    client: &Client,
    grant_type: &str,
    grant: NewGrant,
    now: Timestamp,
) -> impl Future<Output = Result<Issued, OAuthError>> + use<'a> {
    let made = make(server, client, grant_type, grant, now);
    async move {
        if let Ok(issued) = &made {
            insert(server, &issued.record).await?;
        }
        made
    }
}

/// A new grant with its first tokens, not stored yet.
fn make(
    server: &Inner,
    client: &Client,
    grant_type: &str,
    grant: NewGrant,
    now: Timestamp,
) -> Result<Issued, OAuthError> {
    let secret = new_token_secret(&*server.entropy)?;
    let refreshable = grant.refreshable && may_refresh(server, client);
    let family = refreshable.then(|| new_family(&*server.entropy)).transpose()?;
    let committed = family.as_ref().map_or(&secret[..], |family| &family[..]);
    let id = GrantId::new(now, &commitment(committed, client.id()));
    let (access_token, access) =
        new_access_token(server, client, (id, &secret), &grant.scope, grant.scope.as_scope(), now);
    let refresh = family.map(|family| first_refresh_token(server, client, (id, &family), now)).transpose()?;
    let (refresh_token, refresh) = refresh.map_or((None, None), |(text, state)| (Some(text), Some(state)));
    let response = TokenResponse {
        access_token,
        expires_in: access.expires.since(now).as_secs(),
        refresh_token,
        scope: grant.scope.as_scope().as_str().to_owned(),
        extra: Map::new(),
    };
    let record = GrantRecord {
        id,
        grant_type: grant_type.to_owned(),
        client_id: client.id().to_owned(),
        subject: grant.subject,
        scope: grant.scope.into_scope(),
        issued: now,
        code: None,
        access: vec![access],
        refresh,
        data: grant.data,
    };
    Ok(Issued { record, response })
}

/// A grant that nobody asked for: the application makes it itself.
pub(crate) async fn issue_minted(
    server: &Inner,
    client: &Client,
    grant: NewGrant,
) -> Result<Issued, OAuthError> {
    issue(server, client, "minted", grant, server.clock.now()).await
}
