use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::look_up::Waiting;
use super::visit::{CARRIED, UI_LOCALES, Visit};
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::{client_info, consent_texts, logo_path, sign_in};
use crate::http::Response;
use crate::model::{Authentication, Client};
use crate::pages::{
    DeviceCodeFailure, DeviceCodePage, DeviceConfirmPage, DeviceDonePage, Form, ScopeInfo, SignInFailure,
    SignInPage,
};
use crate::protocol::OAuthError;

/// The longest text that is shown again in the input, in bytes.
const LONGEST_SHOWN: usize = 64;

/// The fields that a form carries.
fn hidden<'a>(visit: Visit<'a>, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let ui_locales = visit.ui_locales.map(|ui_locales| (UI_LOCALES, ui_locales));
    fields.iter().copied().chain(ui_locales).collect()
}

/// Asks for the code.
pub(super) fn code_page(
    visit: Visit<'_>,
    browser: &Browser,
    code: Option<&str>,
    failure: Option<DeviceCodeFailure>,
) -> Result<Response, OAuthError> {
    let token = browser.csrf_token(Purpose::UserCode, "")?;
    let (action, hidden) = (visit.form_action(), hidden(visit, &[(CSRF, &token)]));
    let mut page = DeviceCodePage::new(visit.language, Form { action: &action, hidden: &hidden });
    page.user_code = code.filter(|code| code.len() <= LONGEST_SHOWN);
    page.failure = failure;
    let status = match failure {
        None => StatusCode::OK,
        Some(DeviceCodeFailure::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(DeviceCodeFailure::FormExpired) => StatusCode::FORBIDDEN,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = visit.interaction.pages.device_code(&page).into_response(status);
    if let Some(DeviceCodeFailure::TooManyTries { retry_after_secs }) = failure {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
    }
    browser.with_form(visit.engine, response)
}

/// Asks to sign in, for a device that is known.
pub(super) fn sign_in_page(
    visit: Visit<'_>,
    browser: &Browser,
    waiting: &Waiting,
    username: Option<&str>,
    failure: Option<SignInFailure>,
) -> Result<Response, OAuthError> {
    let carried = waiting.user_code.to_string();
    let token = browser.csrf_token(Purpose::SignIn, &carried)?;
    let (action, hidden) = (visit.form_action(), hidden(visit, &[(CSRF, &token), (CARRIED, &carried)]));
    let mut page = SignInPage::new(visit.language, Form { action: &action, hidden: &hidden });
    let logo = logo_path(visit.engine, &waiting.client);
    let mut client = client_info(&waiting.client, visit.language);
    client.logo = logo.as_deref();
    page.client = Some(client);
    page.username = username;
    page.failure = failure;
    sign_in::sign_in_page(visit.engine, visit.interaction, browser, &page)
}

pub(super) fn decision_purpose<'a>(code: &'a str, signed_in: &'a Authentication) -> Purpose<'a> {
    Purpose::Device { subject: signed_in.user().subject(), code }
}

/// Asks whether to allow what the device asks for. Always, whatever was allowed before and whoever runs the client (RFC 8628
/// section 5.4).
pub(super) fn confirm_page(
    visit: Visit<'_>,
    browser: &Browser,
    waiting: &Waiting,
    signed_in: &Authentication,
) -> Result<Response, OAuthError> {
    let (device, carried) = (&waiting.device, waiting.user_code.to_string());
    let token = browser.csrf_token(decision_purpose(&device.digest.to_text(), signed_in), &carried)?;
    let (action, hidden) = (visit.form_action(), hidden(visit, &[(CSRF, &token), (CARRIED, &carried)]));
    let scopes: Vec<ScopeInfo<'_>> =
        device.scope.iter().map(|token| visit.interaction.scope_info(token, visit.language)).collect();
    let logo = logo_path(visit.engine, &waiting.client);
    let mut client = client_info(&waiting.client, visit.language);
    client.logo = logo.as_deref();
    let form = Form { action: &action, hidden: &hidden };
    let user = signed_in.user().username();
    let mut page = DeviceConfirmPage::new(visit.language, form, client, &carried, user, &scopes);
    page.source = device.source.as_deref();
    let details = consent_texts(visit.extensions, &device.data, visit.language);
    page.details = &details;
    let page = visit.interaction.pages.device_confirm(&page);
    browser.with_form(visit.engine, page.into_response(StatusCode::OK))
}

/// Says what was decided.
pub(super) fn done_page(
    visit: Visit<'_>,
    browser: &Browser,
    client: &Client,
    allowed: bool,
) -> Result<Response, OAuthError> {
    let page = DeviceDonePage::new(visit.language, client_info(client, visit.language), allowed);
    let page = visit.interaction.pages.device_done(&page);
    browser.with_session(visit.engine, page.into_response(StatusCode::OK))
}
