//! The forms of the sign-in and consent pages: they carry the authorization request along, tied to the browser.

use http::header::SET_COOKIE;

use crate::http::{Request, Response};
use crate::identity::{BrowserSecret, CookieKind};
use crate::protocol::OAuthError;
use crate::server::Inner;

/// The field with the CSRF token.
pub(super) const CSRF: &str = "csrf";
/// The field with the authorization request, encoded.
pub(super) const REQUEST: &str = "authorization_request";

/// What is no part of an authorization request, and must not be carried along or passed on as if it were: the fields of
/// our forms, and a secret that a client put there by mistake.
pub(super) const NOT_OF_THE_REQUEST: [&str; 6] =
    [CSRF, REQUEST, "username", "password", "decision", "client_secret"];

/// What a form is for: a token made for one does not serve the other.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    SignIn,
    /// The consent of the user with this subject to this scope, as the page shows it.
    Consent {
        subject: &'a str,
        scope: &'a str,
    },
}

impl Purpose<'_> {
    fn text(self) -> String {
        match self {
            Self::SignIn => "sign-in".to_owned(),
            Self::Consent { subject, scope } => format!("consent {} {subject} {scope}", subject.len()),
        }
    }
}

/// The browser that a request came from, by its two cookies.
pub(super) struct Browser {
    form: BrowserSecret,
    form_is_new: bool,
    /// The session, if there is one; it may have ended.
    pub(super) session: Option<BrowserSecret>,
    session_is_new: bool,
}

impl Browser {
    pub(super) fn of(server: &Inner, request: &Request) -> Result<Self, OAuthError> {
        let form = server.sessions.cookie(CookieKind::Form, request.headers());
        let form_is_new = form.is_none();
        let form = match form {
            Some(form) => form,
            None => BrowserSecret::new(&*server.entropy)?,
        };
        let session = server.sessions.cookie(CookieKind::Session, request.headers());
        Ok(Self { form, form_is_new, session, session_is_new: false })
    }

    /// The same browser, in which somebody has just signed in.
    pub(super) fn signed_in(self, session: BrowserSecret) -> Self {
        Self { session: Some(session), session_is_new: true, ..self }
    }

    pub(super) fn csrf_token(&self, purpose: Purpose<'_>, request: &str) -> Result<String, OAuthError> {
        self.form.csrf_token(&self.bound(purpose), request)
    }

    /// A consent is bound to the session as well: who planted the forms' cookie before somebody signed in cannot allow
    /// anything.
    fn bound(&self, purpose: Purpose<'_>) -> String {
        match (purpose, &self.session) {
            (Purpose::Consent { .. }, Some(session)) => format!("{} {}", session.row_id(), purpose.text()),
            _ => purpose.text(),
        }
    }

    /// Whether a submitted form was shown in this browser, for this purpose and this request.
    pub(super) fn sent(&self, token: &str, purpose: Purpose<'_>, request: &str) -> Result<bool, OAuthError> {
        Ok(!self.form_is_new && self.form.fits_csrf_token(token, &self.bound(purpose), request)?)
    }

    /// A page with a form of ours, and the cookies that go with it.
    pub(super) fn with_form(&self, server: &Inner, mut response: Response) -> Result<Response, OAuthError> {
        if self.form_is_new {
            let cookie = server.sessions.set_cookie(CookieKind::Form, &self.form)?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        self.with_session(server, response)
    }

    /// An answer without a form: only a session that has just begun is set.
    pub(super) fn with_session(
        &self,
        server: &Inner,
        mut response: Response,
    ) -> Result<Response, OAuthError> {
        if let Some(session) = self.session.as_ref().filter(|_| self.session_is_new) {
            let cookie = server.sessions.set_cookie(CookieKind::Session, session)?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
