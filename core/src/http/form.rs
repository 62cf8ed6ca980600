//! Parameters in a form body (RFC 6749 appendix B).

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::Request;
use crate::protocol::{OAuthError, ParameterError, Parameters};

/// The parameters of a form body (RFC 6749 section 3.2), each at most once.
pub(crate) fn form(request: &Request) -> Result<Parameters, OAuthError> {
    let parameters = Parameters::parse(form_body(request)?)?;
    refuse_repeated(&parameters)?;
    Ok(parameters)
}

/// The body of a request, if its headers say unambiguously that it is a form.
pub(crate) fn form_body(request: &Request) -> Result<&Bytes, OAuthError> {
    let mut types = request.headers().get_all(CONTENT_TYPE).iter();
    let (content_type, second) = (types.next(), types.next());
    // RFC 9110 section 5.3: a field that is not a list appears once. Otherwise a proxy might use another value than the server.
    if second.is_some() {
        return Err(OAuthError::invalid_request("there is more than one Content-Type"));
    }
    if !content_type.is_some_and(is_form_type) {
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

/// Whether a request says that its body is a form.
pub(crate) fn is_form(request: &Request) -> bool {
    request.headers().get_all(CONTENT_TYPE).iter().any(is_form_type)
}

fn is_form_type(value: &HeaderValue) -> bool {
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// RFC 6749 sections 3.1 and 3.2: no parameter may appear more than once.
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
