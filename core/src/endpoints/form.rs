//! The forms of the pages. They carry the request that they belong to, tied to the browser by a MAC under the server's secret: cookies
//! that were stolen are not enough to make one.

use std::sync::Arc;

use http::header::SET_COOKIE;

use crate::engine::Engine;
use crate::env::Timestamp;
use crate::http::{Request, Response};
use crate::identity::{BrowserSecret, Candidates, CookieKind};
use crate::keys::Vault;
use crate::model::Authentication;
use crate::protocol::OAuthError;

/// The field with the CSRF token.
pub(crate) const CSRF: &str = "csrf";
/// The longest request that is turned into a query, in bytes.
pub(crate) const LONGEST_QUERY: usize = 4 * 1024;

/// Whether the browser says that the request comes from another site (Fetch Metadata Request Headers). With a POST from there it
/// sends no cookie, with the GET after a redirect it does.
pub(crate) fn comes_from_another_site(request: &Request) -> bool {
    request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// The purpose of a form. A CSRF token for one purpose is not valid for another.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    SignIn,
    /// A sign-in on the application's page, no earlier than this.
    SignInSince(Timestamp),
    /// The consent of the user with this subject to this scope, as shown on the page.
    Consent {
        subject: &'a str,
        scope: &'a str,
    },
    /// A user code that is entered.
    UserCode,
    /// The decision of the user with this subject about the device with this code's digest.
    Device {
        subject: &'a str,
        code: &'a str,
    },
    /// The sign-out of the user with this subject.
    SignOut {
        subject: &'a str,
    },
    /// Something that the user with this subject does to their account.
    Account {
        subject: &'a str,
    },
}

impl Purpose<'_> {
    fn text(self) -> String {
        match self {
            Self::SignIn => "sign-in".to_owned(),
            Self::SignInSince(moment) => format!("sign-in since {}", moment.as_millis()),
            Self::Consent { subject, scope } => format!("consent {} {subject} {scope}", subject.len()),
            Self::UserCode => "user code".to_owned(),
            Self::Device { subject, code } => format!("device {code} {subject}"),
            Self::SignOut { subject } => format!("sign-out {subject}"),
            Self::Account { subject } => format!("account {subject}"),
        }
    }

    /// Whether a signed-in user decides something with the form.
    fn is_decision(self) -> bool {
        matches!(
            self,
            Self::Consent { .. } | Self::Device { .. } | Self::SignOut { .. } | Self::Account { .. }
        )
    }
}

/// The browser that a request came from, identified by its two cookies. Each of them may come more than once, with values that
/// somebody else on the host has set.
pub(crate) struct Browser {
    /// Never empty. A form is shown under the first one.
    forms: Candidates,
    form_is_new: bool,
    /// The session, if the browser has one; it may have expired. The first one counts.
    sessions: Candidates,
    session_is_new: bool,
    /// Makes the tokens of forms.
    vault: Arc<Vault>,
}

impl Browser {
    pub(crate) async fn of(engine: &Engine, request: &Request) -> Result<Self, OAuthError> {
        let vault = Arc::clone(engine.vault.open().await?);
        let (sessions, headers) = (&engine.sessions, request.headers());
        let mut forms = sessions.cookie(CookieKind::Form, headers);
        let form_is_new = forms.is_empty();
        if form_is_new {
            forms.push(BrowserSecret::new(&*engine.entropy)?);
        }
        let sessions = sessions.cookie(CookieKind::Session, headers);
        Ok(Self { forms, form_is_new, sessions, session_is_new: false, vault })
    }

    /// The sign-in of the session, if it is live. Of several sessions it is the first live one, which then is the session.
    pub(crate) async fn find_session(
        &mut self,
        engine: &Engine,
    ) -> Result<Option<Authentication>, OAuthError> {
        for at in 0..self.sessions.len() {
            if let Some(signed_in) = engine.sessions.find(&self.sessions[at]).await? {
                self.sessions.swap(0, at);
                return Ok(Some(signed_in));
            }
        }
        Ok(None)
    }

    /// What the throttle recognises this browser by, if this user has signed in there.
    pub(crate) fn known_key(&self, engine: &Engine, username: &str) -> Option<u128> {
        self.sessions.iter().map(BrowserSecret::key).find(|key| engine.knows_browser(username, *key))
    }

    /// The session, if the browser has one.
    pub(crate) fn session(&self) -> Option<&BrowserSecret> {
        self.sessions.first()
    }

    /// The same browser after a sign-in.
    pub(crate) fn signed_in(self, session: BrowserSecret) -> Self {
        Self { sessions: Candidates::from_iter([session]), session_is_new: true, ..self }
    }

    pub(crate) fn csrf_token(&self, purpose: Purpose<'_>, request: &str) -> Result<String, OAuthError> {
        match self.forms.first() {
            Some(form) => {
                let parts = self.parts(form, purpose, request);
                Ok(self.vault.form_token(&parts.each_ref().map(Vec::as_slice)))
            }
            None => Err(OAuthError::server_error("a browser has no form cookie")),
        }
    }

    /// What a token is bound to. A decision is also bound to the session, so that an attacker who planted the form cookie before the
    /// sign-in cannot decide anything.
    fn parts(&self, form: &BrowserSecret, purpose: Purpose<'_>, request: &str) -> [Vec<u8>; 4] {
        let session = self.session().filter(|_| purpose.is_decision()).map(BrowserSecret::proof);
        [form.proof(), session.unwrap_or_default(), purpose.text(), request.to_owned()]
            .map(String::into_bytes)
    }

    /// Whether this CSRF token was issued to this browser, for this purpose and this request.
    pub(crate) fn sent(&self, token: &str, purpose: Purpose<'_>, request: &str) -> bool {
        let fits = |form: &BrowserSecret| {
            let parts = self.parts(form, purpose, request);
            self.vault.is_form_token(token, &parts.each_ref().map(Vec::as_slice))
        };
        !self.form_is_new && self.forms.iter().fold(false, |found, form| found | fits(form))
    }

    /// Adds the cookies to a response with a form.
    pub(crate) fn with_form(&self, engine: &Engine, mut response: Response) -> Result<Response, OAuthError> {
        if let Some(form) = self.forms.first().filter(|_| self.form_is_new) {
            let cookie = engine.sessions.set_cookie(CookieKind::Form, form)?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        self.with_session(engine, response)
    }

    /// Adds the cookie of a new session to a response without a form.
    pub(crate) fn with_session(
        &self,
        engine: &Engine,
        mut response: Response,
    ) -> Result<Response, OAuthError> {
        if let Some(session) = self.sessions.first().filter(|_| self.session_is_new) {
            let cookie = engine.sessions.set_cookie(CookieKind::Session, session)?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
