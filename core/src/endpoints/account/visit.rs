use super::request::Query;
use crate::endpoints::Interaction;
use crate::engine::Engine;
use crate::http::{Request, Response};
use crate::pages::Language;
use crate::protocol::OAuthError;

/// The path of the endpoint, below the mount path.
pub(super) const PATH: &str = "/account";

/// The path of the page on the server's own origin.
pub(crate) fn account_path(engine: &Engine) -> String {
    engine.path(PATH)
}

/// A request to the endpoint, with what is needed to respond.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) engine: &'a Engine,
    pub(super) interaction: &'a Interaction,
    pub(super) http: &'a Request,
    /// The language of the pages.
    pub(super) language: &'a Language,
}

impl<'a> Visit<'a> {
    pub(super) fn in_language_of(self, query: &Query) -> Self {
        Self { language: self.interaction.language(self.http, query.ui_locales.as_deref()), ..self }
    }

    /// The path of the endpoint, with the query.
    pub(super) fn own_path(self, query: &Query) -> String {
        let path = account_path(self.engine);
        match query.encode() {
            encoded if encoded.is_empty() => path,
            encoded => format!("{path}?{encoded}"),
        }
    }

    /// The response; a page if the request failed.
    pub(super) fn settle(self, answered: Result<Response, OAuthError>) -> Response {
        answered.unwrap_or_else(|error| self.interaction.error_page(self.language, &error))
    }
}
