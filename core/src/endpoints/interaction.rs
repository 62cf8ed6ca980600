use std::sync::Arc;

use http::StatusCode;
use http::header::{ACCEPT_LANGUAGE, RETRY_AFTER};

use super::form::Browser;
use crate::clients::authority_of;
use crate::engine::Engine;
use crate::grant::Extension;
use crate::guard::ScopeDescription;
use crate::http::{Request, Response};
use crate::identity::{CookieKind, OwnSession};
use crate::model::{Authentication, Client, GrantData};
use crate::pages::{ClientInfo, ErrorPage, Language, Pages, ScopeInfo, WebUri};
use crate::protocol::{OAuthError, RedirectUri};

/// What endpoints with pages need: the pages, and who is signed in in a browser.
pub(crate) struct Interaction {
    pub(crate) pages: Arc<dyn Pages>,
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

    /// Who is signed in in the browser that sent this request.
    pub(crate) async fn signed_in(
        &self,
        engine: &Engine,
        request: &Request,
        browser: &mut Browser,
    ) -> Result<Option<Authentication>, OAuthError> {
        match &self.own_session {
            Some(own) => self.own_authentication(&**own, request).await,
            None => browser.find_session(engine).await,
        }
    }

    /// Who is signed in in the browser that sent this request, for a page without a form.
    pub(crate) async fn find(
        &self,
        engine: &Engine,
        request: &Request,
    ) -> Result<Option<Authentication>, OAuthError> {
        if let Some(own) = &self.own_session {
            return self.own_authentication(&**own, request).await;
        }
        for session in engine.sessions.cookie(CookieKind::Session, request.headers()) {
            if let Some(signed_in) = engine.sessions.find(&session).await? {
                return Ok(Some(signed_in));
            }
        }
        Ok(None)
    }

    /// The page for an error that no client is told.
    pub(crate) fn error_page(&self, language: &Language, error: &OAuthError) -> Response {
        error.log();
        let texts = language.texts();
        let (title, advice) = match error.status() {
            StatusCode::TOO_MANY_REQUESTS => (&texts.error_tries, &texts.error_tries_advice),
            status if status.is_server_error() => (&texts.error_server, &texts.error_server_advice),
            _ => (&texts.error_request, &texts.error_request_advice),
        };
        let mut page = ErrorPage::new(language, error.status(), title, advice);
        page.detail = Some(error.description());
        let mut response = self.pages.error(&page).into_response(error.status());
        if let Some(seconds) = error.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
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

/// What a page says that asks the user, beside the scopes.
pub(crate) fn consent_texts(
    extensions: &[Arc<dyn Extension>],
    kept: &GrantData,
    language: &Language,
) -> Vec<String> {
    extensions.iter().flat_map(|extension| extension.consent_texts(kept, language.tag())).collect()
}

/// What the pages show of a client, in this language where the client has it (RFC 7591 section 2.2).
pub(crate) fn client_info<'a>(client: &'a Client, language: &Language) -> ClientInfo<'a> {
    let tag = language.tag();
    let link = |member| client.localized(member, tag).and_then(|uri| WebUri::parse(uri).ok());
    let mut info = ClientInfo::new(client.id());
    info.name = client.localized("client_name", tag);
    info.uri = link("client_uri");
    info.policy_uri = link("policy_uri");
    info.tos_uri = link("tos_uri");
    info.self_registered = client.is_self_registered();
    if client.is_self_registered() {
        info.document_host = authority_of(client.id());
        let is_local = |uri: &RedirectUri| uri.as_str().starts_with("http://");
        info.loopback_only =
            !client.redirect_uris().is_empty() && client.redirect_uris().iter().all(is_local);
    }
    info
}
