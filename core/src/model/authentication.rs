use serde::{Deserialize, Serialize};

use super::{SessionId, User};
use crate::env::Timestamp;

/// A sign-in: which user, when and how.
///
/// An application with its own session passes one to the server ([`OwnSession`](crate::identity::OwnSession)). Whatever is not
/// set is unknown.
///
/// ```
/// use gridauth::User;
/// use gridauth::env::Timestamp;
/// use gridauth::model::Authentication;
///
/// let signed_in = Authentication::new(User::new("248289761001").named("israel"))
///     .with_auth_time(Timestamp::from_millis(1_700_000_000_000))
///     .with_amr(["pwd", "otp"]);
/// assert_eq!(signed_in.user().username(), "israel");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    user: User,
    state: AuthenticationState,
}

impl Authentication {
    /// A sign-in of this user, at an unknown time and by unknown methods.
    pub fn new(user: User) -> Self {
        Self { user, state: AuthenticationState::default() }
    }

    /// When the user signed in (`auth_time`, OpenID Connect Core section 2).
    #[must_use]
    pub fn with_auth_time(mut self, at: Timestamp) -> Self {
        self.state.auth_time = Some(at);
        self
    }

    /// The session that began with the sign-in.
    #[must_use]
    pub fn with_session(mut self, session: SessionId) -> Self {
        self.state.session = Some(session);
        self
    }

    /// The authentication context class (`acr`, OpenID Connect Core section 2).
    #[must_use]
    pub fn with_acr(mut self, acr: impl Into<String>) -> Self {
        self.state.acr = Some(acr.into());
        self
    }

    /// The authentication methods that were used (`amr`), by their names in RFC 8176.
    #[must_use]
    pub fn with_amr(mut self, methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.state.amr = methods.into_iter().map(Into::into).collect();
        self
    }

    /// The user who signed in.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// When the user signed in, if known.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.state.auth_time
    }

    /// The session, if there is one.
    pub fn session(&self) -> Option<&SessionId> {
        self.state.session.as_ref()
    }

    /// The authentication context class, if known.
    pub fn acr(&self) -> Option<&str> {
        self.state.acr.as_deref()
    }

    /// The authentication methods that were used; empty if unknown.
    pub fn amr(&self) -> &[String] {
        &self.state.amr
    }

    /// What a grant's row keeps of it.
    pub(crate) fn state(&self) -> Box<AuthenticationState> {
        let username = Some(self.user.username().to_owned());
        Box::new(AuthenticationState { username, ..self.state.clone() })
    }
}

/// What a grant's row stores of the sign-in that led to it, for later responses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuthenticationState {
    /// The name that the user signed in with (RFC 7662 section 2.2, `username`).
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// When the user signed in.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// The session.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The authentication context class.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The authentication methods that were used.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}
