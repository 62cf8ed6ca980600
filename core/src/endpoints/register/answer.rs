//! What a client is told of its registration (RFC 7591 section 3.2.1, RFC 7592 section 3).

use http::StatusCode;
use serde_json::json;

use super::desk::MANAGE_PATH;
use crate::clients::{GeneratedSecret, echo};
use crate::engine::Engine;
use crate::events::TokenRefusal;
use crate::guard::Rejection;
use crate::http::{Response, json_response};
use crate::model::Client;
use crate::protocol::OAuthError;

/// The client information response.
pub(super) async fn information(
    engine: &Engine,
    client: &Client,
    secret: Option<&GeneratedSecret>,
    status: StatusCode,
) -> Result<Response, OAuthError> {
    let token = engine.clients.registered().management_token(client.id()).await?;
    let token = token.ok_or_else(|| OAuthError::server_error("a client's id names no key"))?;
    let mut members = echo(client);
    members.insert("client_id".to_owned(), json!(client.id()));
    members.insert("client_id_issued_at".to_owned(), json!(client.registered.as_secs()));
    if let Some(secret) = secret {
        members.insert("client_secret".to_owned(), json!(secret.as_str()));
    }
    if client.has_secret() {
        members.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    members.insert("registration_access_token".to_owned(), json!(token.expose()));
    members.insert("registration_client_uri".to_owned(), json!(client_uri(engine, client.id())));
    Ok(json_response(status, &members))
}

/// Where a client manages its registration.
fn client_uri(engine: &Engine, client_id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
    format!("{}?client_id={id}", engine.url(MANAGE_PATH))
}

/// RFC 7592 section 2: a token that is not valid, and a client that is not there, read the same.
pub(super) fn invalid_token(realm: &str) -> Response {
    Rejection::invalid_token(TokenRefusal::NotVerified).into_response(realm, None, None, None)
}
