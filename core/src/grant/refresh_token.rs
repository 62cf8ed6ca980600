use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::authorization_code::METHODS;
use super::issue::{FreshRefresh, FreshTokens, mint, respond, tell, tell_of_token};
use super::{Grant, Issued, TokenIssuer, TokenRequest, TokenResponse, TokenSide};
use crate::env::Timestamp;
use crate::events::{Event, RevocationCause};
use crate::model::{AuthMethod, GrantRecord, PreviousRefresh};
use crate::protocol::{OAuthError, TokenType};
use crate::store::{Change, Key, Kind, Record};
use crate::token::{Binding, PresentedToken, Sealed, Secret, TokenKind, family_digest};

/// The refresh token grant (RFC 6749 section 6).
///
/// [`rotating`](Self::rotating) issues a new refresh token each time, and revokes the grant when an old one is used again
/// (RFC 9700 section 4.14.2). A client that lost a response may repeat its request within the grace window. It gets the same
/// tokens again; the row stores them sealed under the old refresh token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    methods: Vec<AuthMethod>,
    rotate: bool,
    grace: Duration,
}

impl RefreshToken {
    /// A new refresh token each time, with a grace window of 10 seconds. For clients of the methods that
    /// [`AuthorizationCode::new`](super::AuthorizationCode::new) accepts, public ones among them.
    pub fn rotating() -> Self {
        Self { methods: METHODS.into(), rotate: true, grace: Duration::from_secs(10) }
    }

    /// Keeps the same refresh token until it expires. This is only for confidential clients; the refresh tokens of public clients
    /// rotate nevertheless (RFC 9700 section 2.2.2).
    pub fn reusable() -> Self {
        Self { rotate: false, ..Self::rotating() }
    }

    /// Sets how long a rotated token may be presented again. Zero turns the grace window off.
    #[must_use]
    pub fn grace(mut self, window: Duration) -> Self {
        self.grace = window;
        self
    }

    /// Sets the methods by which clients may authenticate; by default those of the code grant.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Grant for RefreshToken {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }
}

/// What is stored for the grace window: the response that the client may not have received.
#[derive(Serialize, Deserialize)]
struct Successor<'a> {
    #[serde(borrow)]
    access_token: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    refresh_token: std::borrow::Cow<'a, str>,
    expires: Timestamp,
    #[serde(borrow)]
    scope: std::borrow::Cow<'a, str>,
    /// What extensions prepared.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    members: Map<String, Value>,
}

/// The state of a presented refresh token.
enum Standing {
    /// It is the current token.
    Current,
    /// It is the previous token, within the grace window, and its successor has not been used.
    Repeated(Sealed),
    /// It is an older token of this grant: somebody else has it too.
    Reused,
    /// It is not valid. That has no consequence for the grant.
    Refused(&'static str),
}

const INVALID: &str = "the refresh token is not good";

fn standing(token: &PresentedToken, record: &GrantRecord, client_id: &str, now: Timestamp) -> Standing {
    let Some(refresh) = record.refresh.as_ref().filter(|_| record.client_id == client_id) else {
        return Standing::Refused(INVALID);
    };
    // Without the family it was never a token of this grant, although it names the grant.
    if !refresh.family.matches(&family_digest(&token.family())) {
        return Standing::Refused(INVALID);
    }
    if refresh.digest.matches(token.digest()) {
        return if now < refresh.expires && now < refresh.chain_expires {
            Standing::Current
        } else {
            Standing::Refused("the refresh token has expired")
        };
    }
    match &refresh.previous {
        Some(previous) if previous.digest.matches(token.digest()) && now < previous.until => {
            Standing::Repeated(previous.successor.clone())
        }
        _ => Standing::Reused,
    }
}

#[async_trait]
impl TokenSide for RefreshToken {
    fn grant_type(&self) -> &str {
        "refresh_token"
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let token = PresentedToken::parse_kind(TokenKind::Refresh, request.required("refresh_token")?)
            .ok_or_else(|| OAuthError::invalid_grant(INVALID))?;
        let (engine, client, now) = (request.engine, request.client(), request.now());
        let id = token.grant_id();
        // RFC 9700 section 2.2.2: the refresh tokens of public clients always rotate.
        let refresh = match self.rotate || client.is_public() {
            true => FreshRefresh::next(engine, id, &token.family())?,
            false => FreshRefresh::Same,
        };
        let fresh = FreshTokens::make(engine, id, refresh)?;
        if engine.has_own_users {
            end_grant_of_former_user(request, &token).await?;
        }
        let is_current =
            |record: &GrantRecord| matches!(standing(&token, record, client.id(), now), Standing::Current);
        let renewable = |record: &GrantRecord| {
            check_possession(request, record)?;
            let scope = request.scope_within(&record.scope)?;
            issuer.check(&record.data)?;
            Ok(scope)
        };
        let preparation = issuer
            .prepare_stored(id, &fresh, |record| match is_current(record) {
                true => renewable(record),
                false => Err(OAuthError::invalid_grant(INVALID)),
            })
            .await?;
        let renew = |record: &GrantRecord| {
            let scope = renewable(record)?;
            let prepared = preparation.for_scope(&scope)?;
            let mut renewed = record.clone();
            let response = mint(engine, client, &mut renewed, &fresh, &scope, prepared, now);
            self.keep_successor(request, &mut renewed, &token, &response)?;
            Ok(Issued { record: renewed, response })
        };
        let decide = |record: &GrantRecord| match standing(&token, record, client.id(), now) {
            Standing::Current => match renew(record) {
                Ok(issued) => (Change::Replace(issued.record.to_row()), Renewal::Done(issued)),
                Err(error) => (Change::Keep, Renewal::Refused(error)),
            },
            Standing::Repeated(sealed) => (
                Change::Keep,
                match check_possession(request, record)
                    .and_then(|()| issuer.check(&record.data))
                    .and_then(|()| repeat(request, record, &token, &sealed))
                {
                    Ok(issued) => Renewal::Repeated(issued),
                    Err(error) => Renewal::Refused(error),
                },
            ),
            Standing::Reused => (Change::Remove, Renewal::Reused(record.clone())),
            Standing::Refused(why) => (Change::Keep, Renewal::Refused(OAuthError::invalid_grant(why))),
        };
        let mut buffer = [0; 36];
        match engine.store.change(id.row_id(&mut buffer), decide).await? {
            Some((_, Renewal::Done(issued))) => {
                let is_rotated = issued.response.refresh_token.is_some();
                if is_rotated {
                    tell(engine, &issued.record, Event::RefreshTokenRotated);
                }
                tell_of_token(engine, &issued.record, request.grant_type(), is_rotated);
                Ok(issued)
            }
            Some((_, Renewal::Repeated(issued))) => {
                tell(engine, &issued.record, Event::RefreshTokenRepeated);
                Ok(issued)
            }
            Some((_, Renewal::Reused(record))) => {
                tell(engine, &record, Event::RefreshTokenReused);
                Err(OAuthError::invalid_grant(INVALID))
            }
            Some((_, Renewal::Refused(error))) => Err(error),
            None => Err(OAuthError::invalid_grant(INVALID)),
        }
    }
}

/// What became of a refresh token.
enum Renewal {
    /// It gave new tokens.
    Done(Issued),
    /// It gave the same tokens again.
    Repeated(Issued),
    /// It had been rotated. The grant is removed.
    Reused(GrantRecord),
    Refused(OAuthError),
}

/// A refresh token that is bound is of no use without what it is bound to (RFC 9449 section 5).
fn check_possession(request: &TokenRequest<'_>, record: &GrantRecord) -> Result<(), OAuthError> {
    let bound = record.refresh.as_ref().and_then(|refresh| refresh.binding.as_deref());
    if bound.is_none() || bound == request.binding() {
        return Ok(());
    }
    Err(OAuthError::invalid_grant(
        "the refresh token is bound to a key that the request does not prove possession of",
    ))
}

/// Ends the grant if the application's own users say that its user is gone. Only a token that would give another one asks them.
async fn end_grant_of_former_user(
    request: &TokenRequest<'_>,
    token: &PresentedToken,
) -> Result<(), OAuthError> {
    let (engine, now) = (request.engine, request.now());
    let mut buffer = [0; 36];
    let id = token.grant_id();
    let row_id = id.row_id(&mut buffer);
    let Some(record) = engine.store.read::<GrantRecord>(row_id).await? else { return Ok(()) };
    let standing = standing(token, &record, request.client().id(), now);
    let subject = match standing {
        Standing::Current | Standing::Repeated(_) => record.subject.as_deref(),
        Standing::Reused | Standing::Refused(_) => None,
    };
    match subject {
        Some(subject) if !engine.is_user(subject).await? => {
            if engine.store.remove(Key::new(Kind::Grant, row_id)).await? {
                tell(engine, &record, Event::GrantRevoked { why: RevocationCause::UserGone });
            }
            Err(OAuthError::invalid_grant(INVALID))
        }
        _ => Ok(()),
    }
}

impl RefreshToken {
    /// Stores the response for the grace window, sealed under the rotated token.
    fn keep_successor(
        &self,
        request: &TokenRequest<'_>,
        record: &mut GrantRecord,
        old: &PresentedToken,
        response: &TokenResponse,
    ) -> Result<(), OAuthError> {
        let GrantRecord { refresh: Some(refresh), access, .. } = record else { return Ok(()) };
        let (Some(refresh_token), Some(access)) = (&response.refresh_token, access.last()) else {
            return Ok(());
        };
        if self.grace.is_zero() {
            return Ok(());
        }
        let successor = Successor {
            access_token: response.access_token.expose().into(),
            refresh_token: refresh_token.expose().into(),
            expires: access.expires,
            scope: (&*response.scope).into(),
            members: response.extra.clone(),
        };
        let text = zeroize::Zeroizing::new(serde_json::to_vec(&successor).map_err(OAuthError::server_error)?);
        refresh.previous = Some(PreviousRefresh {
            digest: *old.digest(),
            until: request.now().after(self.grace),
            successor: Sealed::seal(old, &text, &*request.engine.entropy)?,
        });
        Ok(())
    }
}

/// Repeats the response that the client may not have received.
fn repeat(
    request: &TokenRequest<'_>,
    record: &GrantRecord,
    old: &PresentedToken,
    sealed: &Sealed,
) -> Result<Issued, OAuthError> {
    let text =
        sealed.open(old).ok_or_else(|| OAuthError::server_error("a sealed successor does not open"))?;
    let successor: Successor<'_> = serde_json::from_slice(&text).map_err(OAuthError::server_error)?;
    let binding = record.access.last().and_then(|access| access.binding.as_deref());
    let mut response = respond(
        Secret::from(&*successor.access_token),
        binding.map_or(TokenType::Bearer, Binding::token_type),
        successor.expires.since(request.now()),
        successor.scope.into_owned(),
    );
    response.refresh_token = Some(Secret::from(&*successor.refresh_token));
    response.extra = successor.members;
    Ok(Issued { record: record.clone(), response })
}
