//! The authorization endpoint (RFC 6749 section 3.1).
//!
//! A request passes through these steps, one file or folder each:
//!
//! 1. [`source`] finds its parameters: as sent, pushed before, or in a request object.
//! 2. [`checks`] is the ordered list of checks. Until the client and the redirect URI are valid, an error is shown on a page. Any
//!    later error is sent to the client by a redirect.
//! 3. [`prompt`] decides whether the user has to sign in or to consent.
//! 4. [`interact`] shows the pages for that, and responds. The forms of the pages carry the request, so nothing is stored for a
//!    visitor who never signs in.

mod answer;
pub(super) mod checks;
mod consent;
mod failure;
mod interact;
mod own_session;
mod page;
mod prompt;
mod redirect;
mod signed_response;
pub(super) mod source;
mod visit;

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;

use super::Interaction;
use super::form::{CSRF, LONGEST_QUERY, comes_from_another_site};
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::grant::Registry;
use crate::http::{Response, form_body, see_other};
use crate::jose::Algorithm;
use crate::protocol::{OAuthError, Parameters, ResponseMode};
use checks::ValidRequest;
use failure::Failure;
use source::Refused;
use visit::{PATH, Visit};

pub(crate) struct Authorize {
    pub(crate) grants: Arc<Registry>,
    pub(crate) interaction: Arc<Interaction>,
}

#[async_trait]
impl Endpoint for Authorize {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET, Method::POST]
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("authorization_endpoint", engine.url(PATH));
        metadata.insert("authorization_response_iss_parameter_supported", true);
        self.describe_responses(engine, metadata);
        describe_requests(engine, metadata);
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let visit = Visit {
            engine: request.engine,
            grants: &self.grants,
            interaction: &self.interaction,
            http: request.http,
            language: self.interaction.language(request.http, None),
        };
        let answered = match request.http.method() {
            &Method::POST => post(visit).await,
            _ => begin(visit, visit.http.uri().query().unwrap_or_default().as_bytes()).await,
        };
        // What cannot be read says nothing about its language, so the page is in the browser's.
        Ok(settle(visit, answered.map_err(Failure::from)).await)
    }
}

impl Authorize {
    fn describe_responses(&self, engine: &Engine, metadata: &mut Metadata) {
        // The query is only for response types without a token, and the server may not have one.
        let mut sides = self.grants.authorization_sides();
        let has_query = sides.any(|side| side.default_response_mode() != ResponseMode::Fragment);
        let signs = engine.requests.signs_answers;
        let modes = ResponseMode::ALL
            .into_iter()
            .filter(|mode| (has_query || mode.plain() != ResponseMode::Query) && (signs || !mode.is_jwt()));
        metadata.add("response_modes_supported", modes.map(ResponseMode::as_str));
        if let Some(keys) = engine.keys.as_ref().filter(|_| signs) {
            metadata.add("response_modes_supported", [ResponseMode::JWT]);
            let names = keys.0.algorithms().into_iter().map(Algorithm::name);
            metadata.add("authorization_signing_alg_values_supported", names);
        }
    }
}

/// Request objects, if the server takes them (RFC 9101 section 10.5, OpenID Connect Discovery section 3).
fn describe_requests(engine: &Engine, metadata: &mut Metadata) {
    let Some(signed) = engine.requests.signed() else { return };
    let by_reference = signed.is_by_reference() && engine.fetch.is_some();
    metadata.insert("request_parameter_supported", true);
    metadata.insert("request_uri_parameter_supported", by_reference);
    metadata.add("request_object_signing_alg_values_supported", Algorithm::ALL.map(Algorithm::name));
    metadata.insert("require_signed_request_object", signed.is_required());
    if by_reference {
        metadata.insert("require_request_uri_registration", true);
    }
}

/// The response, also if the request failed.
async fn settle(visit: Visit<'_>, answered: Result<Response, Failure>) -> Response {
    match answered {
        Ok(response) => response,
        Err(failure) => failure.report(visit).await,
    }
}

/// A POST with a CSRF token is a submitted form. Any other is a new request (OpenID Connect Core section 3.1.2.1).
async fn post(visit: Visit<'_>) -> Result<Response, OAuthError> {
    let body = form_body(visit.http)?;
    let parameters = Parameters::parse(body).map_err(OAuthError::from)?;
    if parameters.repeated().is_some() {
        // The checks decide how to report this, since it depends on which parameter is repeated.
        return begin(visit, body).await;
    }
    // A form of ours is sent by our own page. Another site cannot have one.
    if parameters.get(CSRF).is_some() && comes_from_another_site(visit.http) {
        let error = OAuthError::invalid_request("the form was sent from another site");
        return Ok(Failure::Page(error).report(visit).await);
    }
    if parameters.get(CSRF).is_some() {
        return come_back(visit, &parameters).await;
    }
    // With a POST from another site, a browser does not send the session cookie. With the GET after a redirect it does, so a
    // signed-in user need not sign in again.
    if comes_from_another_site(visit.http) && body.len() <= LONGEST_QUERY {
        return see_other(&visit.authorize_path(&source::without_fields(parameters)));
    }
    begin(visit, body).await
}

/// A new authorization request.
async fn begin(visit: Visit<'_>, encoded: &[u8]) -> Result<Response, OAuthError> {
    let source::Sent { parameters, signed_in_since } = source::read(encoded)?;
    let since = signed_in_since.as_deref();
    let sent_away = match since {
        Some(since) => own_session::sent_away(visit, &parameters, since).await?,
        None => None,
    };
    let now = visit.engine.clock.now();
    let arrived = sent_away.map_or(now, |at| at.max(now.before(source::DECIDED_WITHIN)));
    Ok(match check(visit, parameters, arrived).await {
        Ok((visit, valid)) => settle(visit, interact::proceed(visit, valid, since).await).await,
        Err((visit, failure)) => failure.report(visit).await,
    })
}

/// A submitted form. It carries the authorization request, which the browser may have changed: it is checked again from the start.
async fn come_back(visit: Visit<'_>, form: &Parameters) -> Result<Response, OAuthError> {
    let carried =
        form.get(source::REQUEST).ok_or_else(|| OAuthError::invalid_request("the form is not complete"))?;
    let request = source::read(carried.as_bytes())?.parameters;
    let shown_at_the_earliest = visit.engine.clock.now().before(source::DECIDED_WITHIN);
    Ok(match check(visit, request, shown_at_the_earliest).await {
        Ok((visit, valid)) => settle(visit, interact::submitted(visit, form, carried, valid).await).await,
        Err((visit, failure)) => failure.report(visit).await,
    })
}

/// Reads the request from its source and checks it. The visit that comes back has the language that the request asks for.
async fn check<'a>(
    visit: Visit<'a>,
    sent: Parameters,
    arrived: Timestamp,
) -> Result<(Visit<'a>, ValidRequest<'a>), (Visit<'a>, Failure)> {
    let (engine, grants) = (visit.engine, visit.grants);
    let beside = visit.in_language_of(&sent);
    match source::resolve(engine, sent, arrived).await {
        Ok(request) => {
            let visit = visit.in_language_of(&request.parameters);
            match checks::run(engine, grants, request).await {
                Ok(valid) => Ok((visit, valid)),
                Err(failure) => Err((visit, failure)),
            }
        }
        Err(Refused::Page(error)) => Err((beside, Failure::Page(error))),
        Err(Refused::Object { client, sent, error }) => {
            let failure = match checks::target_beside_object(engine, grants, client, sent) {
                Some(target) => Failure::Unsolicited(Box::new(target), error),
                None => Failure::Page(error),
            };
            Err((beside, failure))
        }
    }
}
