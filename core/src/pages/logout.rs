//! The pages for signing out (OpenID Connect RP-Initiated Logout 1.0, OpenID Connect Front-Channel Logout 1.0).

use super::client_info::ClientInfo;
use super::form::Form;
use super::language::Language;
use super::markup::{Markup, html};
use super::parts;
use super::return_uri::ReturnUri;
use super::web_uri::WebUri;

/// Asks the user whether to sign out. Both buttons are named `decision`; their values are `allow` and `deny`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LogoutConfirmPage<'a> {
    /// The language of the page.
    pub language: &'a Language,
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
    pub fn new(language: &'a Language, form: Form<'a>) -> Self {
        Self { language, form, client: None, user: None }
    }
}

/// Tells the user whether they are signed out.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LogoutDonePage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// Whether the user is signed out now.
    pub signed_out: bool,
    /// The client that requested the logout, if known.
    pub client: Option<ClientInfo<'a>>,
    /// The `frontchannel_logout_uri` of each client to tell, with its parameters. The page loads them in hidden frames
    /// (OpenID Connect Front-Channel Logout section 3), and its policy allows frames of their origins only. An origin
    /// that a policy cannot name is left out.
    pub frames: &'a [WebUri<'a>],
    /// Where the user goes on: the `post_logout_redirect_uri`, with `state`. The page links to it, and goes there by
    /// itself after a few seconds, in which the frames load.
    pub return_to: Option<ReturnUri<'a>>,
}

impl<'a> LogoutDonePage<'a> {
    /// The page after the decision, without frames and a way back to a client.
    #[must_use]
    pub fn new(language: &'a Language, signed_out: bool) -> Self {
        Self { language, signed_out, client: None, frames: &[], return_to: None }
    }

    pub(super) fn heading(&self) -> &'a str {
        let texts = self.language.texts();
        if self.signed_out { &texts.signed_out } else { &texts.stayed }
    }
}

pub(super) fn write_confirm(out: &mut Markup, page: &LogoutConfirmPage<'_>) {
    let texts = page.language.texts();
    html!(out; "<h1>" (&texts.sign_out_question) "</h1>");
    if let Some(client) = &page.client {
        parts::lead(out, &texts.sign_out_for, client);
    }
    if let Some(user) = page.user {
        html!(out; "<dl>");
        parts::signed_in_as(out, texts, user);
        html!(out; "</dl>");
    }
    parts::form(out, &page.form, |out| parts::decision(out, &texts.sign_out, &texts.stay));
}

/// Writes the page with these of its frames.
pub(super) fn write_done(out: &mut Markup, page: &LogoutDonePage<'_>, frames: &[WebUri<'_>]) {
    let texts = page.language.texts();
    html!(out; "<h1>" (page.heading()) "</h1>");
    match page.return_to {
        Some(uri) => {
            if let Some(client) = &page.client {
                parts::lead(out, &texts.on_the_way, client);
            }
            html!(out; r#"<p class="actions"><a class="button" href=""# (uri.as_str()) r#"">"# (&texts.go_on) "</a></p>");
        }
        None => {
            let advice = if page.signed_out { &texts.signed_out_advice } else { &texts.stayed_advice };
            html!(out; "<p>" (advice) "</p>");
        }
    }
    for frame in frames {
        // A frame may run the client's script in the client's origin, which clears what the client has stored. It
        // cannot navigate this page or open another.
        html!(out; r#"<iframe hidden sandbox="allow-scripts allow-same-origin" src=""# (frame.as_str()) r#""></iframe>"#);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::test_samples::ENGLISH;

    const FORM: Form<'static> = Form { action: "/oauth/end_session", hidden: &[("csrf", "c1")] };

    #[test]
    fn the_user_can_sign_out_or_stay() {
        let view = LogoutConfirmPage {
            client: Some(ClientInfo::new("web")),
            user: Some("Israel"),
            ..LogoutConfirmPage::new(&ENGLISH, FORM)
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
        let page = ParsedPage::checked(
            BuiltInPages::default().logout_confirm(&LogoutConfirmPage::new(&ENGLISH, FORM)).body(),
        );
        assert!(page.text().contains("Do you want to sign out?"));
        assert!(page.all("dl").is_empty());
    }

    #[test]
    fn the_result_is_shown() {
        for (signed_out, words) in [(true, "You are signed out"), (false, "You are still signed in")] {
            let page = ParsedPage::checked(
                BuiltInPages::default().logout_done(&LogoutDonePage::new(&ENGLISH, signed_out)).body(),
            );
            assert!(page.text().contains(words));
        }
    }
    fn done<'a>(frames: &'a [WebUri<'a>], return_to: Option<&'a str>) -> (ParsedPage, String) {
        let mut view = LogoutDonePage::new(&ENGLISH, true);
        view.client = Some(ClientInfo::new("web"));
        view.frames = frames;
        view.return_to = return_to.map(|uri| ReturnUri::parse(uri).unwrap());
        let html = BuiltInPages::default().logout_done(&view);
        (ParsedPage::checked(html.body()), format!("{html:?}"))
    }

    #[test]
    fn clients_are_told_in_hidden_frames_of_exactly_their_origins() {
        let frames = [
            "https://one.example/out?iss=https%3A%2F%2Fid.example&sid=1",
            "https://two.example:8443/out",
            "https://one.example/other?a=1&b=\"2\"",
        ];
        let frames = frames.map(|uri| WebUri::parse(uri).unwrap());
        let (page, debug) = done(&frames, None);
        let shown: Vec<_> = page.all("iframe").iter().map(|frame| frame["src"].clone()).collect();
        assert_eq!(shown, frames.map(WebUri::as_str));
        let policy =
            "frame-src https://one.example https://two.example:8443; base-uri 'none'; frame-ancestors";
        assert!(debug.contains(policy), "{debug}");
        let (page, debug) = done(&[], None);
        assert!(page.all("iframe").is_empty() && !debug.contains("frame-src"), "{debug}");
    }

    #[test]
    fn a_frame_whose_origin_a_policy_cannot_name_is_left_out() {
        let frames = ["https://a;script-src.example/", "https://two.example/out"];
        let frames = frames.map(|uri| WebUri::parse(uri).unwrap());
        let (page, debug) = done(&frames, None);
        assert_eq!(page.only("iframe")["src"], "https://two.example/out");
        assert!(debug.contains("frame-src https://two.example;"), "{debug}");
    }

    #[test]
    fn the_page_leads_back_to_the_client() {
        for uri in ["https://shop.example/bye?state=a&b=\"1\"", "com.example.app:/bye"] {
            let (page, _) = done(&[], Some(uri));
            assert_eq!(page.only("a")["href"], uri);
            let refresh = format!("3; url={uri}");
            assert!(page.has_attribute("http-equiv", "refresh") && page.has_attribute("content", &refresh));
            assert!(page.text().contains("on the way back to web"), "{}", page.text());
        }
        let (page, _) = done(&[], None);
        assert!(!page.has_attribute("http-equiv", "refresh") && page.all("a").is_empty());
        assert!(page.text().contains("You can close this page."));
    }
}
