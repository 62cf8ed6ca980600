//! The client of a request.

use std::sync::Arc;

use http::StatusCode;

use crate::clients::Lookup;
use crate::engine::Engine;
use crate::events::{ClientRefusal, Event};
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
    let unknown =
        |why: String| OAuthError::new(ErrorCode::InvalidClient, why).with_status(StatusCode::BAD_REQUEST);
    let client = match engine.clients.look_up(client_id).await? {
        Lookup::Found(client) => client,
        Lookup::Unknown => return Err(unknown("there is no such client".to_owned())),
        Lookup::Refused(why) => {
            let (typed, refusal) = (engine.events.digest(client_id), ClientRefusal::MetadataDocument);
            engine.events.emit(Event::ClientRefused { why: refusal, method: None, typed: Some(&typed) });
            return Err(unknown(format!("the client's metadata document cannot be used: {why}")));
        }
    };
    engine.refuse_unmet(&client)?;
    Ok(client)
}
