use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::unacceptable;
use super::parameters::Named;
use super::party::Party;
use crate::client_auth::foreign_token;
use crate::env::Timestamp;
use crate::grant::{TokenRequest, TrustedIssuer};
use crate::model::{Authentication, GrantRecord};
use crate::protocol::{OAuthError, Scope};
use crate::store::Key;
use crate::token::{Binding, Digest, PresentedToken, TokenKind};

/// The name under which an extension may store with a grant who may act for its user (RFC 8693 section 4.4).
const MAY_ACT: &str = "may_act";

/// A token that is valid.
pub(super) struct Presented {
    pub(super) party: Party,
    /// Its scope; `None` if it says nothing about that.
    pub(super) scope: Option<Scope>,
    /// The resources that it is for; empty means the issuer itself.
    pub(super) audience: Box<[String]>,
    pub(super) expires: Timestamp,
    pub(super) binding: Option<Box<Binding>>,
    /// Its authorization details, if they are not those of its grant.
    pub(super) details: Option<Value>,
    pub(super) origin: Origin,
}

/// Where a token comes from.
pub(super) enum Origin {
    /// From this server: the row of its grant, and its digest there.
    Own { record: Arc<GrantRecord>, digest: Digest },
    /// From another issuer: the user here whom it is about.
    Foreign { subject: Authentication },
}

/// Validates a subject token.
pub(super) async fn subject(
    request: &TokenRequest<'_>,
    named: &Named<'_>,
    issuers: &[TrustedIssuer],
) -> Result<Presented, OAuthError> {
    match own(request, named).await? {
        Some(presented) => Ok(presented),
        None if named.is_jwt => foreign(request, named.token, issuers).await,
        None => Err(unacceptable("the subject token is not valid")),
    }
}

/// Validates an actor token. It is one of this server.
pub(super) async fn actor(request: &TokenRequest<'_>, named: &Named<'_>) -> Result<Presented, OAuthError> {
    let presented = own(request, named).await?.ok_or_else(|| unacceptable("the actor token is not valid"))?;
    // The client proves possession of one key, and that is the subject token's.
    if presented.binding.is_some() {
        return Err(unacceptable("the actor token is bound to a key"));
    }
    Ok(presented)
}

/// A live access token of this server. `None` if it is none.
async fn own(request: &TokenRequest<'_>, named: &Named<'_>) -> Result<Option<Presented>, OAuthError> {
    let token = PresentedToken::parse(named.token).filter(|token| token.kind() == TokenKind::Access);
    let Some(token) = token.filter(|token| token.is_jwt() || !named.is_jwt) else { return Ok(None) };
    let mut buffer = [0; 36];
    let record = request.engine.store.read::<GrantRecord>(token.grant_id().row_id(&mut buffer)).await?;
    let Some(record) = record else { return Ok(None) };
    let Some(access) = record.access_token(token.digest(), request.now()) else { return Ok(None) };
    if let Some(subject) = &record.subject
        && !request.engine.is_user(subject).await?
    {
        return Ok(None);
    }
    let party = Party {
        subject: record.subject.clone(),
        client_id: Some(record.client_of(access).to_owned()),
        issuer: None,
        act: access.act().cloned(),
        may_act: record.data.get(MAY_ACT).cloned(),
    };
    Ok(Some(Presented {
        party,
        scope: Some(access.scope.clone().unwrap_or_else(|| record.scope.clone())),
        audience: access.audience.clone(),
        expires: access.expires,
        binding: access.binding.clone(),
        details: access.details.clone(),
        origin: Origin::Own { digest: *token.digest(), record: Arc::clone(&record) },
    }))
}

/// A JSON Web Token of an issuer that is trusted.
async fn foreign(
    request: &TokenRequest<'_>,
    text: &str,
    issuers: &[TrustedIssuer],
) -> Result<Presented, OAuthError> {
    let engine = request.engine;
    let token = foreign_token(text).map_err(|why| unacceptable(why.to_string()))?;
    let (jws, claims) = (&token.jws, &token.claims);
    let issuer = issuers.iter().find(|issuer| issuer.name() == claims.iss);
    let issuer = issuer.ok_or_else(|| unacceptable("the issuer of the subject token is not trusted"))?;
    if !issuer.has_signed(engine, jws).await? {
        return Err(unacceptable("the subject token is not signed by a key of its issuer"));
    }
    let expires = claims.check(engine, None, request.now()).map_err(|why| unacceptable(why.to_string()))?;
    // Whoever has seen the token could present it as a client that need not authenticate.
    if request.client().is_public() {
        return Err(OAuthError::unauthorized_client("the client has to authenticate"));
    }
    let subject =
        issuer.subject_of(jws).await?.filter(|subject| (1..=Key::MAX_ID_BYTES).contains(&subject.len()));
    let user = match &subject {
        Some(subject) => engine.users.find(subject).await?,
        None => None,
    };
    let user = user.ok_or_else(|| unacceptable("the sub of the subject token is no user"))?;
    let mut others: Map<String, Value> = jws.claims().unwrap_or_default();
    let scope = match others.get("scope") {
        None => None,
        Some(scope) => {
            let scope = scope.as_str().and_then(|scope| scope.parse().ok());
            Some(scope.ok_or_else(|| unacceptable("the scope of the subject token is malformed"))?)
        }
    };
    // A token that is bound to a key is of no use to somebody who does not have it, and whether the client does cannot be said.
    if others.contains_key("cnf") {
        return Err(unacceptable("the subject token is bound to a key"));
    }
    let party = Party {
        subject: Some(user.subject().to_owned()),
        client_id: None,
        issuer: Some(claims.iss.clone()),
        act: others.remove("act"),
        may_act: others.remove(MAY_ACT),
    };
    let subject = Authentication::new(user);
    let audience = Box::default();
    let origin = Origin::Foreign { subject };
    Ok(Presented { party, scope, audience, expires, binding: None, details: None, origin })
}
