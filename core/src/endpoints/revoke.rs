//! Token revocation (RFC 7009).

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::events::{Event, EventRecord, RevocationCause};
use crate::http::{Response, no_store};
use crate::model::GrantRecord;
use crate::protocol::OAuthError;
use crate::store::{Change, Key, Kind, Record, Updated};
use crate::token::{PresentedToken, TokenKind, family_digest};

pub(crate) struct Revoke;

#[async_trait]
impl Endpoint for Revoke {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/revoke")
    }

    fn methods(&self) -> &[Method] {
        &[Method::POST]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("revocation_endpoint", engine.url("/revoke"));
        metadata.add_authentication("revocation_endpoint", &engine.client_methods);
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let parameters = request.form()?;
        let client = request.authenticate_client(&parameters, &request.engine.client_methods).await?;
        let token = parameters.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        // token_type_hint is not needed: the token's prefix tells its type.
        if let Some(token) = PresentedToken::parse(token) {
            revoke(request.engine, &token, client.id()).await?;
        }
        // RFC 7009 section 2.2: the response is the same if there was no such token, since the client's purpose is achieved.
        Ok(no_store(Response::new(Bytes::new())))
    }
}

async fn revoke(engine: &Engine, token: &PresentedToken, client_id: &str) -> Result<(), OAuthError> {
    let mut buffer = [0; 36];
    let id = token.grant_id();
    // RFC 7009 section 2.1: revoking a refresh token also revokes the access tokens of the same grant.
    if token.proves_grant_of(client_id) {
        if engine.store.remove(Key::new(Kind::Grant, id.row_id(&mut buffer))).await? {
            engine.events.emit(revoked(true).of_client(client_id).of_grant(id.uuid()));
        }
        return Ok(());
    }
    let now = engine.clock.now();
    let decide = |record: &GrantRecord| {
        if !is_of(token, record) {
            return (Change::Keep, Ok(None));
        }
        // RFC 7009 section 2.1: a client cannot revoke the token of another client.
        let access = record.access.iter().find(|access| access.digest.matches(token.digest()));
        if access.map_or(&*record.client_id, |access| record.client_of(access)) != client_id {
            let refusal = OAuthError::invalid_grant("the token was issued to another client");
            return (Change::Keep, Err(refusal));
        }
        match token.kind() {
            TokenKind::Access => {
                let mut left = record.clone();
                left.remove_access_token(token.digest());
                let spent = left.expires() <= now
                    || (left.access.is_empty() && left.refresh.is_none() && left.code.is_none());
                let change = if spent { Change::Remove } else { Change::Replace(left.to_row()) };
                (change, Ok(Some((spent, record.subject.clone()))))
            }
            TokenKind::Refresh | TokenKind::Code => {
                (Change::Remove, Ok(Some((true, record.subject.clone()))))
            }
        }
    };
    let Some((updated, outcome)) = engine.store.change(id.row_id(&mut buffer), decide).await? else {
        return Ok(());
    };
    if updated == Updated::Replaced {
        engine.store.announce(Key::new(Kind::Grant, id.row_id(&mut buffer)));
    }
    if let Some((whole_grant, subject)) = outcome? {
        let about = revoked(whole_grant).of_client(client_id).of_subject(subject.as_deref());
        engine.events.emit(about.of_grant(id.uuid()));
    }
    Ok(())
}

fn revoked(whole_grant: bool) -> EventRecord<'static> {
    let why = RevocationCause::Client;
    match whole_grant {
        true => Event::GrantRevoked { why }.into(),
        false => Event::TokenRevoked { why }.into(),
    }
}

/// Whether the token belongs to the grant. A rotated refresh token still does.
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
