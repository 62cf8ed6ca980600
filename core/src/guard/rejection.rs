use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::VerifierError;
use crate::http::{Response, no_store, response};
use crate::protocol::error::Chain;
use crate::protocol::{ErrorCode, Scope};
use crate::store::{StoreError, StoreErrorKind};

/// Why a guard rejected a request. The application can inspect it and set the body of the response
/// ([`GuardBuilder::rejection_body`](super::GuardBuilder::rejection_body)). Status and challenge are as in RFC 6750 section 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    NoCredentials,
    MalformedRequest,
    InvalidToken,
    InsufficientScope(Cow<'static, str>),
    Unavailable,
    Internal,
}

/// The body of the response to a rejected request.
#[derive(Clone, Debug)]
pub struct RejectionBody {
    /// Its media type.
    pub content_type: HeaderValue,
    /// Its bytes.
    pub body: Bytes,
}

impl Rejection {
    /// The request has no bearer token.
    pub(crate) fn no_credentials() -> Self {
        Self { reason: Reason::NoCredentials }
    }

    /// The request has more than one `Authorization` header, or one that is not text.
    pub(crate) fn malformed_request() -> Self {
        Self { reason: Reason::MalformedRequest }
    }

    /// The token is not valid.
    pub(crate) fn invalid_token() -> Self {
        Self { reason: Reason::InvalidToken }
    }

    /// The token lacks a part of this scope.
    pub(crate) fn insufficient_scope(needed: &str) -> Self {
        Self { reason: Reason::InsufficientScope(needed.to_owned().into()) }
    }

    /// The token could not be looked up.
    pub(crate) fn store(error: &StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown => {
                tracing::warn!(cause = %Chain(error), "a token could not be looked up");
                Self { reason: Reason::Unavailable }
            }
            _ => {
                tracing::error!(cause = %Chain(error), "a token could not be looked up");
                Self { reason: Reason::Internal }
            }
        }
    }

    /// The verifier could not check the token.
    pub(super) fn verifier(error: &VerifierError) -> Self {
        tracing::warn!(cause = %Chain(error), "a token could not be verified");
        Self { reason: Reason::Unavailable }
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self.reason {
            Reason::NoCredentials | Reason::InvalidToken => StatusCode::UNAUTHORIZED,
            Reason::MalformedRequest => StatusCode::BAD_REQUEST,
            Reason::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Reason::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error code; `None` if the request has no credentials (RFC 6750 section 3.1 has no code for that).
    pub fn error(&self) -> Option<ErrorCode> {
        match self.reason {
            Reason::NoCredentials => None,
            Reason::MalformedRequest => Some(ErrorCode::InvalidRequest),
            Reason::InvalidToken => Some(ErrorCode::InvalidToken),
            Reason::InsufficientScope(_) => Some(ErrorCode::InsufficientScope),
            Reason::Unavailable => Some(ErrorCode::TemporarilyUnavailable),
            Reason::Internal => Some(ErrorCode::ServerError),
        }
    }

    /// The error description, for the client's developer.
    pub fn description(&self) -> &'static str {
        match self.reason {
            Reason::NoCredentials | Reason::InvalidToken => {
                "The access token provided is expired, revoked, malformed, or invalid for other reasons."
            }
            Reason::MalformedRequest => {
                "The request has more than one Authorization header, or one that is not text."
            }
            Reason::InsufficientScope(_) => {
                "The request requires higher privileges than provided by the access token."
            }
            Reason::Unavailable => "The access token cannot be checked at the moment.",
            Reason::Internal => "The server met an unexpected condition.",
        }
    }

    /// The required scope, if the token's scope is insufficient.
    pub fn needed_scope(&self) -> Option<&str> {
        match &self.reason {
            Reason::InsufficientScope(needed) => Some(needed),
            _ => None,
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3), if the response has one.
    fn challenge(&self, realm: &str) -> Option<HeaderValue> {
        let mut challenge = format!("Bearer realm=\"{realm}\"");
        match &self.reason {
            Reason::NoCredentials => {}
            Reason::MalformedRequest | Reason::InvalidToken | Reason::InsufficientScope(_) => {
                let code = self.error().map_or("", |code| code.as_str());
                challenge
                    .push_str(&format!(", error=\"{code}\", error_description=\"{}\"", self.description()));
            }
            Reason::Unavailable | Reason::Internal => return None,
        }
        // A quote in the scope would break the header, so the scope is included only if it is well-formed.
        if let Some(scope) = self.needed_scope().and_then(|needed| needed.parse::<Scope>().ok()) {
            challenge.push_str(&format!(", scope=\"{scope}\""));
        }
        HeaderValue::try_from(challenge).ok()
    }

    fn own_body(&self) -> RejectionBody {
        let error = self.error().unwrap_or(ErrorCode::InvalidToken);
        let mut body = json!({ "error": error.as_str(), "error_description": self.description() });
        if let Some(scope) = self.needed_scope() {
            body["scope"] = json!(scope);
        }
        RejectionBody {
            content_type: HeaderValue::from_static("application/json"),
            body: body.to_string().into(),
        }
    }

    pub(crate) fn into_response(self, realm: &str, shaped: Option<RejectionBody>) -> Response {
        let RejectionBody { content_type, body } = shaped.unwrap_or_else(|| self.own_body());
        let mut answer = no_store(response(self.status(), "application/json", body));
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        if let Some(challenge) = self.challenge(realm) {
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for Rejection {}
