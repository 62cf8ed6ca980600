//! [`BuiltInPages`]: the pages that come with gridauth.

use url::Url;

use super::html::policy_header;
use super::language::{Direction, Language};
use super::languages::Languages;
use super::markup::{Markup, html};
use super::stylesheet::Stylesheet;
use super::{
    AccountPage, ClientInfo, ConsentPage, ContentSecurityPolicy, DeviceCodePage, DeviceConfirmPage,
    DeviceDonePage, ErrorPage, FormPostPage, Html, LogoutConfirmPage, LogoutDonePage, Pages, ReferrerPolicy,
    SignInPage, Source, Theme, WebUri, account, consent, device, error, form_post, logout, sign_in,
};

/// The built-in pages in a [`Theme`].
///
/// ```
/// use gridauth::pages::{BuiltInPages, ErrorPage, Language};
/// use http::StatusCode;
///
/// let pages = BuiltInPages::default();
/// let german = Language::german();
/// let page = ErrorPage::new(&german, StatusCode::BAD_REQUEST, "Dieser Link geht nicht", "Gehen Sie zurück.");
/// let response = pages.error(&page).into_response(page.status);
/// assert_eq!(response.status(), 400);
/// ```
#[derive(Clone, Debug)]
pub struct BuiltInPages {
    theme: Theme,
    stylesheet: Stylesheet,
    policy: ContentSecurityPolicy,
}

impl Default for BuiltInPages {
    fn default() -> Self {
        Self::new(Theme::default())
    }
}

/// What differs between the documents of two pages, apart from their content.
struct Head<'a> {
    language: &'a Language,
    title: &'a str,
    /// Where the browser goes by itself after [`REFRESH_AFTER_SECS`].
    refresh: Option<&'a str>,
}

/// Time for the frames of a page to load, and for the user to read it.
const REFRESH_AFTER_SECS: &str = "3";

impl BuiltInPages {
    /// The built-in pages with this theme.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        let stylesheet = Stylesheet::of(&theme);
        let mut policy = ContentSecurityPolicy::nothing().inline_style(stylesheet.css());
        if let Some(source) = theme.logo_source() {
            policy = policy.images_from(source.clone());
        }
        Self { theme, stylesheet, policy }
    }

    /// The theme of the pages.
    #[must_use]
    pub fn theme(&self) -> &Theme {
        &self.theme
    }

    /// See [`Pages::languages`].
    #[must_use]
    pub fn languages(&self) -> &Languages {
        self.theme.languages()
    }

    /// See [`Pages::sign_in`].
    pub fn sign_in(&self, page: &SignInPage<'_>) -> Html {
        let head = Head::new(page.language, &page.language.texts().sign_in);
        let policy = self.policy_with_logo(page.client.as_ref());
        self.page(head, &policy, |out| sign_in::write(out, page))
    }

    /// See [`Pages::consent`].
    pub fn consent(&self, page: &ConsentPage<'_>) -> Html {
        let head = Head::new(page.language, &page.language.texts().consent);
        let policy = self.policy_with_logo(Some(&page.client));
        self.page(head, &policy, |out| consent::write(out, page))
    }

    /// See [`Pages::error`].
    pub fn error(&self, page: &ErrorPage<'_>) -> Html {
        self.page(Head::new(page.language, page.title), &self.policy, |out| error::write(out, page))
    }

    /// See [`Pages::form_post`].
    ///
    /// The page has [`ReferrerPolicy::StrictOrigin`], so the client learns the server's origin, which `iss` (RFC
    /// 9207) tells it anyway. With [`ReferrerPolicy::SameOrigin`] the browser would send `Origin: null`, and a client
    /// that checks the origin of its forms would reject the response.
    pub fn form_post(&self, page: &FormPostPage<'_>) -> Html {
        let head = Head::new(page.language, &page.language.texts().form_post);
        let policy = self.policy.clone().inline_script(form_post::SCRIPT);
        self.page(head, &policy, |out| form_post::write(out, page))
            .with_referrer_policy(ReferrerPolicy::StrictOrigin)
    }

    /// See [`Pages::device_code`].
    pub fn device_code(&self, page: &DeviceCodePage<'_>) -> Html {
        let head = Head::new(page.language, &page.language.texts().device);
        self.page(head, &self.policy, |out| device::write_code(out, page))
    }

    /// See [`Pages::device_confirm`].
    pub fn device_confirm(&self, page: &DeviceConfirmPage<'_>) -> Html {
        let head = Head::new(page.language, &page.language.texts().device_confirm);
        self.page(head, &self.policy, |out| device::write_confirm(out, page))
    }

    /// See [`Pages::device_done`].
    pub fn device_done(&self, page: &DeviceDonePage<'_>) -> Html {
        let head = Head::new(page.language, device::done_heading(page));
        self.page(head, &self.policy, |out| device::write_done(out, page))
    }

    /// See [`Pages::account`].
    pub fn account(&self, page: &AccountPage<'_>) -> Html {
        let head = Head::new(page.language, &page.language.texts().account);
        self.page(head, &self.policy, |out| account::write(out, page))
    }

    /// See [`Pages::logout_confirm`].
    pub fn logout_confirm(&self, page: &LogoutConfirmPage<'_>) -> Html {
        let head = Head::new(page.language, &page.language.texts().sign_out_question);
        self.page(head, &self.policy, |out| logout::write_confirm(out, page))
    }

    /// See [`Pages::logout_done`].
    pub fn logout_done(&self, page: &LogoutDonePage<'_>) -> Html {
        let refresh = page.return_to.as_ref().map(|uri| uri.as_str());
        let head = Head { refresh, ..Head::new(page.language, page.heading()) };
        let mut policy = self.policy.clone();
        let mut frames = Vec::new();
        for frame in page.frames {
            if let Some(source) = origin_of(*frame) {
                policy = policy.frames_from(source);
                frames.push(*frame);
            }
        }
        self.page(head, &policy, |out| logout::write_done(out, page, &frames))
    }

    /// The policy of a page that shows the client's logo.
    fn policy_with_logo(&self, client: Option<&ClientInfo<'_>>) -> ContentSecurityPolicy {
        let policy = self.policy.clone();
        match client.and_then(ClientInfo::own_logo) {
            Some(_) => policy.images_from(Source::own_origin()),
            None => policy,
        }
    }

    fn page(
        &self,
        head: Head<'_>,
        policy: &ContentSecurityPolicy,
        content: impl FnOnce(&mut Markup),
    ) -> Html {
        let mut out = Markup::new();
        html!(out; r#"<!DOCTYPE html><html lang=""# (head.language.tag()) r#"""#);
        if head.language.direction() == Direction::RightToLeft {
            html!(out; r#" dir="rtl""#);
        }
        html!(out; r#"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">"#);
        if let Some(uri) = head.refresh {
            html!(out; r#"<meta http-equiv="refresh" content=""# (REFRESH_AFTER_SECS) "; url=" (uri) r#"">"#);
        }
        html!(out; "<title>" (head.title));
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
        Html::with_header(out.into_string(), policy_header(policy))
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

impl<'a> Head<'a> {
    fn new(language: &'a Language, title: &'a str) -> Self {
        Self { language, title, refresh: None }
    }
}

/// The origin of a frame, if a policy can name it.
fn origin_of(frame: WebUri<'_>) -> Option<Source> {
    Source::origin_of(&Url::parse(frame.as_str()).ok()?).ok()
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
    use crate::pages::test_samples::{ENGLISH, every_page, hostile_text};
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
            for (name, html) in every_page(&pages, &ENGLISH, "R&D <b>\"x\"</b>") {
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
                let of_client = matches!(name, "sign_in" | "sign_in_again" | "consent");
                let images = match (logo, of_client) {
                    (true, true) => "; img-src https://cdn.example 'self'",
                    (true, false) => "; img-src https://cdn.example",
                    (false, true) => "; img-src 'self'",
                    (false, false) => "",
                };
                let frames = if name == "logout_done" { "; frame-src https://shop.example" } else { "" };
                assert_eq!(
                    policy_of(&html),
                    format!(
                        "default-src 'none'{script}; style-src 'sha256-{digest}'{images}{frames}; base-uri 'none'; frame-ancestors 'none'"
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
        for (name, html) in every_page(&BuiltInPages::default(), &ENGLISH, "x") {
            let page = ParsedPage::checked(html.body());
            assert!(page.all("header").is_empty(), "{name}");
            assert!(!page.text_of("title").contains('–'), "{name}");
        }
    }

    #[test]
    fn the_theme_is_on_every_page() {
        for (name, html) in every_page(&themed(), &ENGLISH, "x") {
            let page = ParsedPage::checked(html.body());
            assert_eq!(page.all("img")[0]["src"], "https://cdn.example/logo.svg?a=1&b=\"2\"", "{name}");
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
            for ((name, plain), (_, hostile)) in every_page(&pages, &ENGLISH, "plain").into_iter().zip(every_page(&pages, &ENGLISH, &text)) {
                prop_assert_eq!(skeleton(&plain), skeleton(&hostile), "{}", name);
            }
        }
    }
}
