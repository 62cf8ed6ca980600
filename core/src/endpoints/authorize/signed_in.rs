use super::form::Browser;
use super::visit::Visit;
use crate::model::Authentication;
use crate::protocol::OAuthError;

/// Who is signed in in the browser that sent this request.
pub(super) async fn signed_in(visit: Visit<'_>) -> Result<Option<Authentication>, OAuthError> {
    current(visit, &mut Browser::of(visit)?).await
}

/// Who is signed in in this browser.
pub(super) async fn current(
    visit: Visit<'_>,
    browser: &mut Browser,
) -> Result<Option<Authentication>, OAuthError> {
    match &visit.interaction.own_session {
        Some(own) => visit.interaction.own_authentication(&**own, visit.http).await,
        None => browser.find_session(visit).await,
    }
}
