//! Checks of the client's registration.

use super::draft::Draft;
use crate::protocol::OAuthError;

pub(super) fn may_use_response_type(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    let Some((_, side)) = draft.side else { return Ok(()) };
    if side.is_open_to(&draft.client) {
        Ok(())
    } else {
        Err(OAuthError::unauthorized_client("the client may not use this response type"))
    }
}

/// Clients do not authenticate here. The method that the client is registered for decides whether it may use the grant.
pub(super) fn has_suitable_method(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    let methods = draft.side.and_then(|(_, side)| side.client_authentication());
    if methods.unwrap_or(&draft.engine.client_methods).contains(draft.client.auth_method()) {
        Ok(())
    } else {
        Err(OAuthError::unauthorized_client(
            "this response type is not for clients with this token_endpoint_auth_method",
        ))
    }
}
