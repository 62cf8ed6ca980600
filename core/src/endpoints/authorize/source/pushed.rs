//! Pushed authorization requests (RFC 9126).
//!
//! A request is used once, when the user has decided. Until then its link may be opened again: a browser loads a page twice, or goes
//! back. A link that nobody opens lives as long as the client was told. The first visit gives the user time to sign in.

use std::sync::Arc;
use std::time::Duration;

use super::pushed_reference::{PushedReference, unknown};
use super::request::{Origin, SourcedRequest};
use crate::engine::Engine;
use crate::model::{Client, PushedRequest};
use crate::protocol::{OAuthError, Parameters};
use crate::store::{Change, Key, Kind, Record};

/// How long a user whose browser has brought the request may take to sign in and to decide.
pub(in super::super) const DECIDED_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Keeps a request that its client has pushed, under a new reference.
pub(in crate::endpoints) async fn keep(
    engine: &Engine,
    client: &Client,
    parameters: &Parameters,
    is_signed: bool,
    lifetime: Duration,
) -> Result<PushedReference, OAuthError> {
    let now = engine.clock.now();
    let request = PushedRequest {
        client_id: client.id().to_owned(),
        parameters: parameters.encode_without(&[]),
        is_signed,
        is_visited: false,
        pushed: now,
        expires: now.after(lifetime),
    };
    let reference = PushedReference::new(&*engine.entropy)?;
    let key = Key::new(Kind::PushedRequest, reference.row_id());
    match engine.store.insert(key, request.to_row()).await? {
        true => Ok(reference),
        false => Err(OAuthError::server_error("a reference of 256 random bits was there already")),
    }
}

/// The request that a browser brings the reference of.
pub(super) async fn visit(
    engine: &Engine,
    client: Arc<Client>,
    reference: PushedReference,
) -> Result<SourcedRequest, OAuthError> {
    let now = engine.clock.now();
    let found = engine.store.read::<PushedRequest>(reference.row_id()).await?;
    let is_of = |request: &PushedRequest| request.client_id == client.id() && now < request.expires;
    let request = found.filter(|request| is_of(request)).ok_or_else(unknown)?;
    if !request.is_visited {
        let give_time = |request: &PushedRequest| match request.is_visited || !is_of(request) {
            true => (Change::Keep, ()),
            false => {
                let expires = now.after(DECIDED_WITHIN).max(request.expires);
                let visited = PushedRequest { is_visited: true, expires, ..request.clone() };
                (Change::Replace(visited.to_row()), ())
            }
        };
        engine.store.change::<PushedRequest, ()>(reference.row_id(), give_time).await?.ok_or_else(unknown)?;
    }
    let parameters = Parameters::parse(request.parameters.as_bytes()).map_err(OAuthError::server_error)?;
    let carried = Parameters::from_pairs([("client_id", client.id()), ("request_uri", reference.uri())])?;
    let origin = Origin { pushed: Some(reference), is_push: false, is_signed: request.is_signed };
    Ok(SourcedRequest { client, parameters, carried: Some(carried), origin })
}
