//! Responses as bytes.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::Response;
use crate::protocol::OAuthError;

/// The nonce that a client's next DPoP proof needs (RFC 9449 section 8).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

pub(crate) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// RFC 6749 section 5.1: a response that may contain a token must not be cached.
pub(crate) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// The usual size of a response with two tokens, in bytes.
const USUAL_JSON: usize = 384;

/// A JSON response. Its maps have string keys, so serializing cannot fail.
pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    let mut written = Vec::with_capacity(USUAL_JSON);
    if serde_json::to_writer(&mut written, body).is_err() {
        written.clear();
    }
    no_store(response(status, "application/json", written))
}

/// The error response of an endpoint (RFC 6749 section 5.2).
pub(crate) fn error_response(error: &OAuthError, realm: &str) -> Response {
    error.log();
    let mut response = no_store(response(error.status(), "application/json", error.to_json()));
    if error.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::try_from(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, challenge.unwrap_or(HeaderValue::from_static("Basic")));
    }
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(nonce) = error.dpop_nonce().and_then(|nonce| HeaderValue::from_str(nonce).ok()) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}

/// RFC 9700 section 4.12: status 303, so that the browser does not send the form again.
pub(crate) fn see_other(location: &str) -> Result<Response, OAuthError> {
    let mut location = HeaderValue::try_from(location).map_err(OAuthError::server_error)?;
    // It may contain a code or a token.
    location.set_sensitive(true);
    let mut response = no_store(response(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new()));
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

pub(crate) fn method_not_allowed(allow: &str) -> Response {
    let mut response = json_response(
        StatusCode::METHOD_NOT_ALLOWED,
        &serde_json::json!({ "error": "invalid_request", "error_description": "this endpoint has no such method" }),
    );
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

pub(crate) fn not_found() -> Response {
    response(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n")
}
