use serde_json::Value;

use super::GrantedScope;
use super::issue::FreshTokens;
use super::prepared::Prepared;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::{Client, GrantRecord};
use crate::protocol::Parameters;
use crate::token::Binding;

/// Tokens that are about to be issued. Nothing is stored or redeemed yet.
///
/// [`Extension::prepare_token`](super::Extension::prepare_token) and
/// [`Extension::prepare_response`](super::Extension::prepare_response) get one. Everything that can fail happens there, so that a
/// failure redeems no code and rotates no refresh token.
pub struct TokenDraft<'a> {
    pub(super) engine: &'a Engine,
    pub(super) client: &'a Client,
    pub(super) grant_type: &'a str,
    pub(super) parameters: &'a Parameters,
    pub(super) record: &'a GrantRecord,
    pub(super) scope: &'a GrantedScope,
    pub(super) fresh: &'a FreshTokens,
    pub(super) is_front_channel: bool,
    pub(super) now: Timestamp,
    pub(super) prepared: Prepared,
}

impl<'a> TokenDraft<'a> {
    /// The engine: issuer, store, users, clients.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The client to which the tokens are issued.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// The grant type of the token request, or of the authorization side that issues tokens directly.
    pub fn grant_type(&self) -> &'a str {
        self.grant_type
    }

    /// Whether the tokens go out in an authorization response, through the browser, and not in a response of the token endpoint.
    pub fn is_front_channel(&self) -> bool {
        self.is_front_channel
    }

    /// A parameter of the request; `None` if it is missing or empty.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.get(name)
    }

    /// The grant in its current state. A new grant has no tokens yet.
    pub fn grant(&self) -> &'a GrantRecord {
        self.record
    }

    /// The scope of the access token.
    pub fn scope(&self) -> &'a GrantedScope {
        self.scope
    }

    /// The access token as it will be issued. In [`prepare_token`](super::Extension::prepare_token) it is not final: what is prepared
    /// there goes into a JWT.
    pub fn access_token(&self) -> &str {
        self.fresh.access(&self.prepared).text.expose()
    }

    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Adds a member to the response. The members that RFC 6749 section 5.1 defines cannot be replaced.
    pub fn add_member(&mut self, name: impl Into<String>, value: Value) {
        self.prepared.members.insert(name.into(), value);
    }

    /// Adds a claim to the access token, if that is a JWT (RFC 9068 section 2.2). The claims that the server sets cannot be replaced:
    /// the request is then refused with a server error.
    pub fn add_claim(&mut self, name: impl Into<String>, value: Value) {
        self.prepared.claims.insert(name.into(), value);
    }

    /// The authorization details that are settled for the access token; `None` means those of the grant.
    pub(super) fn details(&self) -> Option<&Value> {
        self.prepared.details.as_ref()
    }

    /// Settles the authorization details of the access token.
    pub(super) fn set_details(&mut self, details: Value) {
        self.prepared.details = Some(details);
    }

    /// Restricts the access token to these resources (RFC 8707 section 2.2).
    pub fn restrict_to(&mut self, resources: impl IntoIterator<Item = impl Into<String>>) {
        self.prepared.audience = Some(resources.into_iter().map(Into::into).collect());
    }

    /// Binds the access token to a key or a certificate. A guard rejects a bound token without proof of possession.
    pub fn bind(&mut self, binding: Binding) {
        self.prepared.binding = Some(Box::new(binding));
    }
}
