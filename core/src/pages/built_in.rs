//! [`BuiltInPages`]: the pages that come with gridauth.

use http::HeaderValue;

use super::html::policy_header;
use super::markup::{Markup, html};
use super::stylesheet::Stylesheet;
use super::{
    ConsentPage, ContentSecurityPolicy, DeviceCodePage, DeviceConfirmPage, DeviceDonePage, ErrorPage,
    FormPostPage, Html, LogoutConfirmPage, LogoutDonePage, Pages, ReferrerPolicy, SignInPage, Theme, consent,
    device, error, form_post, logout, sign_in,
};

/// The built-in pages in a [`Theme`].
///
/// ```
/// use gridauth::pages::{BuiltInPages, ErrorPage};
/// use http::StatusCode;
///
/// let pages = BuiltInPages::default();
/// let page = ErrorPage::new(StatusCode::BAD_REQUEST, "This link does not work", "Go back and try again.");
/// let response = pages.error(&page).into_response(page.status);
/// assert_eq!(response.status(), 400);
/// ```
#[derive(Clone, Debug)]
pub struct BuiltInPages {
    theme: Theme,
    stylesheet: Stylesheet,
    policy: HeaderValue,
    form_post_policy: HeaderValue,
}

impl Default for BuiltInPages {
    fn default() -> Self {
        Self::new(Theme::default())
    }
}

impl BuiltInPages {
    /// The built-in pages with this theme.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        let stylesheet = Stylesheet::of(&theme);
        let mut policy = ContentSecurityPolicy::nothing().inline_style(stylesheet.css());
        if let Some(source) = theme.logo_source() {
            policy = policy.images_from(source.clone());
        }
        let form_post_policy = policy.clone().inline_script(form_post::SCRIPT);
        Self {
            theme,
            stylesheet,
            policy: policy_header(&policy),
            form_post_policy: policy_header(&form_post_policy),
        }
    }

    /// The theme of the pages.
    #[must_use]
    pub fn theme(&self) -> &Theme {
        &self.theme
    }

    /// See [`Pages::sign_in`].
    pub fn sign_in(&self, page: &SignInPage<'_>) -> Html {
        self.page("Sign in", |out| sign_in::write(out, page))
    }

    /// See [`Pages::consent`].
    pub fn consent(&self, page: &ConsentPage<'_>) -> Html {
        self.page("Allow access?", |out| consent::write(out, page))
    }

    /// See [`Pages::error`].
    pub fn error(&self, page: &ErrorPage<'_>) -> Html {
        self.page(page.title, |out| error::write(out, page))
    }

    /// See [`Pages::form_post`].
    ///
    /// The page has [`ReferrerPolicy::StrictOrigin`], so the client learns the server's origin, which `iss` (RFC
    /// 9207) tells it anyway. With [`ReferrerPolicy::SameOrigin`] the browser would send `Origin: null`, and a client
    /// that checks the origin of its forms would reject the response.
    pub fn form_post(&self, page: &FormPostPage<'_>) -> Html {
        let body = self.document("Almost there", |out| form_post::write(out, page));
        Html::with_header(body, self.form_post_policy.clone())
            .with_referrer_policy(ReferrerPolicy::StrictOrigin)
    }

    /// See [`Pages::device_code`].
    pub fn device_code(&self, page: &DeviceCodePage<'_>) -> Html {
        self.page("Connect a device", |out| device::write_code(out, page))
    }

    /// See [`Pages::device_confirm`].
    pub fn device_confirm(&self, page: &DeviceConfirmPage<'_>) -> Html {
        self.page("Connect this device?", |out| device::write_confirm(out, page))
    }

    /// See [`Pages::device_done`].
    pub fn device_done(&self, page: &DeviceDonePage<'_>) -> Html {
        let title = if page.allowed { "Device connected" } else { "Device not connected" };
        self.page(title, |out| device::write_done(out, page))
    }

    /// See [`Pages::logout_confirm`].
    pub fn logout_confirm(&self, page: &LogoutConfirmPage<'_>) -> Html {
        self.page("Sign out?", |out| logout::write_confirm(out, page, self.theme.name()))
    }

    /// See [`Pages::logout_done`].
    pub fn logout_done(&self, page: &LogoutDonePage) -> Html {
        let title = if page.signed_out { "Signed out" } else { "Still signed in" };
        self.page(title, |out| logout::write_done(out, page))
    }

    fn page(&self, title: &str, content: impl FnOnce(&mut Markup)) -> Html {
        Html::with_header(self.document(title, content), self.policy.clone())
    }

    fn document(&self, title: &str, content: impl FnOnce(&mut Markup)) -> String {
        let mut out = Markup::new();
        html!(out; r#"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>"# (title));
        if let Some(name) = self.theme.name() {
            html!(out; " – " (name));
        }
        html!(out; "</title>");
        out.style(&self.stylesheet);
        html!(out; "</head><body>");
        self.header(&mut out);
        html!(out; "<main>");
        content(&mut out);
        html!(out; "</main></body></html>\n");
        out.into_string()
    }

    fn header(&self, out: &mut Markup) {
        let Some(name) = self.theme.name() else { return };
        html!(out; "<header>");
        if let Some(logo) = self.theme.logo_uri() {
            // The name is next to the logo, so the logo needs no alternative text.
            html!(out; r#"<img src=""# (logo) r#"" alt="">"#);
        }
        html!(out; "<span>" (name) "</span></header>");
    }
}

impl Pages for BuiltInPages {
    fn built_in(&self) -> &BuiltInPages {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::test_parsed_page::{HtmlToken, ParsedPage};
    use crate::pages::test_samples::{every_page, hostile_text};
    use base64::Engine as _;
    use proptest::prelude::*;
    use sha2::Digest as _;

    fn policy_of(html: &Html) -> String {
        let (_, value) =
            html.headers().into_iter().find(|(name, _)| name == "content-security-policy").unwrap();
        value.to_str().unwrap().to_owned()
    }

    fn themed() -> BuiltInPages {
        let theme = Theme::builder("Notes & <more>")
            .logo_uri("https://cdn.example/logo.svg?a=1&b=\"2\"")
            .accent("#ff0");
        BuiltInPages::new(theme.build().unwrap())
    }

    #[test]
    fn every_page_is_well_formed_and_has_its_own_policy() {
        for pages in [BuiltInPages::default(), themed()] {
            let logo = pages.theme().logo_uri().is_some();
            for (name, html) in every_page(&pages, "R&D <b>\"x\"</b>") {
                let page = ParsedPage::checked(html.body());
                let style = page.text_of("style");
                let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
                let script = if name == "form_post" {
                    let digest = sha2::Sha256::digest(page.text_of("script"));
                    format!(
                        "; script-src 'sha256-{}'",
                        base64::engine::general_purpose::STANDARD.encode(digest)
                    )
                } else {
                    assert!(page.all("script").is_empty(), "{name}");
                    String::new()
                };
                let images = if logo { "; img-src https://cdn.example" } else { "" };
                assert_eq!(
                    policy_of(&html),
                    format!(
                        "default-src 'none'{script}; style-src 'sha256-{digest}'{images}; base-uri 'none'; frame-ancestors 'none'"
                    ),
                    "{name}"
                );
                let referrer = if name == "form_post" { "strict-origin" } else { "same-origin" };
                assert!(
                    html.headers().iter().any(|(name, value)| name == "referrer-policy" && value == referrer)
                );
            }
        }
    }

    #[test]
    fn a_theme_without_a_name_leaves_no_gap() {
        for (name, html) in every_page(&BuiltInPages::default(), "x") {
            let page = ParsedPage::checked(html.body());
            assert!(page.all("header").is_empty(), "{name}");
            assert!(!page.text_of("title").contains('–'), "{name}");
        }
    }

    #[test]
    fn the_theme_is_on_every_page() {
        for (name, html) in every_page(&themed(), "x") {
            let page = ParsedPage::checked(html.body());
            assert_eq!(page.only("img")["src"], "https://cdn.example/logo.svg?a=1&b=\"2\"", "{name}");
            assert!(page.text_of("title").ends_with(" – Notes & <more>"), "{name}");
            assert!(page.text_of("style").contains("--accent:#ffff00;--on-accent:#000000;"), "{name}");
        }
    }

    /// The tags and the names of their attributes, which no text may change.
    fn skeleton(html: &Html) -> Vec<String> {
        let tokens = ParsedPage::checked(html.body()).tokens;
        let tags = tokens.into_iter().filter_map(|token| match token {
            HtmlToken::Open { name, attributes } => {
                Some(format!("<{name} {:?}>", attributes.keys().collect::<Vec<_>>()))
            }
            HtmlToken::Close(name) => Some(format!("</{name}>")),
            HtmlToken::Doctype => Some("<!DOCTYPE>".to_owned()),
            HtmlToken::Comment => Some("<!-- -->".to_owned()),
            HtmlToken::Text(_) => None,
        });
        tags.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_text_changes_the_structure_of_a_page(text in hostile_text()) {
            // For a blank name the page shows the client id instead.
            prop_assume!(!text.trim().is_empty());
            let pages = themed();
            for ((name, plain), (_, hostile)) in every_page(&pages, "plain").into_iter().zip(every_page(&pages, &text)) {
                prop_assert_eq!(skeleton(&plain), skeleton(&hostile), "{}", name);
            }
        }
    }
}
