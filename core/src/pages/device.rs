//! The pages of the device authorization grant (RFC 8628): entering the code, confirming the request, the result.

use std::borrow::Cow;
use std::fmt;

use super::client_info::ClientInfo;
use super::form::Form;
use super::language::Language;
use super::markup::{Markup, html};
use super::parts::{self, FAILURE_ID};
use super::scope_info::ScopeInfo;
use super::texts::{Texts, Wait};

/// Asks for the code that a device shows (RFC 8628 section 3.3), in an input named `user_code`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DeviceCodePage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The form around the input.
    pub form: Form<'a>,
    /// The initial value of the input.
    pub user_code: Option<&'a str>,
    /// Why the page is shown again.
    pub failure: Option<DeviceCodeFailure>,
}

impl<'a> DeviceCodePage<'a> {
    /// A page with an empty input.
    #[must_use]
    pub fn new(language: &'a Language, form: Form<'a>) -> Self {
        Self { language, form, user_code: None, failure: None }
    }
}

/// Why a user code was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceCodeFailure {
    /// No code was entered.
    Missing,
    /// No device is waiting for this code: it is unknown or has expired.
    UnknownOrExpired,
    /// Too many wrong codes were entered (RFC 8628 section 5.1).
    TooManyTries {
        /// Seconds until another code is accepted.
        retry_after_secs: u64,
    },
    /// The form's session or CSRF token has expired.
    FormExpired,
}

impl DeviceCodeFailure {
    fn message(self, texts: &Texts) -> Cow<'_, str> {
        match self {
            Self::Missing => (&*texts.device_code_missing).into(),
            Self::UnknownOrExpired => (&*texts.device_code_unknown).into(),
            Self::TooManyTries { retry_after_secs } => {
                (texts.too_many_tries)(Wait::of_secs(retry_after_secs)).into()
            }
            Self::FormExpired => (&*texts.device_code_expired).into(),
        }
    }
}

/// Asks the user whether to allow what a device requests, and shows the code for comparison (RFC 8628 sections 3.3.1
/// and 5.4). Both buttons are named `decision`; their values are `allow` and `deny`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DeviceConfirmPage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The form around the buttons.
    pub form: Form<'a>,
    /// The client on the device.
    pub client: ClientInfo<'a>,
    /// The code, as the device shows it.
    pub user_code: &'a str,
    /// The display name of the signed-in user.
    pub user: &'a str,
    /// Every requested scope.
    pub scopes: &'a [ScopeInfo<'a>],
    /// What else is requested, one text for each: the authorization details (RFC 9396).
    pub details: &'a [String],
    /// The address that the device asked from, as far as that is known.
    pub source: Option<&'a str>,
}

impl<'a> DeviceConfirmPage<'a> {
    /// A confirmation page for a request of `client` on a device.
    #[must_use]
    pub fn new(
        language: &'a Language,
        form: Form<'a>,
        client: ClientInfo<'a>,
        user_code: &'a str,
        user: &'a str,
        scopes: &'a [ScopeInfo<'a>],
    ) -> Self {
        Self { language, form, client, user_code, user, scopes, details: &[], source: None }
    }
}

/// Tells the user what was decided.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeviceDonePage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The client on the device.
    pub client: ClientInfo<'a>,
    /// Whether the user allowed access.
    pub allowed: bool,
}

impl<'a> DeviceDonePage<'a> {
    /// The page after the decision.
    #[must_use]
    pub fn new(language: &'a Language, client: ClientInfo<'a>, allowed: bool) -> Self {
        Self { language, client, allowed }
    }
}

/// Omits the code.
impl fmt::Debug for DeviceCodePage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCodePage")
            .field("form", &self.form)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// Omits the code.
impl fmt::Debug for DeviceConfirmPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceConfirmPage")
            .field("form", &self.form)
            .field("client", &self.client)
            .field("user", &self.user)
            .field("scopes", &self.scopes)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

pub(super) fn write_code(out: &mut Markup, page: &DeviceCodePage<'_>) {
    let texts = page.language.texts();
    html!(out; "<h1>" (&texts.device) r#"</h1><p class="lead" id="hint">"# (&texts.device_hint) "</p>");
    let message = page.failure.map(|failure| failure.message(texts));
    parts::failure(out, message.as_deref());
    parts::form(out, &page.form, |out| {
        html!(out; r#"<label for="user_code">"# (&texts.device_code)
            r#"</label><input id="user_code" name="user_code" class="code" type="text" value=""#
            (page.user_code.unwrap_or_default())
            r#"" autocomplete="off" autocapitalize="characters" autocorrect="off" spellcheck="false" required autofocus"#);
        match page.failure {
            None => html!(out; r#" aria-describedby="hint""#),
            Some(failure) => {
                html!(out; r#" aria-describedby=""# (FAILURE_ID) r#"""#);
                if matches!(failure, DeviceCodeFailure::Missing | DeviceCodeFailure::UnknownOrExpired) {
                    html!(out; r#" aria-invalid="true""#);
                }
            }
        }
        html!(out; r#"><div class="actions"><button type="submit">"# (&texts.go_on) "</button></div>");
    });
}

pub(super) fn write_confirm(out: &mut Markup, page: &DeviceConfirmPage<'_>) {
    let texts = page.language.texts();
    parts::client_logo(out, &page.client);
    html!(out; "<h1>" (&texts.device_confirm) "</h1>");
    parts::lead(out, &texts.device_confirm_for, &page.client);
    parts::self_registered(out, texts, &page.client);
    parts::scopes(out, texts, page.scopes);
    parts::details(out, texts, page.details);
    html!(out; "<dl><div><dt>" (&texts.device_shows) r#"</dt><dd><bdi class="code">"# (page.user_code) "</bdi></dd></div>");
    if let Some(source) = page.source {
        html!(out; "<div><dt>" (&texts.device_source) "</dt><dd><bdi>" (source) "</bdi></dd></div>");
    }
    parts::signed_in_as(out, texts, page.user);
    html!(out; r#"</dl><p class="warning">"# (&texts.device_warning) "</p>");
    parts::form(out, &page.form, |out| parts::decision(out, &texts.allow, &texts.deny));
    parts::client_links(out, texts, &page.client);
}

/// The heading of the page after the decision, which is also its title.
pub(super) fn done_heading<'a>(page: &DeviceDonePage<'a>) -> &'a str {
    let texts = page.language.texts();
    if page.allowed { &texts.device_connected } else { &texts.device_refused }
}

pub(super) fn write_done(out: &mut Markup, page: &DeviceDonePage<'_>) {
    let texts = page.language.texts();
    let sentence = if page.allowed { &texts.device_connected_to } else { &texts.device_refused_for };
    html!(out; "<h1>" (done_heading(page)) "</h1><p>");
    parts::phrase(out, sentence, |out| parts::client_name(out, &page.client));
    html!(out; "</p>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::test_samples::ENGLISH;

    const FORM: Form<'static> = Form { action: "/oauth/device", hidden: &[("csrf", "c1")] };

    #[test]
    fn the_code_is_asked_for() {
        let page = ParsedPage::checked(
            BuiltInPages::default().device_code(&DeviceCodePage::new(&ENGLISH, FORM)).body(),
        );
        assert_eq!(page.only("form")["action"], "/oauth/device");
        assert_eq!(page.hidden_inputs(), [("csrf", "c1")]);
        assert_eq!(page.input("user_code")["value"], "");
        assert!(!page.has_attribute("role", "alert"));
    }

    #[test]
    fn a_rejected_code_stays_in_its_input_with_the_reason() {
        for (failure, words) in [
            (DeviceCodeFailure::Missing, "There is no code yet"),
            (DeviceCodeFailure::UnknownOrExpired, "No device waits"),
            (DeviceCodeFailure::TooManyTries { retry_after_secs: 600 }, "Wait 10 minutes"),
            (DeviceCodeFailure::FormExpired, "open for too long"),
        ] {
            let view = DeviceCodePage {
                user_code: Some("wdjb<"),
                failure: Some(failure),
                ..DeviceCodePage::new(&ENGLISH, FORM)
            };
            let page = ParsedPage::checked(BuiltInPages::default().device_code(&view).body());
            assert!(page.text().contains(words), "{failure:?}");
            assert!(page.has_attribute("role", "alert"));
            assert_eq!(page.input("user_code")["value"], "wdjb<");
            assert_eq!(page.input("user_code")["aria-describedby"], "failure");
        }
    }

    #[test]
    fn the_confirmation_shows_code_client_user_and_scopes() {
        let scopes = [ScopeInfo { token: "notes.read", description: Some("Read your notes") }];
        let mut view =
            DeviceConfirmPage::new(&ENGLISH, FORM, ClientInfo::new("tv"), "WDJB-MJHT", "Israel", &scopes);
        view.source = Some("192.0.2.7");
        let page = ParsedPage::checked(BuiltInPages::default().device_confirm(&view).body());
        for shown in ["tv", "WDJB-MJHT", "192.0.2.7", "Israel", "Read your notes", "notes.read"] {
            assert!(page.text().contains(shown), "{shown}");
        }
        let values: Vec<_> = page.all("button").iter().map(|button| button["value"].clone()).collect();
        assert_eq!(values, ["allow", "deny"]);
        assert!(!format!("{view:?}").contains("WDJB"));
    }

    #[test]
    fn the_result_is_shown() {
        for (allowed, words) in [(true, "has access now"), (false, "got no access")] {
            let view = DeviceDonePage::new(&ENGLISH, ClientInfo::new("tv"), allowed);
            let page = ParsedPage::checked(BuiltInPages::default().device_done(&view).body());
            assert!(page.text().contains(words));
            assert!(page.all("form").is_empty());
        }
    }
}
