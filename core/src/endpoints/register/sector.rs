//! The sector of a client (OpenID Connect Core section 8.1, Dynamic Client Registration section 5).

use http::StatusCode;

use crate::clients::invalid;
use crate::engine::Engine;
use crate::fetch::{FetchRequest, PlainHttp};
use crate::model::Client;
use crate::protocol::OAuthError;

/// Fetches the client's `sector_identifier_uri`, which has to list all of its redirect URIs.
pub(super) async fn check(engine: &Engine, client: &Client) -> Result<(), OAuthError> {
    let Some(uri) = client.metadata("sector_identifier_uri") else { return Ok(()) };
    let wrong = |why: &str| invalid(format!("sector_identifier_uri: {why}"));
    let Some(fetch) = &engine.fetch else { return Err(wrong("the server makes no outgoing requests")) };
    let request = FetchRequest::get(uri, PlainHttp::Refused, engine.reach_of(client));
    let request = request.map_err(|error| wrong(&error.to_string()))?.accepting("application/json");
    let response = fetch.fetch(request).await.map_err(|error| wrong(&error.to_string()))?;
    if response.status() != StatusCode::OK {
        return Err(wrong("it cannot be read"));
    }
    let listed: Vec<String> =
        serde_json::from_slice(response.body()).map_err(|_| wrong("it is not a JSON list of texts"))?;
    match client.redirect_uris().iter().all(|own| listed.iter().any(|listed| listed == own.as_str())) {
        true => Ok(()),
        false => Err(wrong("it does not list all redirect_uris")),
    }
}
