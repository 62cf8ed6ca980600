//! No parameter is sent more than once (RFC 6749 section 3.1).

use super::draft::Draft;
use crate::http::refuse_repeated;
use crate::protocol::{OAuthError, Parameters};

/// The two parameters that decide how an error is reported.
pub(super) fn decide_alone(parameters: &Parameters) -> Result<(), OAuthError> {
    for name in ["client_id", "redirect_uri"] {
        if parameters.is_repeated(name) {
            return Err(OAuthError::invalid_request(format!("{name} is repeated")));
        }
    }
    Ok(())
}

pub(super) fn are_sent_once(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    refuse_repeated(&draft.parameters)
}
