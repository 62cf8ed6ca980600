//! Requests and responses as the endpoints see them: bounded bytes in, bytes out, no web framework.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, PRAGMA, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::protocol::{OAuthError, ParameterError, Parameters};

/// A request with its whole body, which the adapter has bounded.
pub type Request = http::Request<Bytes>;

/// A response with its whole body.
pub type Response = http::Response<Bytes>;

/// The address that a request came from. An adapter puts it into the request's extensions; failed tries are then
/// slowed down per source as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Why a request could not be read whole: [`GridAuth::refuse_unread`](crate::GridAuth::refuse_unread) makes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Its body is longer than [`GridAuth::MAX_BODY`](crate::GridAuth::MAX_BODY).
    #[error("the body is too long")]
    TooLong,
    /// It broke off, or has parts that are not HTTP.
    #[error("the request could not be read")]
    Broken,
}

impl Unread {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// A request from the parts of a framework whose types are not those of `http` 1. The body is handed on, not copied.
///
/// # Errors
/// [`Unread::Broken`] where a part is not HTTP.
///
/// ```
/// use gridauth::{Unread, whole_request};
///
/// let request = whole_request("GET", "/oauth/token?x=1", [("accept", b"*/*")], Default::default(), None)?;
/// assert_eq!((request.uri().path(), &request.headers()["accept"]), ("/oauth/token", &"*/*".parse()?));
/// let broken = whole_request("GET", "/", [("accept", b"*\n*")], Default::default(), None);
/// assert_eq!(broken.err(), Some(Unread::Broken));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn whole_request<N: AsRef<str>, V: AsRef<[u8]>>(
    method: &str,
    uri: &str,
    headers: impl IntoIterator<Item = (N, V)>,
    body: Bytes,
    peer: Option<Peer>,
) -> Result<Request, Unread> {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(name.as_ref(), value.as_ref());
    }
    if let Some(peer) = peer {
        builder = builder.extension(peer);
    }
    builder.body(body).map_err(|_| Unread::Broken)
}

/// What the checks of a request need to know of it besides its parameters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestContext {
    pub(crate) source: Option<IpAddr>,
}

impl RequestContext {
    pub(crate) fn of(request: &Request) -> Self {
        Self { source: request.extensions().get::<Peer>().map(|peer| peer.0) }
    }
}

/// The parameters of a form body (RFC 6749 section 3.2), each at most once.
pub(crate) fn form(request: &Request) -> Result<Parameters, OAuthError> {
    let parameters = Parameters::parse(form_body(request)?)?;
    refuse_repeated(&parameters)?;
    Ok(parameters)
}

/// The body of a request whose headers say that it is a form, and not one that somebody else would read otherwise.
pub(crate) fn form_body(request: &Request) -> Result<&Bytes, OAuthError> {
    let mut types = request.headers().get_all(CONTENT_TYPE).iter();
    let (content_type, second) = (types.next(), types.next());
    // RFC 9110 section 5.3: a field that is no list comes once. Who reads the first one and who reads the last disagree.
    if second.is_some() {
        return Err(OAuthError::invalid_request("there is more than one Content-Type"));
    }
    let is_form = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !is_form {
        return Err(OAuthError::invalid_request("the body must be application/x-www-form-urlencoded"));
    }
    // RFC 9110 section 15.5.16.
    let plain = |coding: &[u8]| {
        coding.trim_ascii().is_empty() || coding.trim_ascii().eq_ignore_ascii_case(b"identity")
    };
    let mut codings = request.headers().get_all(CONTENT_ENCODING).iter();
    if !codings.all(|codings| codings.as_bytes().split(|b| *b == b',').all(plain)) {
        let error = OAuthError::invalid_request("the body must not be encoded");
        return Err(error.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(request.body())
}

/// RFC 6749 sections 3.1 and 3.2: no parameter more than once.
pub(crate) fn refuse_repeated(parameters: &Parameters) -> Result<(), OAuthError> {
    match parameters.repeated() {
        Some(_) => Err(OAuthError::invalid_request("a parameter is repeated")),
        None => Ok(()),
    }
}

impl From<ParameterError> for OAuthError {
    fn from(error: ParameterError) -> Self {
        Self::invalid_request(error.to_string())
    }
}

/// The credentials of an `Authorization` header, split from their scheme.
pub(crate) enum AuthorizationHeader<'a> {
    Absent,
    Scheme {
        name: &'a str,
        credentials: &'a str,
    },
    /// More than one, or not text.
    Malformed,
}

pub(crate) fn authorization(headers: &HeaderMap) -> AuthorizationHeader<'_> {
    authorization_in(authorization_values(headers))
}

/// The values of all `Authorization` headers.
pub(crate) fn authorization_values(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes)
}

/// The same from the values of all `Authorization` headers. One that is not UTF-8 counts as not sent: Rocket drops it before
/// anybody sees it, and what a request means must not hang on the framework.
pub(crate) fn authorization_in<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> AuthorizationHeader<'a> {
    let mut values = values.into_iter().filter_map(|value| std::str::from_utf8(value).ok());
    let Some(text) = values.next() else { return AuthorizationHeader::Absent };
    // To the end in any case: whole words are then looked at.
    let is_text = text.bytes().fold(true, |so_far, byte| so_far & matches!(byte, b'\t' | 0x20..=0x7e));
    if values.next().is_some() || !is_text {
        return AuthorizationHeader::Malformed;
    }
    let (name, rest) = text.split_at(text.bytes().position(|byte| byte == b' ').unwrap_or(text.len()));
    let spaces = rest.bytes().position(|byte| byte != b' ').unwrap_or(rest.len());
    AuthorizationHeader::Scheme { name, credentials: rest.split_at(spaces).1 }
}

pub(crate) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// RFC 6749 section 5.1: what may carry a token is not to be kept anywhere.
pub(crate) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// What an answer with two tokens takes.
const USUAL_JSON: usize = 384;

/// A JSON object. It has string keys and nothing else that cannot be written, so writing it does not fail.
pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    let mut written = Vec::with_capacity(USUAL_JSON);
    if serde_json::to_writer(&mut written, body).is_err() {
        written.clear();
    }
    no_store(response(status, "application/json", written))
}

/// The direct answer of an endpoint that refuses (RFC 6749 section 5.2).
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
    response
}

/// RFC 9700 section 4.12: 303, so that a form's body does not go along.
pub(crate) fn see_other(location: &str) -> Result<Response, OAuthError> {
    let mut location = HeaderValue::try_from(location).map_err(OAuthError::server_error)?;
    // A code or a token may be in it.
    location.set_sensitive(true);
    let mut response = no_store(response(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new()));
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

pub(crate) fn method_not_allowed(allow: &'static str) -> Response {
    let mut response = json_response(
        StatusCode::METHOD_NOT_ALLOWED,
        &serde_json::json!({ "error": "invalid_request", "error_description": "this endpoint has no such method" }),
    );
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

pub(crate) fn not_found() -> Response {
    response(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_that_is_not_utf_8_counts_as_not_sent() {
        let unreadable: &[u8] = b"Bearer \xff";
        assert!(matches!(authorization_in([unreadable]), AuthorizationHeader::Absent));
        assert!(matches!(
            authorization_in([unreadable, b"Bearer x".as_slice()]),
            AuthorizationHeader::Scheme { name: "Bearer", credentials: "x" }
        ));
    }

    #[test]
    fn two_values_and_text_beyond_ascii_are_malformed() {
        for values in
            [&[b"Bearer x".as_slice(), b"Bearer x"][..], &["Bearer \u{e9}".as_bytes()], &[b"Bearer \x7f"]]
        {
            assert!(matches!(authorization_in(values.iter().copied()), AuthorizationHeader::Malformed));
        }
    }

    #[test]
    fn the_scheme_ends_at_the_first_space() {
        for (value, name, credentials) in [
            ("Bearer a b", "Bearer", "a b"),
            ("Bearer   a", "Bearer", "a"),
            ("Bearer", "Bearer", ""),
            ("", "", ""),
        ] {
            match authorization_in([value.as_bytes()]) {
                AuthorizationHeader::Scheme { name: n, credentials: c } => {
                    assert_eq!((n, c), (name, credentials))
                }
                _ => panic!("{value}"),
            }
        }
    }

    proptest! {
        /// What is taken is the one value that was sent, whole: nothing is guessed, nothing put together.
        #[test]
        fn any_headers_are_read_or_refused(
            values in proptest::collection::vec(
                prop_oneof![
                    any::<Vec<u8>>(),
                    "[ -~\t]{0,40}".prop_map(String::into_bytes),
                    "(Bearer|bearer|Basic|)[ \t]{0,3}[A-Za-z0-9+/=._~-]{0,40}[ \t,]{0,2}".prop_map(String::into_bytes),
                    ".{0,20}".prop_map(String::into_bytes),
                ],
                0..4,
            )
        ) {
            let readable: Vec<&str> =
                values.iter().filter_map(|value| std::str::from_utf8(value).ok()).collect();
            let is_text = |value: &str| value.chars().all(|c| c == '\t' || (' '..='~').contains(&c));
            match authorization_in(values.iter().map(Vec::as_slice)) {
                AuthorizationHeader::Absent => prop_assert!(readable.is_empty()),
                AuthorizationHeader::Malformed => {
                    prop_assert!(readable.len() > 1 || !is_text(readable[0]))
                }
                AuthorizationHeader::Scheme { name, credentials } => {
                    prop_assert_eq!(readable.len(), 1);
                    prop_assert!(is_text(readable[0]) && !name.contains(' ') && !credentials.starts_with(' '));
                    let spaces = readable[0].len() - name.len() - credentials.len();
                    prop_assert_eq!(readable[0], format!("{name}{}{credentials}", " ".repeat(spaces)));
                }
            }
        }
    }
}
