use serde_json::Value;

use super::GrantedScope;
use crate::model::{Authentication, AuthenticationState, GrantData};

/// A grant's decision: who gets a token and for what.
#[derive(Debug)]
pub struct NewGrant {
    pub(crate) subject: Option<String>,
    pub(crate) authentication: Option<Box<AuthenticationState>>,
    pub(crate) scope: GrantedScope,
    pub(crate) resources: Box<[String]>,
    pub(crate) is_refreshable: bool,
    pub(crate) data: GrantData,
}

impl NewGrant {
    /// The client acts for itself. No refresh token is issued (RFC 6749 section 4.4.3).
    pub fn for_client(scope: GrantedScope) -> Self {
        Self {
            subject: None,
            authentication: None,
            scope,
            resources: Box::default(),
            is_refreshable: false,
            data: GrantData::new(),
        }
    }

    /// The client acts for the user with this subject. It gets a refresh token if the server has the refresh token grant and the
    /// client may use it.
    pub fn for_user(subject: impl Into<String>, scope: GrantedScope) -> Self {
        Self { subject: Some(subject.into()), is_refreshable: true, ..Self::for_client(scope) }
    }

    /// The client acts for a user who has signed in. When and how the user did is stored with the grant.
    pub fn for_signed_in(authentication: &Authentication, scope: GrantedScope) -> Self {
        Self {
            authentication: Some(authentication.state()),
            ..Self::for_user(authentication.user().subject(), scope)
        }
    }

    /// Issues no refresh token.
    #[must_use]
    pub fn without_refresh_token(mut self) -> Self {
        self.is_refreshable = false;
        self
    }

    /// Sets the resources that the tokens are for (RFC 8707). By default they are for the issuer itself.
    #[must_use]
    pub fn with_resources(mut self, resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.resources = resources.into_iter().map(Into::into).collect();
        self
    }

    /// Stores data with the grant. Extensions get it at each later token request.
    #[must_use]
    pub fn with_data(mut self, name: impl Into<String>, value: Value) -> Self {
        self.data.insert(name.into(), value);
        self
    }
}
