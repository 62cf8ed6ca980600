//! The pages of signing out (OpenID Connect RP-Initiated Logout 1.0).

use super::markup::{Markup, html};
use super::parts;
use super::view::{ClientInfo, Form};

/// Asks whether to sign out. The buttons are named `decision`, their values are `allow` and `deny`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LogoutQuestionPage<'a> {
    /// The form to put the buttons in.
    pub form: Form<'a>,
    /// The client that asks for it, where it is known.
    pub client: Option<ClientInfo<'a>>,
    /// The display name of the person who is signed in.
    pub user: Option<&'a str>,
}

impl<'a> LogoutQuestionPage<'a> {
    /// The question, asked by nobody in particular.
    #[must_use]
    pub fn new(form: Form<'a>) -> Self {
        Self { form, client: None, user: None }
    }
}

/// Says how the question was answered.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LogoutDonePage {
    /// Whether the person is signed out now.
    pub signed_out: bool,
}

impl LogoutDonePage {
    /// The page after the question.
    #[must_use]
    pub fn new(signed_out: bool) -> Self {
        Self { signed_out }
    }
}

pub(super) fn write_question(out: &mut Markup, page: &LogoutQuestionPage<'_>, service: Option<&str>) {
    html!(out; r#"<h1>Sign out?</h1><p class="lead">"#);
    match &page.client {
        Some(client) => {
            parts::client_name(out, client);
            html!(out; " asks to sign you out of ");
        }
        None => html!(out; "You are about to sign out of "),
    }
    match service {
        Some(name) => parts::isolated(out, name),
        None => html!(out; "this service"),
    }
    html!(out; ".</p>");
    if let Some(user) = page.user {
        html!(out; "<dl>");
        parts::signed_in_as(out, user);
        html!(out; "</dl>");
    }
    parts::form(out, &page.form, |out| parts::decision(out, "Sign out", "Stay signed in"));
}

pub(super) fn write_done(out: &mut Markup, page: &LogoutDonePage) {
    if page.signed_out {
        html!(out; "<h1>You are signed out</h1><p>You can close this page.</p>");
    } else {
        html!(out; "<h1>You are still signed in</h1><p>Nothing has changed. You can close this page.</p>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_support::Read;

    const FORM: Form<'static> = Form { action: "/oauth/end_session", hidden: &[("csrf", "c1")] };

    #[test]
    fn the_question_can_be_answered_both_ways() {
        let view = LogoutQuestionPage {
            client: Some(ClientInfo::new("web")),
            user: Some("Israel"),
            ..LogoutQuestionPage::new(FORM)
        };
        let page = Read::checked(BuiltInPages::default().logout_question(&view).body());
        assert_eq!(page.only("form")["action"], "/oauth/end_session");
        assert_eq!(page.hidden_inputs(), [("csrf", "c1")]);
        let buttons: Vec<_> = page
            .all("button")
            .iter()
            .map(|button| (button["name"].clone(), button["value"].clone()))
            .collect();
        assert_eq!(buttons, [("decision".into(), "allow".into()), ("decision".into(), "deny".into())]);
        assert!(page.text().contains("web asks to sign you out"));
        assert!(page.text().contains("Israel"));
    }

    #[test]
    fn the_question_needs_neither_client_nor_user() {
        let page =
            Read::checked(BuiltInPages::default().logout_question(&LogoutQuestionPage::new(FORM)).body());
        assert!(page.text().contains("about to sign out of this service."));
        assert!(page.all("dl").is_empty());
    }

    #[test]
    fn the_answer_is_told() {
        for (signed_out, words) in [(true, "You are signed out"), (false, "You are still signed in")] {
            let page =
                Read::checked(BuiltInPages::default().logout_done(&LogoutDonePage::new(signed_out)).body());
            assert!(page.text().contains(words));
        }
    }
}
