//! The consent page.

use super::client_info::ClientInfo;
use super::destination::Destination;
use super::form::Form;
use super::markup::{Markup, html};
use super::parts;
use super::scope_info::ScopeInfo;

/// Asks the user whether to allow what a client requests. Both buttons are named `decision`; their values are `allow`
/// and `deny`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsentPage<'a> {
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
}

impl<'a> ConsentPage<'a> {
    /// A consent page for a request of `client`.
    #[must_use]
    pub fn new(
        form: Form<'a>,
        client: ClientInfo<'a>,
        destination: Destination<'a>,
        user: &'a str,
        scopes: &'a [ScopeInfo<'a>],
    ) -> Self {
        Self { form, client, destination, user, scopes }
    }
}

pub(super) fn write(out: &mut Markup, page: &ConsentPage<'_>) {
    html!(out; "<h1>Allow access?</h1>" r#"<p class="lead">"#);
    parts::client_name(out, &page.client);
    html!(out; " asks for access to your account.</p>");
    parts::scopes(out, page.scopes);
    html!(out; "<dl>");
    parts::signed_in_as(out, page.user);
    parts::sent_to(out, &page.destination);
    html!(out; "</dl>");
    parts::form(out, &page.form, |out| parts::decision(out, "Allow", "Deny"));
    parts::client_links(out, &page.client);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::web_uri::WebUri;

    const FORM: Form<'static> = Form { action: "/oauth/authorize", hidden: &[("csrf", "c1")] };

    fn read(page: &ConsentPage<'_>) -> ParsedPage {
        ParsedPage::checked(BuiltInPages::default().consent(page).body())
    }

    #[test]
    fn client_user_destination_and_every_scope_are_shown() {
        let mut client = ClientInfo::new("web");
        client.name = Some("Web shop");
        let scopes = [ScopeInfo::standard("email"), ScopeInfo::standard("notes.read")];
        let destination = Destination::new("https://client.example.com/cb?tenant=<1>");
        let page = read(&ConsentPage::new(FORM, client, destination, "Israel", &scopes));
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
        let page =
            read(&ConsentPage::new(FORM, ClientInfo::new("web"), Destination::new("app:/cb"), "Israel", &[]));
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
    fn a_client_links_to_its_pages_and_its_logo_is_not_loaded() {
        let mut client = ClientInfo::new("web");
        client.uri = WebUri::parse("https://shop.example/?a=1&b=2").ok();
        client.tos_uri = WebUri::parse("https://shop.example/tos").ok();
        client.logo_uri = WebUri::parse("https://shop.example/logo.png").ok();
        let page = read(&ConsentPage::new(FORM, client, Destination::new("app:/cb"), "Israel", &[]));
        let links: Vec<_> = page.all("a").iter().map(|link| link["href"].clone()).collect();
        assert_eq!(links, ["https://shop.example/?a=1&b=2", "https://shop.example/tos"]);
        assert!(page.all("a").iter().all(|link| link["rel"].contains("noopener")));
        assert!(page.all("img").is_empty());
    }
}
