use std::sync::Arc;

use super::super::failure::Failure;
use super::super::redirect::Target;
use super::super::source::{Origin, PushedReference};
use crate::engine::Engine;
use crate::grant::{
    AuthorizationPlan, AuthorizationRequest, AuthorizationSide, Extension, GrantedScope, Registered, Registry,
};
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};

/// An authorization request that has passed every check, with the grant that handles it.
pub(in crate::endpoints) struct ValidRequest<'a> {
    pub(in super::super) request: AuthorizationRequest,
    pub(in super::super) side: &'a dyn AuthorizationSide,
    pub(in super::super) extensions: &'a [Arc<dyn Extension>],
    /// What the extensions require.
    pub(in super::super) plan: AuthorizationPlan,
    /// What the forms of the pages carry, if it is not the parameters of the request.
    pub(super) carried: Option<Parameters>,
    /// The pushed request that is used up by the user's decision.
    pub(in super::super) pushed: Option<PushedReference>,
}

impl ValidRequest<'_> {
    /// The parameters of the request.
    pub(in crate::endpoints) fn parameters(&self) -> &Parameters {
        &self.request.parameters
    }

    /// The parameters that the forms of the pages carry. They lead to the same request.
    pub(in super::super) fn carried(&self) -> &Parameters {
        self.carried.as_ref().unwrap_or(&self.request.parameters)
    }
}

/// An authorization request with a known client and a registered redirect URI, while the rest is being checked.
pub(super) struct Draft<'a> {
    pub(super) engine: &'a Engine,
    pub(super) grants: &'a Registry,
    pub(super) parameters: Parameters,
    pub(super) carried: Option<Parameters>,
    pub(super) origin: Origin,
    pub(super) client: Arc<Client>,
    pub(super) target: Target,
    pub(super) side: Option<(&'a Registered, &'a dyn AuthorizationSide)>,
    pub(super) scope: Option<GrantedScope>,
}

impl<'a> Draft<'a> {
    /// The request, once every check has passed.
    pub(super) fn finish(self) -> Result<ValidRequest<'a>, Failure> {
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
            carried: self.carried,
            pushed: self.origin.pushed,
        })
    }
}
