//! The forms of the sign-in and consent pages: they carry the authorization request along, tied to the browser.

use crate::http_io::Request;
use crate::people::BrowserSecret;
use crate::protocol::OAuthError;
use crate::server::Inner;

/// The field with the CSRF token.
pub(super) const CSRF: &str = "csrf";
/// The field with the authorization request, encoded.
pub(super) const REQUEST: &str = "request";

/// What is no part of an authorization request, and must not be carried along or passed on as if it were: the fields of
/// our forms, and a secret that a client put there by mistake.
pub(super) const NOT_OF_THE_REQUEST: [&str; 6] =
    [CSRF, REQUEST, "username", "password", "decision", "client_secret"];

/// What a form is for: a token made for one does not serve the other.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    SignIn,
    /// The consent of the user with this subject.
    Consent(&'a str),
}

impl Purpose<'_> {
    fn text(self) -> String {
        match self {
            Self::SignIn => "sign-in".to_owned(),
            Self::Consent(subject) => format!("consent {subject}"),
        }
    }
}

/// The browser's secret, and whether it is new and has to be set.
pub(super) struct Browser {
    pub(super) secret: BrowserSecret,
    pub(super) is_new: bool,
}

impl Browser {
    pub(super) fn of(server: &Inner, request: &Request) -> Result<Self, OAuthError> {
        match server.sessions.browser(request.headers()) {
            Some(secret) => Ok(Self { secret, is_new: false }),
            None => Ok(Self { secret: BrowserSecret::new(&*server.entropy)?, is_new: true }),
        }
    }

    pub(super) fn csrf_token(&self, purpose: Purpose<'_>, request: &str) -> Result<String, OAuthError> {
        self.secret.csrf_token(&purpose.text(), request)
    }

    /// Whether a submitted form was shown in this browser, for this purpose and this request.
    pub(super) fn sent(&self, token: &str, purpose: Purpose<'_>, request: &str) -> Result<bool, OAuthError> {
        Ok(!self.is_new && self.secret.fits_csrf_token(token, &purpose.text(), request)?)
    }
}
