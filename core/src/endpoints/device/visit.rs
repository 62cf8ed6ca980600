use std::sync::Arc;

use crate::endpoints::Interaction;
use crate::endpoints::form::Browser;
use crate::engine::Engine;
use crate::grant::Extension;
use crate::http::{Request, Response};
use crate::model::Authentication;
use crate::pages::Language;
use crate::protocol::{OAuthError, Parameters};

/// The path of the page, below the mount path.
pub(super) const PATH: &str = "/device";

/// The field and the parameter with the code.
pub(super) const USER_CODE: &str = "user_code";

/// The field of the later forms with the code that was entered.
pub(super) const CARRIED: &str = "device_request";

/// The field and the parameter with the languages that the user prefers.
pub(super) const UI_LOCALES: &str = "ui_locales";

/// A request to the page, with what is needed to respond.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) engine: &'a Engine,
    /// Those of the device grant.
    pub(super) extensions: &'a [Arc<dyn Extension>],
    pub(super) interaction: &'a Interaction,
    pub(super) http: &'a Request,
    /// The languages that the user asked for, if any.
    pub(super) ui_locales: Option<&'a str>,
    /// The language of the pages.
    pub(super) language: &'a Language,
}

impl<'a> Visit<'a> {
    /// The same visit, in the language that these parameters ask for.
    pub(super) fn in_language_of(self, parameters: &'a Parameters) -> Self {
        let ui_locales = parameters.get(UI_LOCALES);
        Self { ui_locales, language: self.interaction.language(self.http, ui_locales), ..self }
    }

    /// Who is signed in in this browser.
    pub(super) async fn signed_in(self, browser: &mut Browser) -> Result<Option<Authentication>, OAuthError> {
        self.interaction.signed_in(self.engine, self.http, browser).await
    }

    /// The path of the page on the server's own origin, to which the forms are posted.
    pub(super) fn form_action(self) -> String {
        self.engine.path(PATH)
    }

    /// The response; a page if the request failed.
    pub(super) fn settle(self, answered: Result<Response, OAuthError>) -> Response {
        answered.unwrap_or_else(|error| self.interaction.error_page(self.language, &error))
    }
}
