//! `oauth-as` with its own axum adapter and its store in memory. It comes without a guard; the one here looks the token up and
//! compares the scope, which is the least that a user has to write.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use oauth_as::client::{Client, ClientAuth, ClientId, SecretHash};
use oauth_as::grant::GrantType;
use oauth_as::http::ServiceBuilder;
use oauth_as::scope::ScopeSet;
use oauth_as::server::{AuthorizationServer, ServerConfig};
use oauth_as::store::MemoryStorage;

use super::{Ready, basic, page};
use crate::Result;

const SECRET: &str = "a-secret-of-43-characters-as-the-others-have";

type Server = Arc<AuthorizationServer<MemoryStorage>>;

pub(super) async fn ready() -> Result<Ready> {
    let config = ServerConfig::new("http://127.0.0.1", "http://127.0.0.1/device");
    let server: Server = Arc::new(AuthorizationServer::new(config, MemoryStorage::new()));
    server
        .register_client(Client {
            client_id: ClientId::new("web"),
            auth: ClientAuth::ConfidentialSecretHash { hash: SecretHash::sha256(SECRET) },
            grant_types: vec![GrantType::ClientCredentials],
            redirect_uris: Vec::new(),
            allowed_scopes: ScopeSet::from_tokens(["notes.read"])?,
            default_scopes: ScopeSet::from_tokens(["notes.read"])?,
            name: None,
            registration: None,
        })
        .await?;
    let service = ServiceBuilder::new(Arc::clone(&server)).build()?;
    let router = Router::new()
        .route("/guarded", get(page).route_layer(from_fn_with_state(server, guard)))
        .route("/open", get(page))
        .merge(Router::from(service));
    Ok(Ready { router, authorization: basic(SECRET) })
}

async fn guard(State(server): State<Server>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match server.introspect(token).await {
        Ok(Some(token)) if token.scope.contains("notes.read") => next.run(request).await,
        Ok(Some(_)) => StatusCode::FORBIDDEN.into_response(),
        Ok(None) => StatusCode::UNAUTHORIZED.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
