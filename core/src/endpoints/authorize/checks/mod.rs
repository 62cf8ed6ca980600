//! The checks of an authorization request, in order.

mod client;
mod extensions;
mod parameters;
mod redirect_uri;
mod response_mode;
mod response_type;
mod scope;

use std::sync::Arc;

use super::failure::Failure;
use super::redirect::Target;
use crate::engine::Engine;
use crate::grant::{
    AuthorizationPlan, AuthorizationRequest, AuthorizationSide, Extension, GrantedScope, Registered, Registry,
};
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};

/// An authorization request that has passed every check, with the grant that answers it.
pub(super) struct ValidRequest<'a> {
    pub(super) request: AuthorizationRequest,
    pub(super) side: &'a dyn AuthorizationSide,
    pub(super) extensions: &'a [Arc<dyn Extension>],
    /// What the extensions ask for.
    pub(super) plan: AuthorizationPlan,
}

/// An authorization request of a known client with a registered redirect URI, while the rest of it is checked.
struct Draft<'a> {
    engine: &'a Engine,
    grants: &'a Registry,
    parameters: Parameters,
    client: Arc<Client>,
    target: Target,
    side: Option<(&'a Registered, &'a dyn AuthorizationSide)>,
    scope: Option<GrantedScope>,
}

type Check = for<'a, 'd> fn(&'d mut Draft<'a>) -> Result<(), OAuthError>;

/// The checks whose failure is told to the client.
const CHECKS: [Check; 7] = [
    response_mode::settle,
    parameters::are_sent_once,
    response_mode::is_possible,
    response_type::is_known,
    client::may_use_response_type,
    client::has_suitable_method,
    scope::is_granted,
];

/// Checks an authorization request, in whatever way its parameters came.
///
/// RFC 6749 section 4.1.2.1: nothing is redirected until the client and its redirect URI are known to be right.
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
    match extensions::agree(&mut valid) {
        Ok(()) => Ok(valid),
        Err(error) => Err(Failure::Unsolicited(Box::new(Target::of(&valid.request)), error)),
    }
}

impl<'a> Draft<'a> {
    fn finish(self) -> Result<ValidRequest<'a>, Failure> {
        let (Some((registered, side)), Some(scope)) = (self.side, self.scope) else {
            return Err(OAuthError::server_error("a check of the authorization request is missing").into());
        };
        let request = AuthorizationRequest {
            client: self.client,
            redirect: self.target.redirect,
            response_mode: self.target.mode,
            scope,
            parameters: self.parameters,
        };
        Ok(ValidRequest {
            request,
            side,
            extensions: &registered.extensions,
            plan: AuthorizationPlan::default(),
        })
    }
}
