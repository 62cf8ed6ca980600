use std::sync::Arc;

use http::header::ACCEPT_LANGUAGE;

use crate::guard::ScopeDescription;
use crate::http::Request;
use crate::identity::{OwnSession, Sessions};
use crate::model::Authentication;
use crate::pages::{Language, Pages, ScopeInfo};
use crate::protocol::OAuthError;

/// What endpoints with pages need: the pages, and who is signed in in a browser.
pub(crate) struct Interaction {
    pub(crate) pages: Arc<dyn Pages>,
    pub(crate) sessions: Sessions,
    /// If it is set, users sign in on the application's own pages.
    pub(crate) own_session: Option<Arc<dyn OwnSession>>,
    /// The scopes that the application describes.
    pub(crate) scopes: Vec<ScopeDescription>,
}

impl Interaction {
    /// The language for a user, by the request's `ui_locales` and the browser's `Accept-Language`.
    pub(crate) fn language(&self, request: &Request, ui_locales: Option<&str>) -> &Language {
        let accepted: Vec<&str> =
            request.headers().get_all(ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok()).collect();
        self.pages.languages().choose(ui_locales, Some(&accepted.join(",")))
    }

    /// The description of a scope token: the application's in this language, the one that it declares the scope with, or ours.
    pub(crate) fn scope_info<'a>(&'a self, token: &'a str, language: &'a Language) -> ScopeInfo<'a> {
        let declared = self.scopes.iter().filter(|scope| scope.token == token).map(|scope| scope.words);
        let own = language.scope(token).into_iter().chain(declared).find(|words| !words.is_empty());
        own.map_or(ScopeInfo::standard(token, language.texts()), |words| ScopeInfo {
            token,
            description: Some(words),
        })
    }

    /// The sign-in in the application's own session, if there is one.
    pub(crate) async fn own_authentication(
        &self,
        own: &dyn OwnSession,
        request: &Request,
    ) -> Result<Option<Authentication>, OAuthError> {
        let (parts, _) = request.clone().into_parts();
        Ok(own.authentication(&parts).await?)
    }
}
