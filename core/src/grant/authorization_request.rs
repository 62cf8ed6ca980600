use std::sync::Arc;

use super::{GrantedScope, ValidatedRedirect};
use crate::model::Client;
use crate::protocol::{Parameters, ResponseMode};

/// A valid authorization request (RFC 6749 section 4.1.1): its client, redirect URI, response type, response mode and scope
/// have been checked.
#[derive(Debug)]
pub struct AuthorizationRequest {
    pub(crate) client: Arc<Client>,
    pub(crate) redirect: ValidatedRedirect,
    pub(crate) response_mode: ResponseMode,
    pub(crate) scope: GrantedScope,
    pub(crate) parameters: Parameters,
}

impl AuthorizationRequest {
    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The redirect URI, to which the response is sent.
    pub fn redirect(&self) -> &ValidatedRedirect {
        &self.redirect
    }

    /// The response mode.
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }

    /// The scope that may be granted.
    pub fn scope(&self) -> &GrantedScope {
        &self.scope
    }

    /// A parameter of the request; `None` if it is missing or empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)
    }

    /// All values of a parameter that may be sent more than once, such as `resource` (RFC 8707).
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters.values(name)
    }
}
