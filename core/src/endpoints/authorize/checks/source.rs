//! Whether the parameters come from where the client and the server want them to come from.

use super::draft::Draft;
use crate::protocol::{ErrorCode, OAuthError};

/// A server that does not read request objects says so. The request could otherwise lack what the client has signed.
pub(super) fn is_read(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    for (parameter, code, description) in [
        ("request", "request_not_supported", "the server does not take signed requests"),
        ("request_uri", "request_uri_not_supported", "the server does not take requests by reference"),
    ] {
        if draft.parameters.get(parameter).is_some() {
            return Err(OAuthError::new(ErrorCode::Custom(code), description));
        }
    }
    Ok(())
}

/// RFC 9126 sections 5 and 6, RFC 9101 section 10.5: what the client or the server demands holds wherever the request comes from.
pub(super) fn is_as_required(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    let requests = &draft.engine.requests;
    if requests.must_be_pushed(&draft.client) && !draft.origin.is_pushed() {
        return Err(OAuthError::invalid_request("the authorization request has to be pushed"));
    }
    if requests.must_be_signed(&draft.client) && !draft.origin.is_signed {
        return Err(OAuthError::invalid_request(
            "the authorization request has to be a signed request object",
        ));
    }
    Ok(())
}
