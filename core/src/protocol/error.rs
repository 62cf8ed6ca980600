use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use http::StatusCode;

use crate::store::{StoreError, StoreErrorKind};

/// An error code: RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, and the RFCs that add to them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `invalid_request`
    InvalidRequest,
    /// `invalid_client`
    InvalidClient,
    /// `invalid_grant`
    InvalidGrant,
    /// `unauthorized_client`
    UnauthorizedClient,
    /// `unsupported_grant_type`
    UnsupportedGrantType,
    /// `unsupported_response_type`
    UnsupportedResponseType,
    /// `unsupported_token_type` (RFC 7009)
    UnsupportedTokenType,
    /// `invalid_scope`
    InvalidScope,
    /// `invalid_target` (RFC 8707)
    InvalidTarget,
    /// `access_denied`
    AccessDenied,
    /// `server_error`
    ServerError,
    /// `temporarily_unavailable`
    TemporarilyUnavailable,
    /// `invalid_token` (RFC 6750)
    InvalidToken,
    /// `insufficient_scope` (RFC 6750)
    InsufficientScope,
    /// `insufficient_user_authentication` (RFC 9470)
    InsufficientUserAuthentication,
    /// `invalid_dpop_proof` (RFC 9449)
    InvalidDpopProof,
    /// `use_dpop_nonce` (RFC 9449)
    UseDpopNonce,
    /// A code that an extension or a custom grant defines.
    Custom(&'static str),
}

impl ErrorCode {
    /// The code, as it is sent.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::Custom(name) => name,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidClient | Self::InvalidToken | Self::InsufficientUserAuthentication => {
                StatusCode::UNAUTHORIZED
            }
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// An OAuth error response.
///
/// The code, the description and the status are sent to the client. The cause goes to the log and nowhere else. The
/// description is for the developer of the client: it says what to change, and repeats nothing that the client sent.
///
/// ```
/// use gridauth::protocol::{ErrorCode, OAuthError};
///
/// let error = OAuthError::invalid_request("the parameter code is missing");
/// assert_eq!(error.code(), &ErrorCode::InvalidRequest);
/// assert_eq!(error.status(), 400);
/// ```
#[derive(Debug)]
pub struct OAuthError {
    code: ErrorCode,
    description: Cow<'static, str>,
    status: StatusCode,
    retry_after: Option<u64>,
    dpop_nonce: Option<Box<str>>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl OAuthError {
    /// An error with this code and description. Characters that RFC 6749 section 5.2 does not allow in a description
    /// become `?`.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let status = code.status();
        Self {
            code,
            description: sanitized(description.into()),
            status,
            retry_after: None,
            dpop_nonce: None,
            cause: None,
        }
    }

    /// `invalid_request`: a parameter is missing, malformed or repeated.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_client`: the client could not be authenticated. The description is always the same, whatever the
    /// reason.
    pub fn invalid_client() -> Self {
        Self::new(ErrorCode::InvalidClient, "client authentication failed")
    }

    /// `invalid_grant`: the code, token or credentials are not valid.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// `invalid_scope`: the requested scope is malformed, or more than the client may request.
    pub fn invalid_scope(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidScope, description)
    }

    /// `invalid_target`: a resource is unknown, malformed, or not one that was granted (RFC 8707 section 2).
    pub fn invalid_target(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidTarget, description)
    }

    /// `unauthorized_client`: the client may not make this kind of request.
    pub fn unauthorized_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::UnauthorizedClient, description)
    }

    /// `access_denied`: the resource owner or the server denied the request.
    pub fn access_denied(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::AccessDenied, description)
    }

    /// `server_error`, with its cause for the log.
    pub fn server_error(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(ErrorCode::ServerError, "the server met an unexpected condition");
        error.cause = Some(cause.into());
        error
    }

    /// `temporarily_unavailable` with status 503: the client may try again after `retry_after` seconds.
    pub fn unavailable(retry_after: u64) -> Self {
        let mut error =
            Self::new(ErrorCode::TemporarilyUnavailable, "the server is busy or cannot reach its store");
        error.retry_after = Some(retry_after);
        error
    }

    /// `temporarily_unavailable` with status 429 (RFC 6585 section 4): too many attempts failed. The client may try
    /// again after `retry_after` seconds.
    pub fn too_many_failures(retry_after: u64) -> Self {
        let mut error =
            Self::new(ErrorCode::TemporarilyUnavailable, "too many failed tries; wait and try again");
        error.status = StatusCode::TOO_MANY_REQUESTS;
        error.retry_after = Some(retry_after);
        error
    }

    /// `temporarily_unavailable` with status 429 (RFC 6585 section 4): there were too many requests from one place. The client may
    /// try again after `retry_after` seconds.
    pub fn too_many_requests(retry_after: u64) -> Self {
        let mut error = Self::new(ErrorCode::TemporarilyUnavailable, "too many requests; wait and try again");
        error.status = StatusCode::TOO_MANY_REQUESTS;
        error.retry_after = Some(retry_after);
        error
    }

    /// `use_dpop_nonce` (RFC 9449 section 8): the client has to make another proof, with this nonce in it.
    pub(crate) fn use_dpop_nonce(nonce: String) -> Self {
        let mut error = Self::new(ErrorCode::UseDpopNonce, "the DPoP proof needs the nonce in DPoP-Nonce");
        error.dpop_nonce = Some(nonce.into());
        error
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Replaces the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The error code.
    pub fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// What is wrong, for the client's developer.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The status of the response, where the error is not sent by a redirect.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// How many seconds to wait before trying again, if known.
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The nonce that the next DPoP proof needs.
    pub(crate) fn dpop_nonce(&self) -> Option<&str> {
        self.dpop_nonce.as_deref()
    }

    /// The JSON body (RFC 6749 section 5.2).
    pub fn to_json(&self) -> String {
        serde_json::json!({ "error": self.code.as_str(), "error_description": self.description }).to_string()
    }

    /// Logs the error with its cause.
    pub(crate) fn log(&self) {
        match &self.cause {
            Some(cause) if self.status.is_server_error() => {
                tracing::error!(error = self.code.as_str(), cause = %Chain(cause.as_ref()), "request failed");
            }
            Some(cause) => {
                tracing::debug!(error = self.code.as_str(), cause = %Chain(cause.as_ref()), "refused")
            }
            None => tracing::debug!(error = self.code.as_str(), reason = %self.description, "refused"),
        }
    }
}

/// Replaces characters that RFC 6749 section 5.2 does not allow in a description, which is all but %x20-21, %x23-5B
/// and %x5D-7E.
fn sanitized(description: Cow<'static, str>) -> Cow<'static, str> {
    let fits = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    if description.chars().all(fits) {
        return description;
    }
    Cow::Owned(description.chars().map(|c| if fits(c) { c } else { '?' }).collect())
}

/// An error and its chain of causes, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.description)
    }
}

impl Error for OAuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &(dyn Error + 'static))
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown => {
                tracing::warn!(cause = %Chain(&error), "the store did not answer");
                Self::unavailable(1).with_cause(error)
            }
            StoreErrorKind::Refused => {
                Self::invalid_request("a value is too long, or has a character that cannot be kept")
                    .with_cause(error)
            }
            _ => Self::server_error(error),
        }
    }
}

impl From<crate::env::EntropyError> for OAuthError {
    fn from(error: crate::env::EntropyError) -> Self {
        Self::unavailable(1).with_cause(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_contain_only_what_the_rfc_allows() {
        let error = OAuthError::invalid_request("a \"quoted\" \\ line\r\nwith é");
        assert_eq!(error.description(), "a ?quoted? ? line??with ?");
    }

    #[test]
    fn a_cause_is_never_in_the_body() {
        let error = OAuthError::server_error("disk on fire");
        assert!(!error.to_json().contains("fire"));
        assert!(error.source().is_some());
    }
}
