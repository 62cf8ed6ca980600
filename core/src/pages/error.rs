//! The page for what cannot be told to the client.

use http::StatusCode;

use super::markup::{Markup, html};
use super::parts;

/// Says what went wrong where no redirect may happen: the client is unknown, the redirect URI does not match, or the
/// server cannot work just now.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ErrorPage<'a> {
    /// The status that the page goes out with.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: &'a str,
    /// What the reader can do about it.
    pub description: &'a str,
    /// What the makers of the application have to know to mend it. It is for everybody to see: no inner detail.
    pub detail: Option<&'a str>,
}

impl<'a> ErrorPage<'a> {
    /// A page for `status`.
    #[must_use]
    pub fn new(status: StatusCode, title: &'a str, description: &'a str) -> Self {
        Self { status, title, description, detail: None }
    }
}

pub(super) fn write(out: &mut Markup, page: &ErrorPage<'_>) {
    html!(out; "<h1>" (page.title) "</h1><p>" (page.description) r#"</p><p class="note">Error "# (page.status.as_str()));
    if let Some(detail) = page.detail {
        html!(out; ": ");
        parts::isolated(out, detail);
    }
    html!(out; "</p>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_support::Read;

    #[test]
    fn an_error_is_told_and_leads_nowhere() {
        let description = "The application sent you here with an address that is not its own.";
        let mut view = ErrorPage::new(StatusCode::BAD_REQUEST, "This link does not work", description);
        let plain = Read::checked(BuiltInPages::default().error(&view).body());
        assert!(plain.text().trim_end().ends_with("Error 400"), "{}", plain.text());
        view.detail = Some("redirect_uri is not <one> of its own");
        let page = Read::checked(BuiltInPages::default().error(&view).body());
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
}
