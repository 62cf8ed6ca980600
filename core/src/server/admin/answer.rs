//! Answers and refusals of the admin API.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::{Request, Response, json_response};
use crate::protocol::OAuthError;
use crate::server::{CreateClientError, EditClientError, PutClientError, RevokeError, RotateSecretError};
use crate::store::StoreError;

/// What a call answers.
pub(super) type Answer = Result<Response, Refusal>;

/// Why a call was refused.
pub(super) enum Refusal {
    /// With this status, error code and description.
    Told(StatusCode, &'static str, String),
    /// The server is unable to do it.
    Failed(OAuthError),
}

impl Refusal {
    /// The request makes no sense.
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::Told(StatusCode::BAD_REQUEST, "invalid_request", why.into())
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::Told(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// What a client would be is not allowed (RFC 7591 section 3.2.2).
    fn invalid_client(why: impl Into<String>) -> Self {
        Self::Told(StatusCode::BAD_REQUEST, "invalid_client_metadata", why.into())
    }

    pub(super) fn into_response(self) -> Result<Response, OAuthError> {
        match self {
            Self::Told(status, error, description) => {
                let body = json!({ "error": error, "error_description": description });
                Ok(json_response(status, &body))
            }
            Self::Failed(error) => Err(error),
        }
    }
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<RevokeError> for Refusal {
    fn from(RevokeError(error): RevokeError) -> Self {
        error.into()
    }
}

impl From<PutClientError> for Refusal {
    fn from(error: PutClientError) -> Self {
        match error {
            PutClientError::Store(error) => error.into(),
            PutClientError::Sealing(error) => Self::Failed(error.into()),
            error => Self::invalid_client(error.to_string()),
        }
    }
}

impl From<EditClientError> for Refusal {
    fn from(error: EditClientError) -> Self {
        match error {
            EditClientError::Put(error) => error.into(),
            EditClientError::Client(error) => Self::invalid_client(error.to_string()),
        }
    }
}

impl From<CreateClientError> for Refusal {
    fn from(error: CreateClientError) -> Self {
        match error {
            CreateClientError::Client(error) => error.into(),
            CreateClientError::Taken => Self::Told(StatusCode::CONFLICT, "conflict", error.to_string()),
            CreateClientError::Metadata(error) => Self::invalid_client(error.to_string()),
            CreateClientError::Entropy(error) => Self::Failed(error.into()),
        }
    }
}

impl From<RotateSecretError> for Refusal {
    fn from(error: RotateSecretError) -> Self {
        match error {
            RotateSecretError::NoClient => Self::not_found("client"),
            RotateSecretError::NoSecret => Self::invalid(error.to_string()),
            RotateSecretError::Entropy(error) => Self::Failed(error.into()),
            RotateSecretError::Sealing(error) => Self::Failed(error.into()),
            RotateSecretError::Store(error) => error.into(),
        }
    }
}

pub(super) fn ok(body: &Value) -> Answer {
    Ok(json_response(StatusCode::OK, body))
}

/// Something was removed.
pub(super) fn gone() -> Answer {
    let mut response = json_response(StatusCode::NO_CONTENT, &Value::Null);
    response.body_mut().clear();
    response.headers_mut().remove(http::header::CONTENT_TYPE);
    Ok(response)
}

/// The JSON object in the body of a request.
pub(super) fn object(request: &Request, types: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let mut headers = request.headers().get_all(http::header::CONTENT_TYPE).iter();
    let (content_type, second) = (headers.next(), headers.next());
    let essence = content_type.and_then(|value| value.to_str().ok()?.split(';').next());
    let is_right = essence.is_some_and(|own| types.iter().any(|one| one.eq_ignore_ascii_case(own.trim())));
    if !is_right || second.is_some() {
        return Err(Refusal::invalid(format!("the Content-Type must be {}", types.join(" or "))));
    }
    let parsed: Result<Value, _> = serde_json::from_slice(request.body());
    match parsed {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Refusal::invalid("the body must be a JSON object")),
    }
}
