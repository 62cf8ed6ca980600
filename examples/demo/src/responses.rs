//! Responses of the application's own routes.

use bytes::Bytes;
use gridauth::protocol::{ErrorCode, OAuthError};
use gridauth::{GridAuth, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::App;

pub(crate) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(crate) fn text(status: StatusCode, words: &'static str) -> Response {
    response(status, "text/plain; charset=utf-8", words)
}

pub(crate) fn json(auth: &GridAuth, status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => response(status, "application/json", body),
        Err(error) => auth.refuse(&OAuthError::server_error(error)),
    }
}

/// The application's own routes and their methods.
const ROUTES: [(&str, &str); 8] = [
    ("/", "GET, HEAD, POST"),
    ("/sign_up", "POST"),
    ("/private", "GET, HEAD"),
    ("/notes", "GET, HEAD, POST"),
    ("/whoami", "GET, HEAD"),
    ("/ticks", "GET, HEAD"),
    ("/vault", "GET, HEAD"),
    ("/health", "GET, HEAD"),
];

impl App {
    /// The response for a path that has no route.
    pub fn not_found(&self) -> Response {
        let error = OAuthError::new(ErrorCode::Custom("not_found"), "there is nothing here");
        self.auth().refuse(&error.with_status(StatusCode::NOT_FOUND))
    }

    /// The response for a method that the application's route at `path` does not have: 405 with `Allow`.
    pub fn method_not_allowed(&self, path: &str) -> Response {
        let Some((_, allow)) = ROUTES.into_iter().find(|(own, _)| *own == path) else {
            return self.not_found();
        };
        let error = OAuthError::invalid_request("this route has no such method");
        let mut response = self.auth().refuse(&error.with_status(StatusCode::METHOD_NOT_ALLOWED));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        response
    }
}
