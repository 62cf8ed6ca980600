//! The response type (RFC 6749 section 3.1.1).

use super::draft::Draft;
use crate::protocol::{ErrorCode, OAuthError};

pub(super) fn is_known(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    if draft.parameters.get("response_type").is_none() {
        return Err(OAuthError::invalid_request("response_type is missing"));
    }
    match draft.side {
        Some(_) => Ok(()),
        None => Err(OAuthError::new(
            ErrorCode::UnsupportedResponseType,
            "the server does not have this response type",
        )),
    }
}
