use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::VerifierError;
use super::about::About;
use crate::events::{Event, EventRecord, TokenRefusal};
use crate::http::{DPOP_NONCE, Response, no_store, response};
use crate::protocol::error::Chain;
use crate::protocol::{ErrorCode, Scope, TokenType};
use crate::store::{StoreError, StoreErrorKind};

/// Why a guard rejected a request. The application can inspect it and set the body of the response
/// ([`GuardBuilder::rejection_body`](super::GuardBuilder::rejection_body)). Status and challenge are as in RFC 6750 section 3.
///
/// `Display` and [`cause`](Self::cause) say what happened; the response says less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    reason: Reason,
    /// The scheme of the token that the request has.
    scheme: TokenType,
    /// Whose token it is, and where the request came from, as far as that is known.
    about: Option<Box<About>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    NoCredentials(TokenRefusal),
    MalformedRequest,
    InvalidToken(TokenRefusal),
    InvalidProof,
    /// This nonce is valid.
    UseNonce(Box<str>),
    InsufficientScope(Cow<'static, str>),
    InsufficientAuthentication(Box<NeededSignIn>),
    Unavailable,
    Internal,
}

/// The sign-in that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NeededSignIn {
    max_age: Option<Duration>,
    acr: Vec<String>,
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
    fn because(reason: Reason) -> Self {
        Self { reason, scheme: TokenType::Bearer, about: None }
    }

    /// The same, of a token that was shown with this scheme.
    pub(super) fn under(mut self, scheme: TokenType) -> Self {
        self.scheme = scheme;
        self
    }

    /// The request has no access token.
    pub(crate) fn no_credentials(cause: TokenRefusal) -> Self {
        Self::because(Reason::NoCredentials(cause))
    }

    /// The request has more than one `Authorization` header, or one that is not text.
    pub(crate) fn malformed_request() -> Self {
        Self::because(Reason::MalformedRequest)
    }

    /// The token is not valid.
    pub(crate) fn invalid_token(cause: TokenRefusal) -> Self {
        Self::because(Reason::InvalidToken(cause))
    }

    /// The token is bound to a key, and the request has no proof of possession, or a wrong one.
    pub(super) fn invalid_proof() -> Self {
        Self::because(Reason::InvalidProof).under(TokenType::DPoP)
    }

    /// The proof of possession has no valid nonce; this one is valid.
    pub(super) fn use_nonce(nonce: String) -> Self {
        Self::because(Reason::UseNonce(nonce.into())).under(TokenType::DPoP)
    }

    /// Adds what is known.
    pub(super) fn about(self, about: About) -> Self {
        Self { about: Some(Box::new(about)), ..self }
    }

    /// Adds where the request came from.
    pub(super) fn sent_by(mut self, source: Option<IpAddr>) -> Self {
        if source.is_some() {
            self.about.get_or_insert_default().source = source;
        }
        self
    }

    /// The event.
    pub(super) fn event(&self) -> EventRecord<'_> {
        let event = Event::TokenRefused { why: self.cause(), scope: self.needed_scope() };
        let mut record = EventRecord::from(event);
        if let Some(about) = &self.about {
            record.grant = about.grant;
            record.client = about.client.as_deref();
            record.subject = about.subject.as_deref();
            record.source = about.source;
        }
        record
    }

    /// What happened. It is for logs and events: the response tells less, so that whoever tries out tokens learns nothing.
    pub fn cause(&self) -> TokenRefusal {
        match &self.reason {
            Reason::NoCredentials(cause) | Reason::InvalidToken(cause) => *cause,
            Reason::MalformedRequest => TokenRefusal::MalformedRequest,
            Reason::InvalidProof => TokenRefusal::Unproven,
            Reason::UseNonce(_) => TokenRefusal::UseNonce,
            Reason::InsufficientScope(_) => TokenRefusal::InsufficientScope,
            Reason::InsufficientAuthentication(_) => TokenRefusal::InsufficientAuthentication,
            Reason::Unavailable => TokenRefusal::Unavailable,
            Reason::Internal => TokenRefusal::Failed,
        }
    }

    /// The token lacks a part of this scope.
    pub(crate) fn insufficient_scope(needed: &str) -> Self {
        Self::because(Reason::InsufficientScope(needed.to_owned().into()))
    }

    /// The user has not signed in lately enough, or not in one of these classes (RFC 9470 section 3).
    pub(super) fn insufficient_authentication(max_age: Option<Duration>, acr: &[String]) -> Self {
        Self::because(Reason::InsufficientAuthentication(Box::new(NeededSignIn {
            max_age,
            acr: acr.to_vec(),
        })))
    }

    /// The token could not be looked up.
    pub(crate) fn store(error: &StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown => {
                tracing::warn!(cause = %Chain(error), "a token could not be looked up");
                Self::because(Reason::Unavailable)
            }
            _ => {
                tracing::error!(cause = %Chain(error), "a token could not be looked up");
                Self::because(Reason::Internal)
            }
        }
    }

    /// The verifier could not check the token.
    pub(super) fn verifier(error: &VerifierError) -> Self {
        tracing::warn!(cause = %Chain(error), "a token could not be verified");
        Self::because(Reason::Unavailable)
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self.reason {
            Reason::NoCredentials(_)
            | Reason::InvalidToken(_)
            | Reason::InvalidProof
            | Reason::UseNonce(_)
            | Reason::InsufficientAuthentication(_) => StatusCode::UNAUTHORIZED,
            Reason::MalformedRequest => StatusCode::BAD_REQUEST,
            Reason::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Reason::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error code; `None` if the request has no credentials (RFC 6750 section 3.1 has no code for that).
    pub fn error(&self) -> Option<ErrorCode> {
        match self.reason {
            Reason::NoCredentials(_) => None,
            Reason::MalformedRequest => Some(ErrorCode::InvalidRequest),
            Reason::InvalidToken(_) => Some(ErrorCode::InvalidToken),
            Reason::InvalidProof => Some(ErrorCode::InvalidDpopProof),
            Reason::UseNonce(_) => Some(ErrorCode::UseDpopNonce),
            Reason::InsufficientAuthentication(_) => Some(ErrorCode::InsufficientUserAuthentication),
            Reason::InsufficientScope(_) => Some(ErrorCode::InsufficientScope),
            Reason::Unavailable => Some(ErrorCode::TemporarilyUnavailable),
            Reason::Internal => Some(ErrorCode::ServerError),
        }
    }

    /// The error description, for the client's developer.
    pub fn description(&self) -> &'static str {
        match self.reason {
            Reason::NoCredentials(_) | Reason::InvalidToken(_) => {
                "The access token provided is expired, revoked, malformed, or invalid for other reasons."
            }
            Reason::MalformedRequest => {
                "The request has more than one Authorization header, or one that is not text."
            }
            Reason::InvalidProof => {
                "The DPoP proof is missing, was used before, or is not for this request and this access token."
            }
            Reason::UseNonce(_) => "The DPoP proof needs the nonce in DPoP-Nonce.",
            Reason::InsufficientScope(_) => {
                "The request requires higher privileges than provided by the access token."
            }
            Reason::InsufficientAuthentication(_) => {
                "A more recent or another sign-in of the user is required."
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

    /// How long ago the user may have signed in, if that is what the request lacks (RFC 9470 section 3).
    pub fn needed_max_age(&self) -> Option<Duration> {
        match &self.reason {
            Reason::InsufficientAuthentication(needed) => needed.max_age,
            _ => None,
        }
    }

    /// The authentication context classes of which the sign-in needs one, if that is what the request lacks.
    pub fn needed_acr(&self) -> &[String] {
        match &self.reason {
            Reason::InsufficientAuthentication(needed) => &needed.acr,
            _ => &[],
        }
    }

    /// The values of `WWW-Authenticate` (RFC 6750 section 3, RFC 9449 section 7.1), each for a line of its own. A request that is not
    /// authenticated gets the challenges of all schemes, and that of its own scheme says what is wrong. `algorithms` are those of
    /// proofs, space-separated; `None` if the guard takes no proofs.
    fn challenges(
        &self,
        realm: &str,
        resource_metadata: Option<&str>,
        algorithms: Option<&str>,
    ) -> Vec<HeaderValue> {
        let is_told = !matches!(self.reason, Reason::Unavailable | Reason::Internal);
        let offers_all = self.status() == StatusCode::UNAUTHORIZED;
        let schemes = [TokenType::Bearer, TokenType::DPoP].into_iter().filter(|scheme| {
            let is_known = *scheme == TokenType::Bearer || algorithms.is_some();
            is_told && is_known && (offers_all || *scheme == self.scheme)
        });
        let challenge = |scheme: TokenType| {
            let mut challenge = format!("{} realm=\"{realm}\"", scheme.as_str());
            if scheme == self.scheme {
                self.write_error(&mut challenge);
            }
            if let Some(algorithms) = algorithms.filter(|_| scheme == TokenType::DPoP) {
                challenge.push_str(&format!(", algs=\"{algorithms}\""));
            }
            // RFC 9728 section 5.1.
            if let Some(url) = resource_metadata {
                challenge.push_str(&format!(", resource_metadata=\"{url}\""));
            }
            HeaderValue::try_from(challenge).ok()
        };
        schemes.filter_map(challenge).collect()
    }

    /// What is wrong, as the parameters of a challenge.
    fn write_error(&self, challenge: &mut String) {
        let Some(error) = self.error() else { return };
        let description = self.description();
        challenge.push_str(&format!(", error=\"{}\", error_description=\"{description}\"", error.as_str()));
        // A quote in the scope would break the header, so the scope is included only if it is well-formed.
        if let Some(scope) = self.needed_scope().and_then(|needed| needed.parse::<Scope>().ok()) {
            challenge.push_str(&format!(", scope=\"{scope}\""));
        }
        if let Reason::InsufficientAuthentication(needed) = &self.reason {
            if !needed.acr.is_empty() {
                challenge.push_str(&format!(", acr_values=\"{}\"", needed.acr.join(" ")));
            }
            if let Some(max_age) = needed.max_age {
                challenge.push_str(&format!(", max_age=\"{}\"", max_age.as_secs()));
            }
        }
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

    pub(crate) fn into_response(
        self,
        realm: &str,
        resource_metadata: Option<&str>,
        algorithms: Option<&str>,
        shaped: Option<RejectionBody>,
    ) -> Response {
        let RejectionBody { content_type, body } = shaped.unwrap_or_else(|| self.own_body());
        let mut answer = no_store(response(self.status(), "application/json", body));
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        for challenge in self.challenges(realm, resource_metadata, algorithms) {
            answer.headers_mut().append(WWW_AUTHENTICATE, challenge);
        }
        if let Reason::UseNonce(nonce) = &self.reason
            && let Ok(nonce) = HeaderValue::from_str(nonce)
        {
            answer.headers_mut().insert(DPOP_NONCE, nonce);
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.cause() {
            TokenRefusal::NoToken => "the request has no access token",
            TokenRefusal::OtherScheme => {
                "the Authorization header has another scheme than those of access tokens"
            }
            TokenRefusal::MalformedRequest => {
                "the request has more than one access token, or one that is not text"
            }
            TokenRefusal::Malformed => "the text is not an access token of this server",
            TokenRefusal::NoGrant => {
                "there is no grant of this access token: it was revoked, or never issued"
            }
            TokenRefusal::NotOfGrant => {
                "this is no live access token of its grant: it was revoked or superseded"
            }
            TokenRefusal::Expired => "the access token has expired",
            TokenRefusal::Unproven => {
                "the access token is bound to a key, and the request does not prove possession of it"
            }
            TokenRefusal::OtherAudience => "the access token is for another resource",
            TokenRefusal::NotVerified => "the verifier does not accept the access token",
            TokenRefusal::OwnerGone => "the user or the client of the access token is gone",
            TokenRefusal::InsufficientScope => {
                let needed = self.needed_scope().unwrap_or_default();
                return write!(f, "the access token lacks a part of the scope {needed:?}");
            }
            TokenRefusal::UseNonce => "the proof of possession has no valid nonce",
            TokenRefusal::InsufficientAuthentication => {
                "the user did not sign in as recently, or not in the way, that the request needs"
            }
            TokenRefusal::Unavailable => "the access token cannot be checked at the moment",
            TokenRefusal::Failed => "the access token could not be checked",
        };
        f.write_str(text)
    }
}

impl std::error::Error for Rejection {}
