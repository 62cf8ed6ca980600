//! The end session endpoint (OpenID Connect RP-Initiated Logout 1.0).
//!
//! 1. [`request`] reads and checks the parameters. What is wrong is told on a page, and nothing happens.
//! 2. [`interact`] signs out or asks first, and shows what came of it.

mod interact;
mod page;
mod request;
mod visit;

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;

use super::Interaction;
use super::form::{CSRF, LONGEST_QUERY, comes_from_another_site};
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::http::{Response, form_body, see_other};
use crate::identity::CookieKind;
use crate::protocol::{OAuthError, Parameters};
use visit::{PATH, Visit};

pub(crate) struct EndSession {
    pub(crate) interaction: Arc<Interaction>,
}

#[async_trait]
impl Endpoint for EndSession {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET, Method::POST]
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("end_session_endpoint", engine.url(PATH));
        metadata.insert("frontchannel_logout_supported", true);
        metadata.insert("frontchannel_logout_session_supported", true);
        if engine.fetch.is_some() {
            metadata.insert("backchannel_logout_supported", true);
            metadata.insert("backchannel_logout_session_supported", true);
        }
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let visit = Visit {
            engine: request.engine,
            interaction: &self.interaction,
            http: request.http,
            language: self.interaction.language(request.http, None),
        };
        let answered = match visit.http.method() {
            &Method::POST => post(visit).await,
            _ => begin(visit, visit.http.uri().query().unwrap_or_default().as_bytes()).await,
        };
        Ok(visit.settle(answered))
    }
}

/// A POST with a CSRF token is the form of the question. Any other is a request (RP-Initiated Logout section 2).
async fn post(visit: Visit<'_>) -> Result<Response, OAuthError> {
    let body = form_body(visit.http)?;
    let parameters = Parameters::parse(body)?;
    if parameters.get(CSRF).is_some() {
        return come_back(visit, &parameters).await;
    }
    if comes_without_cookies(visit) {
        let parameters = parameters.without(&request::NOT_OF_THE_REQUEST);
        if body.len() > LONGEST_QUERY {
            return page::again(visit, &parameters);
        }
        let query = parameters.encode_without(&[]);
        return see_other(&format!("{}?{query}", visit.engine.path(PATH)));
    }
    begin(visit, body).await
}

/// Whether the browser may have a session whose cookie it has not sent. Older browsers do not say where a request comes from.
fn comes_without_cookies(visit: Visit<'_>) -> bool {
    let has_cookie = !visit.engine.sessions.cookie(CookieKind::Session, visit.http.headers()).is_empty();
    let is_unknown = !visit.http.headers().contains_key("sec-fetch-site");
    comes_from_another_site(visit.http)
        || (is_unknown && !has_cookie && visit.interaction.own_session.is_none())
}

/// A new request.
async fn begin(visit: Visit<'_>, encoded: &[u8]) -> Result<Response, OAuthError> {
    let parameters = request::read(encoded)?;
    let visit = visit.in_language_of(&parameters);
    let answered = match request::check(visit.engine, parameters).await {
        Ok(request) => interact::proceed(visit, request).await,
        Err(error) => Err(error),
    };
    Ok(visit.settle(answered))
}

/// The form of the question. It carries the request.
async fn come_back(visit: Visit<'_>, form: &Parameters) -> Result<Response, OAuthError> {
    let carried = form.get(request::CARRIED).unwrap_or_default();
    let parameters = request::read(carried.as_bytes())?;
    let visit = visit.in_language_of(&parameters);
    // The browser may have changed the request in the form, so it is checked again from the start.
    let answered = match request::check(visit.engine, parameters).await {
        Ok(request) => interact::submitted(visit, form, carried, request).await,
        Err(error) => Err(error),
    };
    Ok(visit.settle(answered))
}
