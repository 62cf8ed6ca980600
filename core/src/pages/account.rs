//! The page of a signed-in user's own account.

use std::borrow::Cow;

use super::client_info::ClientInfo;
use super::form::Form;
use super::language::Language;
use super::markup::{Markup, html};
use super::moment::Moment;
use super::parts::{self, FAILURE_ID};
use super::scope_info::ScopeInfo;
use super::texts::{Text, Texts, Wait};

/// The account of the signed-in user: the applications that have access, where the user is signed in, and the password.
///
/// Each form does one thing, whatever button sends it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AccountPage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The display name of the signed-in user.
    pub user: &'a str,
    /// What has just been done.
    pub done: Option<AccountChange>,
    /// Why what was asked for was not done.
    pub failure: Option<AccountFailure<'a>>,
    /// The applications that have access, the last one first.
    pub applications: &'a [ApplicationAccess<'a>],
    /// Whether there are more applications than these.
    pub more_applications: bool,
    /// Where the user is signed in. Empty if the application manages the sessions.
    pub sessions: &'a [SignedInBrowser<'a>],
    /// Whether there are more of them.
    pub more_sessions: bool,
    /// Signs the user out in all other browsers. `None` if there is no other.
    pub sign_out_others: Option<Form<'a>>,
    /// Changes the password, with inputs named `current_password`, `new_password` and `repeat_password`. `None` if it cannot be
    /// changed here.
    pub password: Option<Form<'a>>,
    /// Signs out. `None` if only the application can do that.
    pub sign_out: Option<Form<'a>>,
}

impl<'a> AccountPage<'a> {
    /// The page of a user, with nothing else on it.
    #[must_use]
    pub fn new(language: &'a Language, user: &'a str) -> Self {
        Self {
            language,
            user,
            done: None,
            failure: None,
            applications: &[],
            more_applications: false,
            sessions: &[],
            more_sessions: false,
            sign_out_others: None,
            password: None,
            sign_out: None,
        }
    }
}

/// An application that has access to the user's account.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ApplicationAccess<'a> {
    /// The application.
    pub client: ClientInfo<'a>,
    /// What it may do.
    pub scopes: &'a [ScopeInfo<'a>],
    /// Since when it has access, or the user's consent.
    pub since: Moment,
    /// When its newest token was issued. `None` if the user has consented and it has no access at present.
    pub newest_token: Option<Moment>,
    /// Withdraws the access.
    pub withdraw: Form<'a>,
}

impl<'a> ApplicationAccess<'a> {
    /// An application without a token.
    #[must_use]
    pub fn new(
        client: ClientInfo<'a>,
        scopes: &'a [ScopeInfo<'a>],
        since: Moment,
        withdraw: Form<'a>,
    ) -> Self {
        Self { client, scopes, since, newest_token: None, withdraw }
    }
}

/// A browser in which the user is signed in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignedInBrowser<'a> {
    /// When the user signed in there.
    pub since: Moment,
    /// What the browser says of itself, if it does: a name and a system.
    pub name: Option<&'a str>,
    /// Signs the user out there. `None` for the browser that asks.
    pub sign_out: Option<Form<'a>>,
}

impl<'a> SignedInBrowser<'a> {
    /// The browser that asks.
    #[must_use]
    pub fn this(since: Moment) -> Self {
        Self { since, name: None, sign_out: None }
    }

    /// Another browser, and the form that signs out there.
    #[must_use]
    pub fn other(since: Moment, sign_out: Form<'a>) -> Self {
        Self { since, name: None, sign_out: Some(sign_out) }
    }
}

/// Something that a user has done on the account page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountChange {
    /// Withdrew the access of an application.
    AccessWithdrawn,
    /// Signed out in another browser.
    SignedOutThere,
    /// Signed out in all other browsers.
    SignedOutElsewhere,
    /// Changed the password.
    PasswordChanged,
}

impl AccountChange {
    fn message(self, texts: &Texts) -> &Text {
        match self {
            Self::AccessWithdrawn => &texts.access_withdrawn,
            Self::SignedOutThere => &texts.signed_out_there,
            Self::SignedOutElsewhere => &texts.signed_out_elsewhere,
            Self::PasswordChanged => &texts.password_changed,
        }
    }
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountFailure<'a> {
    /// The form's CSRF token is missing or no longer valid.
    FormExpired,
    /// A password is missing.
    MissingFields,
    /// The current password is wrong.
    WrongPassword,
    /// Too many passwords were wrong.
    TooManyTries {
        /// Seconds until another try is accepted.
        retry_after_secs: u64,
    },
    /// The new password was not repeated.
    PasswordsDiffer,
    /// The new password has too many bytes.
    PasswordTooLong,
    /// The new password is too short.
    PasswordTooShort {
        /// The least number of characters.
        min_characters: usize,
    },
    /// The application's rule refuses the new password, in these words.
    PasswordRefused(&'a str),
}

impl<'a> AccountFailure<'a> {
    pub(super) fn message(self, texts: &'a Texts) -> Cow<'a, str> {
        match self {
            Self::FormExpired => (&*texts.account_expired).into(),
            Self::MissingFields => (&*texts.password_incomplete).into(),
            Self::WrongPassword => (&*texts.password_wrong).into(),
            Self::TooManyTries { retry_after_secs } => {
                (texts.too_many_tries)(Wait::of_secs(retry_after_secs)).into()
            }
            Self::PasswordsDiffer => (&*texts.passwords_differ).into(),
            Self::PasswordTooLong => (&*texts.password_too_long).into(),
            Self::PasswordTooShort { min_characters } => {
                texts.password_too_short.around(&min_characters.to_string()).into()
            }
            Self::PasswordRefused(words) => words.into(),
        }
    }

    /// Whether the current password has to be changed in the form.
    fn concerns_current(self) -> bool {
        matches!(self, Self::MissingFields | Self::WrongPassword)
    }

    /// Whether the new password has to be changed in the form.
    pub(super) fn concerns_new(self) -> bool {
        matches!(
            self,
            Self::MissingFields
                | Self::PasswordsDiffer
                | Self::PasswordTooLong
                | Self::PasswordTooShort { .. }
                | Self::PasswordRefused(_)
        )
    }
}

pub(super) fn write(out: &mut Markup, page: &AccountPage<'_>) {
    let texts = page.language.texts();
    html!(out; "<h1>" (&texts.account) "</h1><dl>");
    parts::signed_in_as(out, texts, page.user);
    html!(out; "</dl>");
    if let Some(done) = page.done {
        html!(out; r#"<p class="done" role="status">"# (done.message(texts)) "</p>");
    }
    parts::failure(out, page.failure.map(|failure| failure.message(texts)).as_deref());
    if let Some(form) = &page.sign_out {
        parts::form(out, form, |out| {
            html!(out; r#"<div class="actions"><button type="submit" class="quiet">"# (&texts.sign_out) "</button></div>");
        });
    }
    applications(out, page);
    if !page.sessions.is_empty() {
        sessions(out, page);
    }
    if let Some(form) = &page.password {
        password(out, page, form);
    }
}

fn applications(out: &mut Markup, page: &AccountPage<'_>) {
    let texts = page.language.texts();
    html!(out; "<h2>" (&texts.applications) "</h2>");
    if page.applications.is_empty() {
        html!(out; "<p>" (&texts.no_applications) "</p>");
        return;
    }
    html!(out; r#"<ul class="entries" role="list">"#);
    for application in page.applications {
        html!(out; "<li><h3>");
        parts::isolated(out, application.client.display_name());
        html!(out; "</h3>");
        moment(out, &texts.access_since, application.since);
        match application.newest_token {
            Some(newest) => moment(out, &texts.newest_token, newest),
            None => html!(out; r#"<p class="note">"# (&texts.no_token) "</p>"),
        }
        parts::scope_list(out, texts, application.scopes);
        parts::form(out, &application.withdraw, |out| {
            button(out, &texts.withdraw_access, |out| {
                parts::isolated(out, application.client.display_name())
            });
        });
        html!(out; "</li>");
    }
    html!(out; "</ul>");
    if page.more_applications {
        html!(out; r#"<p class="note">"# (&texts.more_applications) "</p>");
    }
}

fn sessions(out: &mut Markup, page: &AccountPage<'_>) {
    let texts = page.language.texts();
    html!(out; "<h2>" (&texts.sessions) r#"</h2><ul class="entries" role="list">"#);
    for session in page.sessions {
        let words = if session.sign_out.is_some() { &texts.other_browser } else { &texts.this_browser };
        html!(out; "<li><h3>" (words));
        if let Some(name) = session.name {
            html!(out; " ");
            parts::isolated(out, name);
        }
        html!(out; "</h3>");
        moment(out, &texts.signed_in_since, session.since);
        if let Some(form) = &session.sign_out {
            let since = session.since.to_string();
            parts::form(out, form, |out| button(out, &texts.sign_out_there, |out| out.text(&since)));
        }
        html!(out; "</li>");
    }
    html!(out; "</ul>");
    if page.more_sessions {
        html!(out; r#"<p class="note">"# (&texts.more_sessions) "</p>");
    }
    if let Some(form) = &page.sign_out_others {
        parts::form(out, form, |out| {
            html!(out; r#"<div class="actions"><button type="submit" class="quiet">"# (&texts.sign_out_elsewhere) "</button></div>");
        });
    }
}

fn password(out: &mut Markup, page: &AccountPage<'_>, form: &Form<'_>) {
    let texts = page.language.texts();
    html!(out; "<h2>" (&texts.change_password) "</h2>");
    let (current, new) = (AccountFailure::concerns_current, AccountFailure::concerns_new);
    parts::form(out, form, |out| {
        // Password managers look for the name beside the passwords.
        html!(out; r#"<label for="username" class="unseen">"# (&texts.username)
            r#"</label><input id="username" type="text" value=""# (page.user)
            r#"" autocomplete="username" readonly tabindex="-1" class="unseen">"#);
        html!(out; r#"<label for="current_password">"# (&texts.current_password)
            r#"</label><input id="current_password" name="current_password" type="password" autocomplete="current-password" required"#);
        invalid(out, page.failure.is_some_and(current));
        html!(out; ">");
        new_password(out, texts, page.failure.is_some_and(new));
        html!(out; r#"<div class="actions"><button type="submit">"# (&texts.change_password) "</button></div>");
    });
}

/// The inputs for a new password.
pub(super) fn new_password(out: &mut Markup, texts: &Texts, is_invalid: bool) {
    for (name, label) in [("new_password", &texts.new_password), ("repeat_password", &texts.repeat_password)]
    {
        html!(out; r#"<label for=""# (name) r#"">"# (label) r#"</label><input id=""# (name) r#"" name=""# (name)
            r#"" type="password" autocomplete="new-password" required"#);
        invalid(out, is_invalid);
        html!(out; ">");
    }
}

fn invalid(out: &mut Markup, is_invalid: bool) {
    if is_invalid {
        html!(out; r#" aria-invalid="true" aria-describedby=""# (FAILURE_ID) r#"""#);
    }
}

fn moment(out: &mut Markup, words: &super::texts::Phrase, moment: Moment) {
    html!(out; r#"<p class="note">"#);
    parts::phrase(out, words, |out| {
        html!(out; r#"<time datetime=""# (&moment.datetime()) r#"">"# (&moment.to_string()) "</time>");
    });
    html!(out; "</p>");
}

/// A button whose words need the entry beside it, which a screen reader adds.
fn button(out: &mut Markup, words: &str, of: impl FnOnce(&mut Markup)) {
    html!(out; r#"<div class="actions"><button type="submit" class="quiet">"# (words) r#"<span class="unseen">: "#);
    of(out);
    html!(out; "</span></button></div>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::test_samples::ENGLISH;

    const SINCE: Moment = Moment::from_unix_secs(1_700_000_000);

    fn form<'a>(hidden: &'a [(&'a str, &'a str)]) -> Form<'a> {
        Form { action: "/oauth/account", hidden }
    }

    fn read(page: &AccountPage<'_>) -> ParsedPage {
        ParsedPage::checked(BuiltInPages::default().account(page).body())
    }

    #[test]
    fn applications_and_browsers_are_listed_with_what_ends_them() {
        let mut client = ClientInfo::new("web");
        client.name = Some("<b>Web shop</b>");
        let scopes = [ScopeInfo::standard("email", ENGLISH.texts())];
        let mut shop = ApplicationAccess::new(client, &scopes, SINCE, form(&[("client_id", "web")]));
        shop.newest_token = Some(Moment::from_unix_secs(1_700_003_600));
        let other = SignedInBrowser::other(SINCE, form(&[("session", "s2")]));
        let view = AccountPage {
            applications: &[shop],
            sessions: &[SignedInBrowser::this(SINCE), other],
            sign_out_others: Some(form(&[("action", "others")])),
            sign_out: Some(form(&[("action", "sign_out")])),
            ..AccountPage::new(&ENGLISH, "Israel")
        };
        let page = read(&view);
        let text = page.text();
        for shown in [
            "Israel",
            "<b>Web shop</b>",
            "See your email address",
            "2023-11-14 22:13 UTC",
            "2023-11-14 23:13 UTC",
        ] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
        assert_eq!(page.all("form").len(), 4);
        assert!(
            page.all("form")
                .iter()
                .all(|form| form["method"] == "post" && form["action"] == "/oauth/account")
        );
        let hidden = page.hidden_inputs();
        assert_eq!(
            hidden,
            [("action", "sign_out"), ("client_id", "web"), ("session", "s2"), ("action", "others")]
        );
        assert_eq!(page.all("input").len(), 4, "no password without a form for it");
    }

    #[test]
    fn a_failure_is_with_the_inputs_that_it_concerns() {
        for (failure, words, current, new) in [
            (AccountFailure::FormExpired, "Nothing was changed", false, false),
            (AccountFailure::MissingFields, "Enter your current password", true, true),
            (AccountFailure::WrongPassword, "is not right", true, false),
            (AccountFailure::TooManyTries { retry_after_secs: 61 }, "Wait 61 seconds", false, false),
            (AccountFailure::PasswordsDiffer, "twice", false, true),
            (AccountFailure::PasswordTooLong, "too long", false, true),
            (AccountFailure::PasswordTooShort { min_characters: 12 }, "at least 12 characters", false, true),
            (AccountFailure::PasswordRefused("Not <that>."), "Not <that>.", false, true),
        ] {
            let view = AccountPage {
                failure: Some(failure),
                password: Some(form(&[("csrf", "c1")])),
                ..AccountPage::new(&ENGLISH, "Israel")
            };
            let page = read(&view);
            assert!(page.text().contains(words), "{failure:?}: {}", page.text());
            assert!(page.has_attribute("role", "alert"));
            for (name, is_invalid) in
                [("current_password", current), ("new_password", new), ("repeat_password", new)]
            {
                let input = page.input(name);
                assert_eq!(input.contains_key("aria-invalid"), is_invalid, "{failure:?}: {name}");
                assert!(!input.contains_key("value"), "{name}");
            }
        }
    }

    #[test]
    fn what_was_done_is_said() {
        let view = AccountPage {
            done: Some(AccountChange::PasswordChanged),
            ..AccountPage::new(&ENGLISH, "Israel")
        };
        let page = read(&view);
        assert!(page.has_attribute("role", "status") && !page.has_attribute("role", "alert"));
        assert!(page.text().contains("Your password was changed"), "{}", page.text());
        assert!(page.text().contains("No application has access"), "{}", page.text());
    }
}
