//! The sign-in page.

use std::borrow::Cow;

use super::client_info::ClientInfo;
use super::destination::Destination;
use super::form::Form;
use super::language::Language;
use super::markup::{Markup, html};
use super::parts::{self, FAILURE_ID};
use super::texts::{Texts, Wait};

/// Asks for a username and a password, in inputs named `username` and `password`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignInPage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The form around the inputs.
    pub form: Form<'a>,
    /// The client that the user is signing in for, if any.
    pub client: Option<ClientInfo<'a>>,
    /// Where the browser is sent in the end. The built-in page shows it for a client that registered itself.
    pub destination: Option<&'a Destination<'a>>,
    /// The initial value of the username input: what was entered before, or the client's `login_hint`.
    pub username: Option<&'a str>,
    /// Why the page is shown again.
    pub failure: Option<SignInFailure>,
}

impl<'a> SignInPage<'a> {
    /// A sign-in page with empty inputs.
    #[must_use]
    pub fn new(language: &'a Language, form: Form<'a>) -> Self {
        Self { language, form, client: None, destination: None, username: None, failure: None }
    }
}

/// Why a sign-in failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInFailure {
    /// The username or the password is missing.
    MissingFields,
    /// The user is unknown or the password is wrong. The page does not say which.
    WrongCredentials,
    /// Too many sign-ins failed.
    TooManyTries {
        /// Seconds until another sign-in is accepted.
        retry_after_secs: u64,
    },
    /// The form's session or CSRF token has expired.
    FormExpired,
}

impl SignInFailure {
    fn message(self, texts: &Texts) -> Cow<'_, str> {
        match self {
            Self::MissingFields => (&*texts.sign_in_incomplete).into(),
            Self::WrongCredentials => (&*texts.sign_in_wrong).into(),
            Self::TooManyTries { retry_after_secs } => {
                (texts.too_many_tries)(Wait::of_secs(retry_after_secs)).into()
            }
            Self::FormExpired => (&*texts.sign_in_expired).into(),
        }
    }

    /// Whether the user has to change the inputs.
    fn concerns_the_inputs(self) -> bool {
        matches!(self, Self::MissingFields | Self::WrongCredentials)
    }
}

pub(super) fn write(out: &mut Markup, page: &SignInPage<'_>) {
    let texts = page.language.texts();
    if let Some(client) = &page.client {
        parts::client_logo(out, client);
    }
    html!(out; "<h1>" (&texts.sign_in) "</h1>");
    if let Some(client) = &page.client {
        parts::lead(out, &texts.sign_in_for, client);
        parts::self_registered(out, texts, client);
        if let Some(destination) = page.destination.filter(|_| client.self_registered) {
            html!(out; "<dl>");
            parts::sent_to(out, texts, destination);
            html!(out; "</dl>");
        }
    }
    let message = page.failure.map(|failure| failure.message(texts));
    parts::failure(out, message.as_deref());
    form(out, page);
    if let Some(client) = &page.client {
        parts::client_links(out, texts, client);
    }
}

fn form(out: &mut Markup, page: &SignInPage<'_>) {
    let texts = page.language.texts();
    let username = page.username.unwrap_or_default();
    parts::form(out, &page.form, |out| {
        html!(out; r#"<label for="username">"# (&texts.username)
            r#"</label><input id="username" name="username" type="text" value=""#
            (username) r#"" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" dir="auto" required"#);
        input_state(out, page.failure, username.is_empty());
        html!(out; r#"><label for="password">"# (&texts.password)
            r#"</label><input id="password" name="password" type="password" autocomplete="current-password" required"#);
        input_state(out, page.failure, !username.is_empty());
        html!(out; r#"><div class="actions"><button type="submit">"# (&texts.sign_in) "</button></div>");
    });
}

fn input_state(out: &mut Markup, failure: Option<SignInFailure>, focused: bool) {
    if let Some(failure) = failure {
        html!(out; r#" aria-describedby=""# (FAILURE_ID) r#"""#);
        if failure.concerns_the_inputs() {
            html!(out; r#" aria-invalid="true""#);
        }
    }
    if focused {
        html!(out; " autofocus");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::WebUri;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::test_samples::ENGLISH;

    const FORM: Form<'static> =
        Form { action: "/oauth/authorize", hidden: &[("csrf", "t0k\"en"), ("request", "r1")] };

    fn read(page: &SignInPage<'_>) -> ParsedPage {
        ParsedPage::checked(BuiltInPages::default().sign_in(page).body())
    }

    #[test]
    fn the_form_posts_the_credentials_and_the_hidden_inputs() {
        let page = read(&SignInPage::new(&ENGLISH, FORM));
        let form = page.only("form");
        assert_eq!((form["method"].as_str(), form["action"].as_str()), ("post", "/oauth/authorize"));
        assert_eq!(page.hidden_inputs(), [("csrf", "t0k\"en"), ("request", "r1")]);
        let username = page.input("username");
        assert_eq!(username["autocomplete"], "username");
        assert_eq!(username["autocapitalize"], "none");
        assert_eq!(username["value"], "");
        assert!(username.contains_key("autofocus"));
        let password = page.input("password");
        assert_eq!(password["type"], "password");
        assert_eq!(password["autocomplete"], "current-password");
        assert!(!password.contains_key("value") && !password.contains_key("autofocus"));
        assert_eq!(page.only("button")["type"], "submit");
        assert!(!page.has_attribute("role", "alert"));
        assert!(!page.has_attribute("aria-invalid", "true"));
    }

    #[test]
    fn a_failure_is_shown_with_the_inputs_and_the_username_is_kept() {
        for (failure, words, concerns_inputs) in [
            (SignInFailure::MissingFields, "Enter both", true),
            (SignInFailure::WrongCredentials, "do not match", true),
            (SignInFailure::TooManyTries { retry_after_secs: 61 }, "Wait 61 seconds", false),
            (SignInFailure::FormExpired, "open for too long", false),
        ] {
            let view = SignInPage {
                username: Some("is\"rael"),
                failure: Some(failure),
                ..SignInPage::new(&ENGLISH, FORM)
            };
            let page = read(&view);
            assert!(page.text().contains(words), "{failure:?}");
            assert!(page.has_attribute("role", "alert"));
            assert_eq!(page.input("username")["value"], "is\"rael");
            for name in ["username", "password"] {
                assert_eq!(page.input(name)["aria-describedby"], "failure");
                assert_eq!(page.input(name).contains_key("aria-invalid"), concerns_inputs, "{failure:?}");
            }
            assert!(page.input("password").contains_key("autofocus"));
        }
    }

    #[test]
    fn the_client_is_named() {
        let mut client = ClientInfo::new("web");
        let view = SignInPage { client: Some(client), ..SignInPage::new(&ENGLISH, FORM) };
        assert!(read(&view).text().contains("to go on to web"));
        client.name = Some("<b>Web shop</b>");
        let view = SignInPage { client: Some(client), ..view };
        assert!(read(&view).text().contains("to go on to <b>Web shop</b>"));
    }
    #[test]
    fn the_client_shows_its_logo_and_links_to_its_policy_and_terms() {
        let mut client = ClientInfo::new("web");
        client.logo = Some("/oauth/logo/web");
        client.policy_uri = WebUri::parse("https://shop.example/policy?a=1&b=2").ok();
        client.tos_uri = WebUri::parse("https://shop.example/tos").ok();
        let view = SignInPage { client: Some(client), ..SignInPage::new(&ENGLISH, FORM) };
        let html = BuiltInPages::default().sign_in(&view);
        let page = ParsedPage::checked(html.body());
        assert_eq!(page.only("img")["src"], "/oauth/logo/web");
        assert!(format!("{html:?}").contains("img-src 'self'"), "{html:?}");
        let links: Vec<_> = page.all("a").iter().map(|link| link["href"].clone()).collect();
        assert_eq!(links, ["https://shop.example/policy?a=1&b=2", "https://shop.example/tos"]);
        // A logo elsewhere would tell its server who is about to sign in.
        client.logo = Some("https://shop.example/logo.png");
        let html = BuiltInPages::default().sign_in(&SignInPage { client: Some(client), ..view });
        assert!(ParsedPage::checked(html.body()).all("img").is_empty());
        assert!(!format!("{html:?}").contains("img-src"), "{html:?}");
    }

    #[test]
    fn of_a_client_that_registered_itself_the_page_says_where_it_leads() {
        let destination = Destination::new("https://client.example.com/cb");
        let mut client = ClientInfo::new("web");
        for self_registered in [false, true] {
            client.self_registered = self_registered;
            let view = SignInPage {
                client: Some(client),
                destination: Some(&destination),
                ..SignInPage::new(&ENGLISH, FORM)
            };
            let text = read(&view).text();
            assert_eq!(text.contains("registered itself"), self_registered, "{text}");
            assert_eq!(text.contains("https://client.example.com"), self_registered, "{text}");
        }
    }
}
