use super::{AuthorizationPlan, AuthorizationRequest, GrantedScope};
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::{Authentication, GrantData, User};
use crate::protocol::OAuthError;
use crate::store::Store;
use crate::token::{Digest, Secret};

/// An authorization request that the resource owner has approved. Only the server can make one.
pub struct ApprovedAuthorization<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) request: &'a AuthorizationRequest,
    pub(crate) plan: &'a AuthorizationPlan,
    pub(crate) grant_type: &'a str,
    pub(crate) authentication: &'a Authentication,
    pub(crate) now: Timestamp,
}

impl<'a> ApprovedAuthorization<'a> {
    /// The request.
    pub fn request(&self) -> &'a AuthorizationRequest {
        self.request
    }

    /// The resource owner.
    pub fn user(&self) -> &'a User {
        self.authentication.user()
    }

    /// When and how the resource owner signed in.
    pub fn authentication(&self) -> &'a Authentication {
        self.authentication
    }

    /// The approved scope.
    pub fn scope(&self) -> &'a GrantedScope {
        &self.request.scope
    }

    /// The resources that the tokens are for (RFC 8707); empty means the issuer itself.
    pub fn resources(&self) -> &'a [String] {
        &self.plan.resources
    }

    /// What extensions store with the grant.
    pub fn data(&self) -> &'a GrantData {
        &self.plan.keep
    }

    /// The engine: issuer, store, users, clients.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The store. A custom grant can keep data between its two sides in rows of
    /// [`Kind::Custom`](crate::store::Kind::Custom).
    pub fn store(&self) -> &'a Store {
        &self.engine.store
    }

    /// A new secret of 256 random bits to hand out, and its digest to store. When the secret comes back,
    /// [`Digest::of_secret`](crate::token::Digest::of_secret) gives the digest again.
    ///
    /// # Errors
    /// Status 503 if no randomness is available.
    pub fn new_secret(&self) -> Result<(Secret, Digest), OAuthError> {
        Ok(Digest::new_secret(&*self.engine.entropy)?)
    }

    /// The time of the approval.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
