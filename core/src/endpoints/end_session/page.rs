//! The pages of the endpoint.

use http::StatusCode;

use super::request::{CARRIED, LogoutRequest};
use super::visit::{PATH, Visit};
use crate::endpoints::client_info;
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::http::{Response, see_other};
use crate::model::Authentication;
use crate::pages::{ClientInfo, Form, FormPostPage, LogoutConfirmPage, LogoutDonePage, ReturnUri, WebUri};
use crate::protocol::{OAuthError, Parameters};

/// Asks whether to sign out.
pub(super) fn question(
    visit: Visit<'_>,
    browser: &Browser,
    request: &LogoutRequest,
    signed_in: &Authentication,
) -> Result<Response, OAuthError> {
    let carried = request.parameters.encode_without(&[]);
    let token = browser.csrf_token(Purpose::SignOut { subject: signed_in.user().subject() }, &carried)?;
    let hidden = [(CSRF, token.as_str()), (CARRIED, carried.as_str())];
    let action = visit.engine.path(PATH);
    let mut page = LogoutConfirmPage::new(visit.language, Form { action: &action, hidden: &hidden });
    page.client = request.client.as_deref().map(|client| client_info(client, visit.language));
    page.user = Some(signed_in.user().username());
    let page = visit.interaction.pages.logout_confirm(&page);
    browser.with_form(visit.engine, page.into_response(StatusCode::OK))
}

/// Sends the browser on, or says what came of it. With frames there is a page in any case: they load in it.
pub(super) fn done(
    visit: Visit<'_>,
    request: &LogoutRequest,
    is_signed_out: bool,
    frames: &[String],
    return_to: Option<&str>,
) -> Result<Response, OAuthError> {
    if let Some(uri) = return_to.filter(|_| frames.is_empty()) {
        return see_other(uri);
    }
    let frames: Vec<WebUri<'_>> = frames.iter().filter_map(|uri| WebUri::parse(uri).ok()).collect();
    let mut page = LogoutDonePage::new(visit.language, is_signed_out);
    page.client = request.client.as_deref().map(|client| client_info(client, visit.language));
    page.frames = &frames;
    page.return_to = return_to.and_then(|uri| ReturnUri::parse(uri).ok());
    Ok(visit.interaction.pages.logout_done(&page).into_response(StatusCode::OK))
}

/// A page that sends the same request again, from here and so with the cookies.
pub(super) fn again(visit: Visit<'_>, parameters: &Parameters) -> Result<Response, OAuthError> {
    let url = visit.engine.url(PATH);
    let action = WebUri::parse(&url).map_err(OAuthError::server_error)?;
    let fields: Vec<(&str, &str)> = parameters.iter().collect();
    let here = ClientInfo::new(visit.engine.issuer());
    let page = FormPostPage::new(visit.language, action, &fields, here);
    Ok(visit.interaction.pages.form_post(&page).into_response(StatusCode::OK))
}
