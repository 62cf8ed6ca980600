//! The forms of the sign-in and consent pages. They carry the authorization request, tied to the browser.

use http::header::SET_COOKIE;

use super::visit::Visit;
use crate::env::Timestamp;
use crate::http::Response;
use crate::identity::{BrowserSecret, CookieKind};
use crate::protocol::OAuthError;

/// The field with the CSRF token.
pub(super) const CSRF: &str = "csrf";
/// The field with the authorization request, encoded.
pub(super) const REQUEST: &str = "authorization_request";

/// The parameter by which the server recognises a browser that it has sent to sign in again.
pub(super) const SIGNED_IN_SINCE: &str = "gridauth_signed_in_since";

/// Parameters that are not part of an authorization request and must not be carried along or passed on: the fields of the forms,
/// and a secret that a client sent by mistake.
pub(super) const NOT_OF_THE_REQUEST: [&str; 7] =
    [CSRF, REQUEST, SIGNED_IN_SINCE, "username", "password", "decision", "client_secret"];

/// The purpose of a form. A CSRF token for one purpose is not valid for another.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    SignIn,
    /// A sign-in on the application's page, no earlier than this.
    SignInSince(Timestamp),
    /// The consent of the user with this subject to this scope, as shown on the page.
    Consent {
        subject: &'a str,
        scope: &'a str,
    },
}

impl Purpose<'_> {
    fn text(self) -> String {
        match self {
            Self::SignIn => "sign-in".to_owned(),
            Self::SignInSince(moment) => format!("sign-in since {}", moment.as_millis()),
            Self::Consent { subject, scope } => format!("consent {} {subject} {scope}", subject.len()),
        }
    }
}

/// The browser that a request came from, identified by its two cookies.
pub(super) struct Browser {
    form: BrowserSecret,
    form_is_new: bool,
    /// The session, if the browser has one; it may have expired.
    pub(super) session: Option<BrowserSecret>,
    session_is_new: bool,
}

impl Browser {
    pub(super) fn of(visit: Visit<'_>) -> Result<Self, OAuthError> {
        let (sessions, headers) = (&visit.interaction.sessions, visit.http.headers());
        let form = sessions.cookie(CookieKind::Form, headers);
        let form_is_new = form.is_none();
        let form = match form {
            Some(form) => form,
            None => BrowserSecret::new(&*visit.engine.entropy)?,
        };
        let session = sessions.cookie(CookieKind::Session, headers);
        Ok(Self { form, form_is_new, session, session_is_new: false })
    }

    /// The same browser after a sign-in.
    pub(super) fn signed_in(self, session: BrowserSecret) -> Self {
        Self { session: Some(session), session_is_new: true, ..self }
    }

    pub(super) fn csrf_token(&self, purpose: Purpose<'_>, request: &str) -> Result<String, OAuthError> {
        self.form.csrf_token(&self.bound(purpose), request)
    }

    /// A consent is also bound to the session, so that an attacker who planted the form cookie before the sign-in cannot approve
    /// anything.
    fn bound(&self, purpose: Purpose<'_>) -> String {
        match (purpose, &self.session) {
            (Purpose::Consent { .. }, Some(session)) => format!("{} {}", session.row_id(), purpose.text()),
            _ => purpose.text(),
        }
    }

    /// Whether this CSRF token was issued to this browser, for this purpose and this request.
    pub(super) fn sent(&self, token: &str, purpose: Purpose<'_>, request: &str) -> Result<bool, OAuthError> {
        Ok(!self.form_is_new && self.form.fits_csrf_token(token, &self.bound(purpose), request)?)
    }

    /// Adds the cookies to a response with a form.
    pub(super) fn with_form(&self, visit: Visit<'_>, mut response: Response) -> Result<Response, OAuthError> {
        if self.form_is_new {
            let cookie = visit.interaction.sessions.set_cookie(CookieKind::Form, &self.form)?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        self.with_session(visit, response)
    }

    /// Adds the cookie of a new session to a response without a form.
    pub(super) fn with_session(
        &self,
        visit: Visit<'_>,
        mut response: Response,
    ) -> Result<Response, OAuthError> {
        if let Some(session) = self.session.as_ref().filter(|_| self.session_is_new) {
            let cookie = visit.interaction.sessions.set_cookie(CookieKind::Session, session)?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
