//! Where the parameters of an authorization request come from: the request itself, a pushed request (RFC 9126), or a request object
//! (RFC 9101, OpenID Connect Core section 6). Whatever the source, the same checks run on the parameters.

mod client;
mod object;
mod pushed;
mod pushed_reference;
mod reference;
mod request;
mod sent;

use std::sync::Arc;

pub(super) use pushed::DECIDED_WITHIN;
pub(in crate::endpoints) use pushed::keep;
pub(in crate::endpoints) use pushed_reference::PushedReference;
pub(in crate::endpoints) use request::{Origin, SourcedRequest};
pub(in crate::endpoints) use sent::LONGEST;
pub(super) use sent::{OTHER_ACCOUNT, REQUEST, SIGNED_IN_SINCE, Sent, read, without_fields};

use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};

/// A request whose parameters cannot be had.
pub(super) enum Refused {
    /// Nobody but the user can be told: it is not known who asks, or for which answer.
    Page(OAuthError),
    /// The request object cannot be believed. What was sent beside it may say where to tell the client so.
    Object { client: Arc<Client>, sent: Parameters, error: OAuthError },
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self::Page(error)
    }
}

/// The parameters of a request from their source. `arrived` is when the request came first: the forms of its pages come back later.
pub(super) async fn resolve(
    engine: &Engine,
    sent: Parameters,
    arrived: Timestamp,
) -> Result<SourcedRequest, Refused> {
    let client = client::find(engine, &sent).await?;
    if let Some(reference) = sent.get("request_uri").and_then(PushedReference::parse)
        && engine.requests.pushed().is_some()
    {
        // RFC 9101 section 5: one or the other. What else was sent beside a pushed request does not count.
        return match sent.get("request") {
            None => Ok(pushed::visit(engine, client, reference).await?),
            Some(_) => Err(object::both().into()),
        };
    }
    if engine.requests.signed().is_none() {
        return Ok(SourcedRequest::plain(client, sent));
    }
    let object = match (sent.get("request"), sent.get("request_uri")) {
        (None, None) => return Ok(SourcedRequest::plain(client, sent)),
        (Some(_), Some(_)) => Err(object::both()),
        (Some(object), None) => Ok(object.to_owned()),
        (None, Some(uri)) => reference::fetch(engine, &client, uri).await,
    };
    let read = match object {
        Ok(object) => object::read(engine, &client, &object, arrived).await.map(|inside| (object, inside)),
        Err(error) => Err(error),
    };
    match read {
        Ok((object, inside)) => Ok(SourcedRequest::signed(client, inside, object)?),
        Err(error) => Err(Refused::Object { client, sent, error }),
    }
}

/// The parameters of a request that an authenticated client pushes (RFC 9126 section 2.1).
pub(in crate::endpoints) async fn of_push(
    engine: &Engine,
    client: Arc<Client>,
    form: Parameters,
) -> Result<SourcedRequest, OAuthError> {
    if form.get("client_id").is_some_and(|named| named != client.id()) {
        return Err(OAuthError::invalid_request("client_id is not that of the authenticated client"));
    }
    if form.get("request_uri").is_some() {
        return Err(OAuthError::invalid_request("a pushed request has no request_uri"));
    }
    let (parameters, is_signed) = match form.get("request").filter(|_| engine.requests.signed().is_some()) {
        Some(object) => (object::read(engine, &client, object, engine.clock.now()).await?, true),
        None => (without_fields(form), false),
    };
    let parameters = request::with_client_id(parameters, &client)?;
    Ok(SourcedRequest {
        client,
        parameters,
        carried: None,
        origin: Origin { pushed: None, is_push: true, is_signed },
    })
}
