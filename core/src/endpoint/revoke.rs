//! Token revocation (RFC 7009).

use bytes::Bytes;

use crate::client_auth;
use crate::http::{Request, RequestContext, Response, form, no_store};
use crate::model::{AuthMethod, GrantRecord};
use crate::protocol::OAuthError;
use crate::server::Inner;
use crate::store::{Change, Key, Kind, Record};
use crate::token::{PresentedToken, TokenKind, family_digest};

/// How clients may authenticate here.
pub(crate) const METHODS: [AuthMethod; 3] = [AuthMethod::Basic, AuthMethod::Post, AuthMethod::None];

pub(crate) async fn answer(server: &Inner, request: &Request) -> Result<Response, OAuthError> {
    let context = RequestContext::of(request);
    let parameters = form(request)?;
    let client =
        client_auth::authenticate(server, request.headers(), &parameters, &METHODS, &context).await?;
    let token = parameters.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    // token_type_hint is not needed: a token says what it is.
    let outcome = match PresentedToken::parse(token) {
        Some(token) => revoke(server, &token, client.id()).await?,
        None => Ok(()),
    };
    outcome?;
    // RFC 7009 section 2.2: also where there was no such token, since that is what the client wants.
    Ok(no_store(Response::new(Bytes::new())))
}

async fn revoke(
    server: &Inner,
    token: &PresentedToken,
    client_id: &str,
) -> Result<Result<(), OAuthError>, OAuthError> {
    let mut buffer = [0; 36];
    let id = token.grant_id();
    // RFC 7009 section 2.1: with the refresh token goes all that came of the same authorization.
    if token.proves_grant_of(client_id) {
        server.store.remove(Key::new(Kind::Grant, id.row_id(&mut buffer))).await?;
        return Ok(Ok(()));
    }
    let now = server.clock.now();
    let decide = |record: &GrantRecord| {
        if !is_of(token, record) {
            return (Change::Keep, Ok(()));
        }
        // RFC 7009 section 2.1: another client's token is refused.
        if record.client_id != client_id {
            let refusal = OAuthError::invalid_grant("the token was issued to another client");
            return (Change::Keep, Err(refusal));
        }
        match token.kind() {
            TokenKind::Access => {
                let mut left = record.clone();
                left.access.retain(|access| !access.digest.matches(token.digest()));
                let spent = left.expires() <= now
                    || (left.access.is_empty() && left.refresh.is_none() && left.code.is_none());
                (if spent { Change::Remove } else { Change::Replace(left.to_row()) }, Ok(()))
            }
            TokenKind::Refresh | TokenKind::Code => (Change::Remove, Ok(())),
        }
    };
    let changed = server.store.change(id.row_id(&mut buffer), decide).await?;
    Ok(changed.map_or(Ok(()), |(_, outcome)| outcome))
}

/// Whether the token really is one of the grant's. Any real refresh token of the grant counts, also a rotated one.
fn is_of(token: &PresentedToken, record: &GrantRecord) -> bool {
    match token.kind() {
        TokenKind::Access => record.access.iter().any(|access| access.digest.matches(token.digest())),
        TokenKind::Refresh => record
            .refresh
            .as_ref()
            .is_some_and(|refresh| refresh.family.matches(&family_digest(&token.family()))),
        TokenKind::Code => record.code.as_ref().is_some_and(|code| code.digest.matches(token.digest())),
    }
}
