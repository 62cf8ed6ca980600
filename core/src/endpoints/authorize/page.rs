//! The sign-in page and the consent page.

use http::StatusCode;

use super::checks::ValidRequest;
use super::consent;
use super::failure::Failure;
use super::source::{OTHER_ACCOUNT, REQUEST};
use super::visit::Visit;
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::{client_info, consent_texts, logo_path, sign_in};
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
    let carried = valid.carried().encode_without(&[]);
    let token = browser.csrf_token(Purpose::SignIn, &carried)?;
    let hidden = [(CSRF, token.as_str()), (REQUEST, carried.as_str())];
    let action = visit.form_action();
    let destination = Destination::new(valid.request.redirect.as_str());
    let mut page = SignInPage::new(visit.language, Form { action: &action, hidden: &hidden });
    let logo = logo_path(visit.engine, &valid.request.client);
    let mut client = client_info(&valid.request.client, visit.language);
    client.logo = logo.as_deref();
    page.client = Some(client);
    page.destination = Some(&destination);
    page.username = username.or(valid.request.parameter("login_hint"));
    page.failure = failure;
    Ok(sign_in::sign_in_page(visit.engine, visit.interaction, browser, &page)?)
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
    let carried = valid.carried().encode_without(&[]);
    let scope = consent::asked_for(valid);
    let token = browser.csrf_token(consent_purpose(&scope, signed_in), &carried)?;
    let hidden = [(CSRF, token.as_str()), (REQUEST, carried.as_str())];
    let scopes: Vec<ScopeInfo<'_>> =
        scope.iter().map(|token| visit.interaction.scope_info(token, visit.language)).collect();
    let logo = logo_path(visit.engine, &valid.request.client);
    let mut client = client_info(&valid.request.client, visit.language);
    client.logo = logo.as_deref();
    let action = visit.form_action();
    let mut page = ConsentPage::new(
        visit.language,
        Form { action: &action, hidden: &hidden },
        client,
        Destination::new(valid.request.redirect.as_str()),
        signed_in.user().username(),
        &scopes,
    );
    page.other_account = Some(OTHER_ACCOUNT);
    let details = consent_texts(valid.extensions, &valid.plan.keep, visit.language);
    page.details = &details;
    let page = visit.interaction.pages.consent(&page);
    Ok(browser.with_form(visit.engine, page.into_response(StatusCode::OK))?)
}
