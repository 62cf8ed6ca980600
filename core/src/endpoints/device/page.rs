use std::sync::Arc;

use async_trait::async_trait;
use http::Method;

use super::interact;
use super::views::code_page;
use super::visit::{CARRIED, PATH, USER_CODE, Visit};
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest};
use crate::endpoints::Interaction;
use crate::endpoints::form::{Browser, CSRF, Purpose, comes_from_another_site};
use crate::grant::{DEVICE_CODE, Registry};
use crate::http::{Request, Response, form};
use crate::pages::DeviceCodeFailure;
use crate::protocol::{OAuthError, Parameters};

/// The page at which people enter the code of their device (RFC 8628 section 3.3).
pub(crate) struct DevicePage {
    pub(crate) grants: Arc<Registry>,
    pub(crate) interaction: Arc<Interaction>,
}

#[async_trait]
impl Endpoint for DevicePage {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET, Method::POST]
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let visit = Visit {
            engine: request.engine,
            extensions: self
                .grants
                .token_side(DEVICE_CODE)
                .map_or(&[], |(registered, _)| &registered.extensions),
            interaction: &self.interaction,
            http: request.http,
            ui_locales: None,
            language: self.interaction.language(request.http, None),
        };
        let read = match request.http.method() {
            &Method::POST => form(request.http),
            _ => query(request.http),
        };
        let parameters = match read {
            Ok(parameters) => parameters,
            Err(error) => return Ok(visit.settle(Err(error))),
        };
        let visit = visit.in_language_of(&parameters);
        let answered = match request.http.method() {
            &Method::POST => post(visit, &parameters).await,
            _ => get(visit, &parameters).await,
        };
        Ok(visit.settle(answered))
    }
}

/// The parameters of a link, each at most once.
fn query(request: &Request) -> Result<Parameters, OAuthError> {
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes())?;
    match parameters.repeated() {
        Some(_) => Err(OAuthError::invalid_request("a parameter is repeated")),
        None => Ok(parameters),
    }
}

/// A link, with a code (RFC 8628 section 3.3.1) or without. It shows a page and does nothing else.
async fn get(visit: Visit<'_>, parameters: &Parameters) -> Result<Response, OAuthError> {
    let browser = Browser::of(visit.engine, visit.http).await?;
    match parameters.get(USER_CODE) {
        Some(code) if is_opened_by_a_person(visit.http) => interact::enter(visit, browser, code).await,
        code => code_page(visit, &browser, code, None),
    }
}

/// Whether a browser shows the answer as a page of its own. Otherwise another site could use up the tries of whoever visits it, with
/// images whose addresses are wrong codes.
fn is_opened_by_a_person(request: &Request) -> bool {
    request.headers().get("sec-fetch-dest").is_none_or(|destination| destination == "document")
}

/// One of the forms. Which one its CSRF token says.
async fn post(visit: Visit<'_>, form: &Parameters) -> Result<Response, OAuthError> {
    if form.get(CSRF).is_some() && comes_from_another_site(visit.http) {
        return Err(OAuthError::invalid_request("the form was sent from another site"));
    }
    if let Some(carried) = form.get(CARRIED) {
        return interact::submitted(visit, form, carried).await;
    }
    let browser = Browser::of(visit.engine, visit.http).await?;
    let code = form.get(USER_CODE);
    if !browser.sent(form.get(CSRF).unwrap_or_default(), Purpose::UserCode, "") {
        return code_page(visit, &browser, code, Some(DeviceCodeFailure::FormExpired));
    }
    match code {
        Some(code) => interact::enter(visit, browser, code).await,
        None => code_page(visit, &browser, None, Some(DeviceCodeFailure::Missing)),
    }
}
