//! The pages for signing out (OpenID Connect RP-Initiated Logout 1.0).

use super::client_info::ClientInfo;
use super::form::Form;
use super::markup::{Markup, html};
use super::parts;

/// Asks the user whether to sign out. Both buttons are named `decision`; their values are `allow` and `deny`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LogoutConfirmPage<'a> {
    /// The form around the buttons.
    pub form: Form<'a>,
    /// The client that requested the logout, if known.
    pub client: Option<ClientInfo<'a>>,
    /// The display name of the signed-in user, if known.
    pub user: Option<&'a str>,
}

impl<'a> LogoutConfirmPage<'a> {
    /// A page that names neither a client nor a user.
    #[must_use]
    pub fn new(form: Form<'a>) -> Self {
        Self { form, client: None, user: None }
    }
}

/// Tells the user whether they are signed out.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LogoutDonePage {
    /// Whether the user is signed out now.
    pub signed_out: bool,
}

impl LogoutDonePage {
    /// The page after the decision.
    #[must_use]
    pub fn new(signed_out: bool) -> Self {
        Self { signed_out }
    }
}

pub(super) fn write_confirm(out: &mut Markup, page: &LogoutConfirmPage<'_>, service: Option<&str>) {
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
    use crate::pages::test_parsed_page::ParsedPage;

    const FORM: Form<'static> = Form { action: "/oauth/end_session", hidden: &[("csrf", "c1")] };

    #[test]
    fn the_user_can_sign_out_or_stay() {
        let view = LogoutConfirmPage {
            client: Some(ClientInfo::new("web")),
            user: Some("Israel"),
            ..LogoutConfirmPage::new(FORM)
        };
        let page = ParsedPage::checked(BuiltInPages::default().logout_confirm(&view).body());
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
    fn client_and_user_are_optional() {
        let page =
            ParsedPage::checked(BuiltInPages::default().logout_confirm(&LogoutConfirmPage::new(FORM)).body());
        assert!(page.text().contains("about to sign out of this service."));
        assert!(page.all("dl").is_empty());
    }

    #[test]
    fn the_result_is_shown() {
        for (signed_out, words) in [(true, "You are signed out"), (false, "You are still signed in")] {
            let page = ParsedPage::checked(
                BuiltInPages::default().logout_done(&LogoutDonePage::new(signed_out)).body(),
            );
            assert!(page.text().contains(words));
        }
    }
}
