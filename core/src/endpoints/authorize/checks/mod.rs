//! The checks of an authorization request, in order. They are the same wherever its parameters come from.

mod client;
mod draft;
mod extensions;
mod id_token_hint;
mod parameters;
mod redirect_uri;
mod response_mode;
mod response_type;
mod scope;
mod source;

pub(super) use draft::ValidRequest;

use std::sync::Arc;

use super::failure::Failure;
use super::redirect::Target;
use super::source::SourcedRequest;
use crate::engine::Engine;
use crate::grant::Registry;
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};
use draft::Draft;

type Check = for<'a, 'd> fn(&'d mut Draft<'a>) -> Result<(), OAuthError>;

/// The checks whose failure is reported to the client.
const CHECKS: [Check; 9] = [
    response_mode::settle,
    parameters::are_sent_once,
    source::is_read,
    source::is_as_required,
    response_mode::is_possible,
    response_type::is_known,
    client::may_use_response_type,
    client::has_suitable_method,
    scope::is_granted,
];

/// Checks an authorization request.
///
/// RFC 6749 section 4.1.2.1: nothing is redirected until the client and its redirect URI are valid.
pub(in crate::endpoints) async fn run<'a>(
    engine: &'a Engine,
    grants: &'a Registry,
    request: SourcedRequest,
) -> Result<ValidRequest<'a>, Failure> {
    let mut draft = begin(engine, grants, request)?;
    for check in CHECKS {
        if let Err(error) = check(&mut draft) {
            return Err(Failure::Unsolicited(Box::new(draft.target), error));
        }
    }
    let mut valid = draft.finish()?;
    let agreed = match extensions::agree(&mut valid) {
        Ok(()) => id_token_hint::believe(engine, &mut valid).await,
        refused => refused,
    };
    match agreed {
        Ok(()) => Ok(valid),
        Err(error) => Err(Failure::Unsolicited(Box::new(Target::of(&valid.request)), error)),
    }
}

/// Where the client is told that its request object cannot be believed: where the parameters beside the object say.
pub(super) fn target_beside_object(
    engine: &Engine,
    grants: &Registry,
    client: Arc<Client>,
    sent: Parameters,
) -> Option<Target> {
    let mut draft = begin(engine, grants, SourcedRequest::plain(client, sent)).ok()?;
    response_mode::settle(&mut draft).ok()?;
    Some(draft.target)
}

fn begin<'a>(
    engine: &'a Engine,
    grants: &'a Registry,
    request: SourcedRequest,
) -> Result<Draft<'a>, OAuthError> {
    let SourcedRequest { client, parameters, carried, origin } = request;
    let redirect = redirect_uri::validate(&client, &parameters)?;
    let target = Target::new(&client, redirect, &parameters);
    Ok(Draft { engine, grants, parameters, carried, origin, client, target, side: None, scope: None })
}
