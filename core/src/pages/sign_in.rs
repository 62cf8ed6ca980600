//! The sign-in page.

use super::client_info::ClientInfo;
use super::form::Form;
use super::markup::{Markup, html};
use super::parts::{self, FAILURE_ID};

/// Asks for a username and a password, in inputs named `username` and `password`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignInPage<'a> {
    /// The form around the inputs.
    pub form: Form<'a>,
    /// The client that the user is signing in for, if any.
    pub client: Option<ClientInfo<'a>>,
    /// The initial value of the username input: what was entered before, or the client's `login_hint`.
    pub username: Option<&'a str>,
    /// Why the page is shown again.
    pub failure: Option<SignInFailure>,
}

impl<'a> SignInPage<'a> {
    /// A sign-in page with empty inputs.
    #[must_use]
    pub fn new(form: Form<'a>) -> Self {
        Self { form, client: None, username: None, failure: None }
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
    fn message(self) -> String {
        match self {
            Self::MissingFields => "Enter both your username and your password.".to_owned(),
            Self::WrongCredentials => {
                "This username and password do not match. Check both and try again.".to_owned()
            }
            Self::TooManyTries { retry_after_secs } => {
                format!(
                    "There were too many tries. Wait {} and try again.",
                    parts::waiting_time(retry_after_secs)
                )
            }
            Self::FormExpired => "This page was open for too long. Sign in again.".to_owned(),
        }
    }

    /// Whether the user has to change the inputs.
    fn concerns_the_inputs(self) -> bool {
        matches!(self, Self::MissingFields | Self::WrongCredentials)
    }
}

pub(super) fn write(out: &mut Markup, page: &SignInPage<'_>) {
    html!(out; "<h1>Sign in</h1>");
    if let Some(client) = &page.client {
        html!(out; r#"<p class="lead">to go on to "#);
        parts::client_name(out, client);
        html!(out; "</p>");
    }
    let message = page.failure.map(SignInFailure::message);
    parts::failure(out, message.as_deref());
    let username = page.username.unwrap_or_default();
    parts::form(out, &page.form, |out| {
        html!(out; r#"<label for="username">Username</label><input id="username" name="username" type="text" value=""#
            (username) r#"" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" dir="auto" required"#);
        input_state(out, page.failure, username.is_empty());
        html!(out; r#"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required"#);
        input_state(out, page.failure, !username.is_empty());
        html!(out; r#"><div class="actions"><button type="submit">Sign in</button></div>"#);
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
    use crate::pages::test_parsed_page::ParsedPage;

    const FORM: Form<'static> =
        Form { action: "/oauth/authorize", hidden: &[("csrf", "t0k\"en"), ("request", "r1")] };

    fn read(page: &SignInPage<'_>) -> ParsedPage {
        ParsedPage::checked(BuiltInPages::default().sign_in(page).body())
    }

    #[test]
    fn the_form_posts_the_credentials_and_the_hidden_inputs() {
        let page = read(&SignInPage::new(FORM));
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
            let view =
                SignInPage { username: Some("is\"rael"), failure: Some(failure), ..SignInPage::new(FORM) };
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
        let view = SignInPage { client: Some(client), ..SignInPage::new(FORM) };
        assert!(read(&view).text().contains("to go on to web"));
        client.name = Some("<b>Web shop</b>");
        let view = SignInPage { client: Some(client), ..view };
        assert!(read(&view).text().contains("to go on to <b>Web shop</b>"));
    }
}
