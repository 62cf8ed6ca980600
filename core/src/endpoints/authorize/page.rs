//! The sign-in page and the consent page.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::checks::ValidRequest;
use super::consent;
use super::failure::Failure;
use super::source::REQUEST;
use super::visit::Visit;
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::{client_info, logo_path};
use crate::http::Response;
use crate::model::Authentication;
use crate::pages::{ConsentPage, Destination, Form, ScopeInfo, SignInFailure, SignInPage};
use crate::protocol::Scope;

pub(super) fn sign_in_page(
    visit: Visit<'_>,
    browser: &Browser,
    valid: &ValidRequest<'_>,
    username: Option<&str>,
    failure: Option<SignInFailure>,
) -> Result<Response, Failure> {
    let carried = valid.request.parameters.encode_without(&[]);
    let token = browser.csrf_token(Purpose::SignIn, &carried)?;
    let hidden = [(CSRF, token.as_str()), (REQUEST, carried.as_str())];
    let action = visit.form_action();
    let destination = Destination::new(valid.request.redirect.as_str());
    let mut page = SignInPage::new(visit.language, Form { action: &action, hidden: &hidden });
    let logo = logo_path(visit.engine, &valid.request.client);
    let mut client = client_info(&valid.request.client);
    client.logo = logo.as_deref();
    page.client = Some(client);
    page.destination = Some(&destination);
    page.username = username.or(valid.request.parameter("login_hint"));
    page.failure = failure;
    let status = match failure {
        None => StatusCode::OK,
        Some(SignInFailure::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInFailure::FormExpired) => StatusCode::FORBIDDEN,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = visit.interaction.pages.sign_in(&page).into_response(status);
    if let Some(SignInFailure::TooManyTries { retry_after_secs }) = failure {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
    }
    Ok(browser.with_form(visit.engine, response)?)
}

pub(super) fn consent_purpose<'a>(scope: &'a Scope, signed_in: &'a Authentication) -> Purpose<'a> {
    Purpose::Consent { subject: signed_in.user().subject(), scope: scope.as_str() }
}

pub(super) fn consent_page(
    visit: Visit<'_>,
    browser: &Browser,
    valid: &ValidRequest<'_>,
    signed_in: &Authentication,
) -> Result<Response, Failure> {
    let carried = valid.request.parameters.encode_without(&[]);
    let scope = consent::asked_for(valid);
    let token = browser.csrf_token(consent_purpose(&scope, signed_in), &carried)?;
    let hidden = [(CSRF, token.as_str()), (REQUEST, carried.as_str())];
    let scopes: Vec<ScopeInfo<'_>> =
        scope.iter().map(|token| visit.interaction.scope_info(token, visit.language)).collect();
    let logo = logo_path(visit.engine, &valid.request.client);
    let mut client = client_info(&valid.request.client);
    client.logo = logo.as_deref();
    let page = visit.interaction.pages.consent(&ConsentPage::new(
        visit.language,
        Form { action: &visit.form_action(), hidden: &hidden },
        client,
        Destination::new(valid.request.redirect.as_str()),
        signed_in.user().username(),
        &scopes,
    ));
    Ok(browser.with_form(visit.engine, page.into_response(StatusCode::OK))?)
}
