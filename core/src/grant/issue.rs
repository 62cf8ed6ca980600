//! The mint: the one place where token responses, and their state in the grant's row, are made.

use std::time::Duration;

use serde_json::Map;

use super::prepared::Prepared;
use super::{GrantedScope, Issued, NewGrant, TokenResponse, jwt};
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::events::Event;
use crate::model::{AccessState, Client, GrantRecord, RefreshState};
use crate::protocol::{OAuthError, TokenType};
use crate::store::{Key, Kind, Record};
use crate::token::{
    Binding, Family, GrantId, NewToken, Secret, TokenKind, TokenSecret, commitment, family_digest,
    new_family, new_token_secret,
};

/// The tokens of a response, made before anything is stored.
pub(crate) struct FreshTokens {
    access: NewToken,
    refresh: FreshRefresh,
}

/// What happens to the grant's refresh token.
pub(crate) enum FreshRefresh {
    /// The grant gets none.
    None,
    /// The grant gets the first one of a family.
    First(Family, NewToken),
    /// This one replaces the current one.
    Next(NewToken),
    /// The current one stays, with a later expiry.
    Same,
}

impl FreshTokens {
    /// Makes an access token for this grant.
    pub(crate) fn make(engine: &Engine, grant: GrantId, refresh: FreshRefresh) -> Result<Self, OAuthError> {
        let secret = new_token_secret(&*engine.entropy)?;
        Ok(Self { access: NewToken::make(TokenKind::Access, grant, &secret), refresh })
    }

    /// Whether these very tokens were issued already, in a change whose answer was lost.
    pub(crate) fn are_issued(&self, record: &GrantRecord, prepared: Option<&Prepared>) -> bool {
        let digest = &prepared.map_or(&self.access, |prepared| self.access(prepared)).digest;
        record.access.iter().any(|access| access.digest.matches(digest))
    }

    /// The access token: the prepared one, or else the opaque one.
    pub(super) fn access<'a>(&'a self, prepared: &'a Prepared) -> &'a NewToken {
        prepared.access.as_ref().unwrap_or(&self.access)
    }
}

impl FreshRefresh {
    /// The first refresh token of this family.
    pub(crate) fn first(engine: &Engine, grant: GrantId, family: Family) -> Result<Self, OAuthError> {
        let token = NewToken::make_refresh(grant, &family, &*engine.entropy)?;
        Ok(Self::First(family, token))
    }

    /// Another refresh token of this family.
    pub(crate) fn next(engine: &Engine, grant: GrantId, family: &Family) -> Result<Self, OAuthError> {
        Ok(Self::Next(NewToken::make_refresh(grant, family, &*engine.entropy)?))
    }
}

/// Makes a token response, and records the state of its tokens. It cannot fail, so it may run inside an update of the row.
pub(crate) fn mint(
    engine: &Engine,
    client: &Client,
    record: &mut GrantRecord,
    fresh: &FreshTokens,
    scope: &GrantedScope,
    prepared: &Prepared,
    now: Timestamp,
) -> TokenResponse {
    let expires = prepared.expiry(now.after(engine.access_token_lifetime(client)));
    let NewToken { text, digest } = fresh.access(prepared);
    let (text, digest) = (text.clone(), *digest);
    let access = AccessState {
        digest,
        issued: now,
        expires,
        scope: (*scope.as_scope() != record.scope).then(|| scope.as_scope().clone()),
        audience: prepared.audience.clone().unwrap_or_else(|| record.resources.clone()),
        binding: prepared.binding.clone(),
        details: prepared.details.clone(),
        exchange: prepared.exchange.clone(),
    };
    let refresh_binding = prepared.binding.as_ref().filter(|_| client.is_public());
    let refresh_token = match &fresh.refresh {
        FreshRefresh::None => None,
        FreshRefresh::First(family, token) => {
            let first = first_refresh(engine, client, family, token, now);
            record.refresh = Some(RefreshState { binding: refresh_binding.cloned(), ..first });
            Some(token.text.clone())
        }
        FreshRefresh::Next(token) => {
            if let Some(refresh) = &mut record.refresh {
                refresh.digest = token.digest;
                refresh.previous = None;
                refresh.binding = refresh.binding.take().or_else(|| refresh_binding.cloned());
                prolong(engine, client, refresh, now);
            }
            Some(token.text.clone())
        }
        FreshRefresh::Same => {
            if let Some(refresh) = &mut record.refresh {
                prolong(engine, client, refresh, now);
            }
            None
        }
    };
    let token_type = access.binding.as_deref().map_or(TokenType::Bearer, Binding::token_type);
    record.add_access_token(access, now);
    let mut response = respond(text, token_type, expires.since(now), scope.as_scope().as_str().to_owned());
    response.refresh_token = refresh_token;
    response.extra = prepared.members.clone();
    response
}

/// A token response with an access token.
pub(super) fn respond(
    access_token: Secret,
    token_type: TokenType,
    lifetime: Duration,
    scope: String,
) -> TokenResponse {
    TokenResponse {
        access_token,
        token_type,
        expires_in: lifetime.as_secs(),
        refresh_token: None,
        scope,
        extra: Map::new(),
    }
}

fn first_refresh(
    engine: &Engine,
    client: &Client,
    family: &Family,
    token: &NewToken,
    now: Timestamp,
) -> RefreshState {
    RefreshState {
        family: family_digest(family),
        digest: token.digest,
        expires: now.after(engine.refresh_token_idle_lifetime(client)),
        chain_expires: now.after(engine.refresh_token_lifetime(client)),
        binding: None,
        previous: None,
    }
}

fn prolong(engine: &Engine, client: &Client, refresh: &mut RefreshState, now: Timestamp) {
    refresh.expires = now.after(engine.refresh_token_idle_lifetime(client));
}

/// A new grant that is not stored yet: its record, and its future tokens.
pub(crate) struct Unstored {
    pub(crate) record: GrantRecord,
    pub(crate) fresh: FreshTokens,
    pub(crate) scope: GrantedScope,
}

impl Unstored {
    /// Makes the record and the tokens of a new grant.
    pub(crate) fn make(
        engine: &Engine,
        client: &Client,
        grant_type: &str,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<Self, OAuthError> {
        let secret = new_token_secret(&*engine.entropy)?;
        let is_refreshable = grant.is_refreshable && engine.may_refresh(client);
        let family = is_refreshable.then(|| new_family(&*engine.entropy)).transpose()?;
        let id = new_id(client, family.as_ref(), &secret, now);
        let refresh = match family {
            Some(family) => FreshRefresh::first(engine, id, family)?,
            None => FreshRefresh::None,
        };
        let fresh = FreshTokens { access: NewToken::make(TokenKind::Access, id, &secret), refresh };
        let record = GrantRecord {
            id,
            grant_type: grant_type.to_owned(),
            client_id: client.id().to_owned(),
            subject: grant.subject,
            scope: grant.scope.as_scope().clone(),
            issued: now,
            authentication: grant.authentication,
            resources: grant.resources,
            code: None,
            access: Vec::new(),
            refresh: None,
            data: grant.data,
        };
        Ok(Self { record, fresh, scope: grant.scope })
    }

    /// Adds an access token to a new grant that begins with a code. Its refresh token comes when the code is redeemed.
    pub(super) fn with_code(
        engine: &Engine,
        record: GrantRecord,
        scope: GrantedScope,
    ) -> Result<Self, OAuthError> {
        let fresh = FreshTokens::make(engine, record.id, FreshRefresh::None)?;
        Ok(Self { record, fresh, scope })
    }

    /// The access token as it will be issued.
    pub(super) fn access_token<'a>(&'a self, prepared: &'a Prepared) -> &'a str {
        self.fresh.access(prepared).text.expose()
    }

    /// Mints the tokens and stores the grant, in one insert.
    ///
    /// Everything but the insert is eager, which keeps the future small.
    pub(crate) fn store<'a>(
        self,
        engine: &'a Engine,
        client: &Client,
        prepared: &Prepared,
        now: Timestamp,
    ) -> impl Future<Output = Result<Issued, OAuthError>> + use<'a> {
        let Self { mut record, fresh, scope } = self;
        let response = mint(engine, client, &mut record, &fresh, &scope, prepared, now);
        async move {
            insert(engine, &record).await?;
            Ok(Issued { record, response })
        }
    }
}

/// The id of a new grant. It commits to a secret in the grant's tokens.
fn new_id(client: &Client, family: Option<&Family>, secret: &TokenSecret, now: Timestamp) -> GrantId {
    let committed = family.map_or(&secret[..], |family| &family[..]);
    GrantId::new(now, &commitment(committed, client.id()))
}

/// Inserts the row of a grant.
pub(crate) async fn insert(engine: &Engine, record: &GrantRecord) -> Result<(), OAuthError> {
    let mut buffer = [0; 36];
    let key = Key::new(Kind::Grant, record.id.row_id(&mut buffer));
    if !engine.store.insert(key, record.to_row()).await? {
        return Err(OAuthError::server_error("a new grant id was already taken"));
    }
    if record.code.is_some() {
        tell(engine, record, Event::CodeIssued { scope: record.scope.as_str() });
    }
    tell_of_token(engine, record, &record.grant_type, record.refresh.is_some());
    Ok(())
}

/// Emits an event about a grant.
pub(super) fn tell<'a>(engine: &Engine, record: &'a GrantRecord, event: Event<'a>) {
    let about = event.of_client(&record.client_id).of_subject(record.subject.as_deref());
    engine.events.emit(about.of_grant(record.id.uuid()));
}

/// Tells that the newest access token of a grant was issued.
pub(super) fn tell_of_token(engine: &Engine, record: &GrantRecord, grant_type: &str, refresh_token: bool) {
    let Some(access) = record.access.last() else { return };
    let scope = access.scope.as_ref().unwrap_or(&record.scope).as_str();
    let expires_in = access.expires.since(access.issued).as_secs();
    tell(engine, record, Event::TokenIssued { grant_type, scope, expires_in, refresh_token });
}

/// Issues a token without a request from a client, on behalf of the application.
pub(crate) async fn issue_minted(
    engine: &Engine,
    client: &Client,
    grant: NewGrant,
) -> Result<Issued, OAuthError> {
    let now = engine.clock.now();
    let unstored = Unstored::make(engine, client, "minted", grant, now)?;
    let mut prepared = Prepared::default();
    if engine.is_jwt(client) {
        let access = jwt::sign(engine, client, &unstored.record, &unstored.scope, &prepared, now).await?;
        prepared.access = Some(access);
    }
    unstored.store(engine, client, &prepared, now).await
}
