//! Checks of the client and its registration.

use std::sync::Arc;

use http::StatusCode;

use super::draft::Draft;
use super::parameters;
use crate::engine::Engine;
use crate::model::Client;
use crate::protocol::{ErrorCode, OAuthError, Parameters};

/// The client of the request.
pub(super) async fn find(engine: &Engine, parameters: &Parameters) -> Result<Arc<Client>, OAuthError> {
    parameters::decide_alone(parameters)?;
    let client_id =
        parameters.get("client_id").ok_or_else(|| OAuthError::invalid_request("client_id is missing"))?;
    let client = engine.client(client_id).await?.ok_or_else(|| {
        OAuthError::new(ErrorCode::InvalidClient, "there is no such client")
            .with_status(StatusCode::BAD_REQUEST)
    })?;
    client.refuse_unmet()?;
    Ok(client)
}

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
