use std::time::Duration;

use serde_json::Value;

use crate::model::GrantData;

/// What an authorization request requires besides a signed-in user.
/// [`Extension::check_authorization`](super::Extension::check_authorization) fills it.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationPlan {
    pub(crate) keep: GrantData,
    pub(crate) resources: Vec<String>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) asks_sign_in: bool,
    pub(crate) asks_consent: bool,
    /// No page may be shown: whatever is missing is an error (OpenID Connect Core section 3.1.2.1, `prompt` `none`).
    pub(crate) forbids_pages: bool,
    /// The only subject that the request is about.
    pub(crate) subject: Option<String>,
    /// An ID token whose subject the request is about; not verified yet.
    pub(crate) id_token_hint: Option<String>,
    /// The authentication context classes of which the sign-in must have one; any if empty.
    pub(crate) acr_values: Vec<String>,
    /// Scopes that the user is asked about beside those that are granted.
    pub(crate) shown_scopes: Vec<String>,
}

impl AuthorizationPlan {
    /// Stores data with the grant. [`Extension::check_token`](super::Extension::check_token) gets it.
    pub fn keep(&mut self, name: impl Into<String>, value: Value) {
        self.keep.insert(name.into(), value);
    }

    /// Adds a resource that the tokens are for (RFC 8707 section 2.1).
    pub fn add_resource(&mut self, resource: impl Into<String>) {
        let resource = resource.into();
        if !self.resources.contains(&resource) {
            self.resources.push(resource);
        }
    }

    /// Asks the user to sign in again if the sign-in is older than this. Of several limits the smallest applies.
    pub fn limit_age(&mut self, max_age: Duration) {
        self.max_age = Some(self.max_age.map_or(max_age, |before| before.min(max_age)));
    }

    /// Asks the user to sign in for this request, even if already signed in.
    pub fn ask_sign_in(&mut self) {
        self.asks_sign_in = true;
    }

    /// Asks the user for consent, even if it was given before.
    pub fn ask_consent(&mut self) {
        self.asks_consent = true;
    }
}
