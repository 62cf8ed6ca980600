//! The page for errors that must not be sent to the client.

use http::StatusCode;

use super::language::Language;
use super::markup::{Markup, html};
use super::parts;

/// Shows an error when no redirect may happen: the client is unknown, the redirect URI does not match, or the server
/// is temporarily unavailable.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ErrorPage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The status of the response.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: &'a str,
    /// What the user can do about it.
    pub description: &'a str,
    /// What the client's developers need to know to fix it, in English. Everybody can see it, so it must not reveal internals.
    pub detail: Option<&'a str>,
}

impl<'a> ErrorPage<'a> {
    /// An error page without a detail.
    #[must_use]
    pub fn new(language: &'a Language, status: StatusCode, title: &'a str, description: &'a str) -> Self {
        Self { language, status, title, description, detail: None }
    }
}

pub(super) fn write(out: &mut Markup, page: &ErrorPage<'_>) {
    html!(out; "<h1>" (page.title) "</h1><p>" (page.description) r#"</p><p class="note">"#);
    parts::phrase(out, &page.language.texts().error_status, |out| out.text(page.status.as_str()));
    if let Some(detail) = page.detail {
        html!(out; r#": <span lang="en">"#);
        parts::isolated(out, detail);
        html!(out; "</span>");
    }
    html!(out; "</p>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::Language;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::test_samples::ENGLISH;

    #[test]
    fn an_error_is_shown_and_links_nowhere() {
        let description = "The application sent you here with an address that is not its own.";
        let mut view =
            ErrorPage::new(&ENGLISH, StatusCode::BAD_REQUEST, "This link does not work", description);
        let plain = ParsedPage::checked(BuiltInPages::default().error(&view).body());
        assert!(plain.text().trim_end().ends_with("Error 400"), "{}", plain.text());
        view.detail = Some("redirect_uri is not <one> of its own");
        let page = ParsedPage::checked(BuiltInPages::default().error(&view).body());
        for shown in
            ["This link does not work", description, "Error 400: redirect_uri is not <one> of its own"]
        {
            assert!(page.text().contains(shown), "{shown}");
        }
        for element in ["a", "form", "img", "script", "button"] {
            assert!(page.all(element).is_empty(), "{element}");
        }
        assert!(page.all("meta").iter().all(|meta| !meta.contains_key("http-equiv")));
    }
    #[test]
    fn the_detail_is_marked_as_english() {
        let german = Language::german();
        let mut view = ErrorPage::new(&german, StatusCode::BAD_REQUEST, "Fehler", "Gehen Sie zurück.");
        view.detail = Some("client_id is missing");
        let page = ParsedPage::checked(BuiltInPages::default().error(&view).body());
        assert_eq!((page.only("html")["lang"].as_str(), page.only("span")["lang"].as_str()), ("de", "en"));
        assert!(page.text().contains("Fehler 400: client_id is missing"), "{}", page.text());
    }
}
