//! The consent page.

use super::client_info::ClientInfo;
use super::destination::Destination;
use super::form::Form;
use super::language::Language;
use super::markup::{Markup, html};
use super::parts;
use super::scope_info::ScopeInfo;

/// Asks the user whether to allow what a client requests. Both buttons are named `decision`; their values are `allow`
/// and `deny`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsentPage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The form around the buttons.
    pub form: Form<'a>,
    /// The client that requests access.
    pub client: ClientInfo<'a>,
    /// Where the browser is sent afterwards, whatever the user decides.
    pub destination: Destination<'a>,
    /// The display name of the signed-in user.
    pub user: &'a str,
    /// Every requested scope.
    pub scopes: &'a [ScopeInfo<'a>],
    /// What else is requested, one text for each: the authorization details (RFC 9396).
    pub details: &'a [String],
    /// The name of a button for somebody who is not the signed-in user: it leads to the sign-in page.
    pub other_account: Option<&'a str>,
}

impl<'a> ConsentPage<'a> {
    /// A consent page for a request of `client`.
    #[must_use]
    pub fn new(
        language: &'a Language,
        form: Form<'a>,
        client: ClientInfo<'a>,
        destination: Destination<'a>,
        user: &'a str,
        scopes: &'a [ScopeInfo<'a>],
    ) -> Self {
        Self { language, form, client, destination, user, scopes, details: &[], other_account: None }
    }
}

pub(super) fn write(out: &mut Markup, page: &ConsentPage<'_>) {
    let texts = page.language.texts();
    parts::client_logo(out, &page.client);
    html!(out; "<h1>" (&texts.consent) "</h1>");
    parts::lead(out, &texts.consent_for, &page.client);
    parts::self_registered(out, texts, &page.client);
    parts::scopes(out, texts, page.scopes);
    parts::details(out, texts, page.details);
    html!(out; "<dl>");
    parts::signed_in_as(out, texts, page.user);
    parts::sent_to(out, texts, &page.destination);
    html!(out; "</dl>");
    parts::form(out, &page.form, |out| {
        parts::decision(out, &texts.allow, &texts.deny);
        if let Some(name) = page.other_account {
            html!(out; r#"<p class="links"><button type="submit" class="link" name=""# (name) r#"" value="yes">"#
                (&texts.not_you) "</button></p>");
        }
    });
    parts::client_links(out, texts, &page.client);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::test_samples::ENGLISH;
    use crate::pages::web_uri::WebUri;

    const FORM: Form<'static> = Form { action: "/oauth/authorize", hidden: &[("csrf", "c1")] };

    fn read(page: &ConsentPage<'_>) -> ParsedPage {
        ParsedPage::checked(BuiltInPages::default().consent(page).body())
    }

    #[test]
    fn client_user_destination_and_every_scope_are_shown() {
        let mut client = ClientInfo::new("web");
        client.name = Some("Web shop");
        let scopes = [
            ScopeInfo::standard("email", ENGLISH.texts()),
            ScopeInfo::standard("notes.read", ENGLISH.texts()),
        ];
        let destination = Destination::new("https://client.example.com/cb?tenant=<1>");
        let page = read(&ConsentPage::new(&ENGLISH, FORM, client, destination, "Israel", &scopes));
        let text = page.text();
        for shown in [
            "Web shop",
            "Israel",
            "See your email address email",
            "Access that is not described further notes.read",
            "https://client.example.com",
            "https://client.example.com/cb?tenant=<1>",
        ] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
        assert_eq!(page.all("code").len(), 3, "two tokens and the full address");
        assert_eq!(page.all("li").len(), 2);
        assert!(page.all("a").is_empty());
    }

    #[test]
    fn the_buttons_send_the_decision() {
        let page = read(&ConsentPage::new(
            &ENGLISH,
            FORM,
            ClientInfo::new("web"),
            Destination::new("app:/cb"),
            "Israel",
            &[],
        ));
        let buttons: Vec<_> = page
            .all("button")
            .iter()
            .map(|button| (button["name"].clone(), button["value"].clone()))
            .collect();
        assert_eq!(buttons, [("decision".into(), "allow".into()), ("decision".into(), "deny".into())]);
        assert_eq!(page.hidden_inputs(), [("csrf", "c1")]);
        assert!(page.text().contains("No particular permission"));
        assert!(page.text().contains("the app that opens app links"));
    }

    #[test]
    fn a_client_links_to_its_pages_and_has_no_logo_by_default() {
        let mut client = ClientInfo::new("web");
        client.uri = WebUri::parse("https://shop.example/?a=1&b=2").ok();
        client.tos_uri = WebUri::parse("https://shop.example/tos").ok();
        let page =
            read(&ConsentPage::new(&ENGLISH, FORM, client, Destination::new("app:/cb"), "Israel", &[]));
        let links: Vec<_> = page.all("a").iter().map(|link| link["href"].clone()).collect();
        assert_eq!(links, ["https://shop.example/?a=1&b=2", "https://shop.example/tos"]);
        assert!(page.all("a").iter().all(|link| link["rel"].contains("noopener")));
        assert!(page.all("img").is_empty());
    }

    #[test]
    fn a_client_that_registered_itself_is_called_that() {
        let mut client = ClientInfo::new("web");
        for self_registered in [false, true] {
            client.self_registered = self_registered;
            let destination = Destination::new("https://client.example.com/cb");
            let page = read(&ConsentPage::new(&ENGLISH, FORM, client, destination, "Israel", &[]));
            assert_eq!(page.text().contains("registered itself"), self_registered);
            assert!(page.text().contains("client.example.com"));
        }
    }

    #[test]
    fn the_logo_is_loaded_from_the_own_origin() {
        let mut client = ClientInfo::new("web");
        client.logo = Some("/oauth/logo/web?a=1&b=2");
        let view = ConsentPage::new(&ENGLISH, FORM, client, Destination::new("app:/cb"), "Israel", &[]);
        let html = BuiltInPages::default().consent(&view);
        let page = ParsedPage::checked(html.body());
        let image = page.only("img");
        assert_eq!((image["src"].as_str(), image["alt"].as_str()), ("/oauth/logo/web?a=1&b=2", ""));
        assert!(format!("{html:?}").contains("img-src 'self'"), "{html:?}");
    }
}
