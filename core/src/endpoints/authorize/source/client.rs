//! The client of a request.

use std::sync::Arc;

use http::StatusCode;

use crate::engine::Engine;
use crate::model::Client;
use crate::protocol::{ErrorCode, OAuthError, Parameters};

/// Parameters that decide whose request it is and where its errors go.
const DECIDING: [&str; 4] = ["client_id", "redirect_uri", "request", "request_uri"];

/// The client of the request.
pub(super) async fn find(engine: &Engine, parameters: &Parameters) -> Result<Arc<Client>, OAuthError> {
    for name in DECIDING {
        if parameters.is_repeated(name) {
            return Err(OAuthError::invalid_request(format!("{name} is repeated")));
        }
    }
    let client_id =
        parameters.get("client_id").ok_or_else(|| OAuthError::invalid_request("client_id is missing"))?;
    let client = engine.client(client_id).await?.ok_or_else(|| {
        OAuthError::new(ErrorCode::InvalidClient, "there is no such client")
            .with_status(StatusCode::BAD_REQUEST)
    })?;
    engine.refuse_unmet(&client)?;
    Ok(client)
}
