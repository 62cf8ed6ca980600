use crate::endpoints::Interaction;
use crate::engine::Engine;
use crate::http::{Request, Response};
use crate::pages::Language;
use crate::protocol::{OAuthError, Parameters};

/// The path of the endpoint, below the mount path.
pub(super) const PATH: &str = "/end_session";

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
    pub(super) fn in_language_of(self, request: &Parameters) -> Self {
        Self { language: self.interaction.language(self.http, request.get("ui_locales")), ..self }
    }

    /// The response; a page if the request failed.
    pub(super) fn settle(self, answered: Result<Response, OAuthError>) -> Response {
        answered.unwrap_or_else(|error| self.interaction.error_page(self.language, &error))
    }
}
