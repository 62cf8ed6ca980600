//! The forms of the sign-in and consent pages. They carry the authorization request, tied to the browser.

use http::header::SET_COOKIE;

use super::visit::Visit;
use crate::env::Timestamp;
use crate::http::Response;
use crate::identity::{BrowserSecret, Candidates, CookieKind};
use crate::model::Authentication;
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

/// The browser that a request came from, identified by its two cookies. Each of them may come more than once, with values that
/// somebody else on the host has set.
pub(super) struct Browser {
    /// Never empty. A form is shown under the first one.
    forms: Candidates,
    form_is_new: bool,
    /// The session, if the browser has one; it may have expired. The first one counts.
    sessions: Candidates,
    session_is_new: bool,
}

impl Browser {
    pub(super) fn of(visit: Visit<'_>) -> Result<Self, OAuthError> {
        let (sessions, headers) = (&visit.interaction.sessions, visit.http.headers());
        let mut forms = sessions.cookie(CookieKind::Form, headers);
        let form_is_new = forms.is_empty();
        if form_is_new {
            forms.push(BrowserSecret::new(&*visit.engine.entropy)?);
        }
        let sessions = sessions.cookie(CookieKind::Session, headers);
        Ok(Self { forms, form_is_new, sessions, session_is_new: false })
    }

    /// The sign-in of the session, if it is live. Of several sessions it is the first live one, which then is the session.
    pub(super) async fn find_session(
        &mut self,
        visit: Visit<'_>,
    ) -> Result<Option<Authentication>, OAuthError> {
        for at in 0..self.sessions.len() {
            if let Some(signed_in) = visit.interaction.sessions.find(&self.sessions[at]).await? {
                self.sessions.swap(0, at);
                return Ok(Some(signed_in));
            }
        }
        Ok(None)
    }

    /// What the throttle recognises this browser by, if this user has signed in there.
    pub(super) fn known_key(&self, visit: Visit<'_>, username: &str) -> Option<u128> {
        self.sessions.iter().map(BrowserSecret::key).find(|key| visit.engine.knows_browser(username, *key))
    }

    /// The same browser after a sign-in.
    pub(super) fn signed_in(self, session: BrowserSecret) -> Self {
        Self { sessions: Candidates::from_iter([session]), session_is_new: true, ..self }
    }

    pub(super) fn csrf_token(&self, purpose: Purpose<'_>, request: &str) -> Result<String, OAuthError> {
        match self.forms.first() {
            Some(form) => form.csrf_token(&self.bound(purpose), request),
            None => Err(OAuthError::server_error("a browser has no form cookie")),
        }
    }

    /// A consent is also bound to the session, so that an attacker who planted the form cookie before the sign-in cannot approve
    /// anything.
    fn bound(&self, purpose: Purpose<'_>) -> String {
        match (purpose, self.sessions.first()) {
            (Purpose::Consent { .. }, Some(session)) => format!("{} {}", session.row_id(), purpose.text()),
            _ => purpose.text(),
        }
    }

    /// Whether this CSRF token was issued to this browser, for this purpose and this request.
    pub(super) fn sent(&self, token: &str, purpose: Purpose<'_>, request: &str) -> Result<bool, OAuthError> {
        if self.form_is_new {
            return Ok(false);
        }
        let purpose = self.bound(purpose);
        self.forms
            .iter()
            .try_fold(false, |fits, form| Ok(fits | form.fits_csrf_token(token, &purpose, request)?))
    }

    /// Adds the cookies to a response with a form.
    pub(super) fn with_form(&self, visit: Visit<'_>, mut response: Response) -> Result<Response, OAuthError> {
        if let Some(form) = self.forms.first().filter(|_| self.form_is_new) {
            let cookie = visit.interaction.sessions.set_cookie(CookieKind::Form, form)?;
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
        if let Some(session) = self.sessions.first().filter(|_| self.session_is_new) {
            let cookie = visit.interaction.sessions.set_cookie(CookieKind::Session, session)?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
