//! The checks of an authorization request, in order.

mod client;
mod draft;
mod extensions;
mod id_token_hint;
mod parameters;
mod redirect_uri;
mod response_mode;
mod response_type;
mod scope;

pub(super) use draft::ValidRequest;

use super::failure::Failure;
use super::redirect::Target;
use crate::engine::Engine;
use crate::grant::Registry;
use crate::protocol::{OAuthError, Parameters};
use draft::Draft;

type Check = for<'a, 'd> fn(&'d mut Draft<'a>) -> Result<(), OAuthError>;

/// The checks whose failure is reported to the client.
const CHECKS: [Check; 7] = [
    response_mode::settle,
    parameters::are_sent_once,
    response_mode::is_possible,
    response_type::is_known,
    client::may_use_response_type,
    client::has_suitable_method,
    scope::is_granted,
];

/// Checks an authorization request.
///
/// RFC 6749 section 4.1.2.1: nothing is redirected until the client and its redirect URI are valid.
pub(super) async fn run<'a>(
    engine: &'a Engine,
    grants: &'a Registry,
    parameters: Parameters,
) -> Result<ValidRequest<'a>, Failure> {
    let client = client::find(engine, &parameters).await?;
    let redirect = redirect_uri::validate(&client, &parameters)?;
    let target = Target::new(&client, redirect, &parameters);
    let mut draft = Draft { engine, grants, parameters, client, target, side: None, scope: None };
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
