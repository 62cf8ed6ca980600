use std::sync::Arc;

use crate::guard::ScopeDescription;
use crate::http::Request;
use crate::identity::{OwnSession, Sessions};
use crate::model::Authentication;
use crate::pages::{Pages, ScopeInfo};
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
    /// The description of a scope token.
    pub(crate) fn scope_info<'a>(&'a self, token: &'a str) -> ScopeInfo<'a> {
        let own = self.scopes.iter().find(|scope| scope.token == token && !scope.words.is_empty());
        own.map_or(ScopeInfo::standard(token), |scope| ScopeInfo { token, description: Some(scope.words) })
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
