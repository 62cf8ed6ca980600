use crate::endpoints::Interaction;
use crate::endpoints::form::Browser;
use crate::engine::Engine;
use crate::grant::Registry;
use crate::http::Request;
use crate::model::Authentication;
use crate::pages::Language;
use crate::protocol::{OAuthError, Parameters};

/// The path of the endpoint, below the mount path.
pub(super) const PATH: &str = "/authorize";

/// A request to the authorization endpoint, with what is needed to respond.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) engine: &'a Engine,
    pub(super) grants: &'a Registry,
    pub(super) interaction: &'a Interaction,
    pub(super) http: &'a Request,
    /// The language of the pages.
    pub(super) language: &'a Language,
}

impl<'a> Visit<'a> {
    /// The same visit, with pages in the language that the authorization request asks for.
    pub(super) fn in_language_of(self, request: &Parameters) -> Self {
        Self { language: self.interaction.language(self.http, request.get("ui_locales")), ..self }
    }

    /// Who is signed in in the browser that sent this request.
    pub(super) async fn signed_in(self) -> Result<Option<Authentication>, OAuthError> {
        self.current(&mut Browser::of(self.engine, self.http).await?).await
    }

    /// Who is signed in in this browser.
    pub(super) async fn current(self, browser: &mut Browser) -> Result<Option<Authentication>, OAuthError> {
        self.interaction.signed_in(self.engine, self.http, browser).await
    }

    /// The path of the endpoint on the server's own origin, to which the forms are posted.
    pub(super) fn form_action(self) -> String {
        self.engine.path(PATH)
    }

    /// The path of the endpoint, with an authorization request as the query.
    pub(super) fn authorize_path(self, parameters: &Parameters) -> String {
        format!("{}?{}", self.form_action(), parameters.encode_without(&[]))
    }
}
