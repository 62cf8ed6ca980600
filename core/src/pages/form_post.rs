//! The page that carries an authorization response to the client in a form (OAuth 2.0 Form Post Response Mode).

use std::fmt;

use super::client_info::ClientInfo;
use super::form::NamesOnly;
use super::language::Language;
use super::markup::{Markup, html};
use super::parts;
use super::web_uri::WebUri;

/// Submits the form. It calls the prototype's method, because a parameter named `submit` would shadow the form's own.
pub(super) const SCRIPT: &str = "HTMLFormElement.prototype.submit.call(document.forms[0])";

/// Posts the parameters of an authorization response to the client: automatically if scripts run, otherwise when the
/// user presses the button.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct FormPostPage<'a> {
    /// The language of the page.
    pub language: &'a Language,
    /// The client's redirect URI, already validated.
    pub action: WebUri<'a>,
    /// Name and value of each response parameter. One of them may be a code or a token.
    pub parameters: &'a [(&'a str, &'a str)],
    /// The client that receives the response.
    pub client: ClientInfo<'a>,
}

impl<'a> FormPostPage<'a> {
    /// A page that posts `parameters` to `action`.
    #[must_use]
    pub fn new(
        language: &'a Language,
        action: WebUri<'a>,
        parameters: &'a [(&'a str, &'a str)],
        client: ClientInfo<'a>,
    ) -> Self {
        Self { language, action, parameters, client }
    }
}

/// Shows the names of the parameters only: a value may be a code or a token.
impl fmt::Debug for FormPostPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormPostPage")
            .field("action", &self.action)
            .field("parameters", &NamesOnly(self.parameters))
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

pub(super) fn write(out: &mut Markup, page: &FormPostPage<'_>) {
    let texts = page.language.texts();
    html!(out; "<h1>" (&texts.form_post) "</h1>");
    parts::lead(out, &texts.on_the_way, &page.client);
    html!(out; r#"<form method="post" action=""# (page.action.as_str()) r#"">"#);
    parts::hidden_inputs(out, page.parameters);
    html!(out; r#"<div class="actions"><button type="submit">"# (&texts.go_on) "</button></div></form><script>");
    out.fixed(SCRIPT);
    html!(out; "</script>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::BuiltInPages;
    use crate::pages::test_parsed_page::ParsedPage;
    use crate::pages::test_samples::ENGLISH;

    const PARAMETERS: &[(&str, &str)] =
        &[("code", "c0de"), ("state", "a&b\"<c>"), ("iss", "https://id.example.com")];

    fn view() -> FormPostPage<'static> {
        let action = WebUri::parse("https://client.example.com/cb?a=1&b=2").unwrap();
        FormPostPage::new(&ENGLISH, action, PARAMETERS, ClientInfo::new("web"))
    }

    #[test]
    fn the_form_contains_exactly_the_response() {
        let page = ParsedPage::checked(BuiltInPages::default().form_post(&view()).body());
        let form = page.only("form");
        assert_eq!(
            (form["method"].as_str(), form["action"].as_str()),
            ("post", "https://client.example.com/cb?a=1&b=2")
        );
        assert_eq!(page.hidden_inputs(), PARAMETERS);
        assert!(!page.only("button").contains_key("name"), "a named button would be one more parameter");
    }

    #[test]
    fn a_parameter_named_submit_does_not_stop_the_script() {
        let html = BuiltInPages::default().form_post(&view());
        let page = ParsedPage::checked(html.body());
        assert_eq!(page.all("script").len(), 1);
        assert!(!page.text_of("script").contains("forms[0].submit"));
    }

    #[test]
    fn debug_output_contains_no_value() {
        let shown = format!("{:?}", view());
        assert!(shown.contains("code") && !shown.contains("c0de"));
    }
}
