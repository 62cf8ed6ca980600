//! `oxide-auth` under axum, with its tokens in a map in memory. Client secrets are stored as SHA-256 digests, as in the other
//! servers; by default it would hash them with argon2 at each token request.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use oxide_auth::endpoint::{OwnerConsent, Solicitation};
use oxide_auth::frontends::simple::endpoint::{FnSolicitor, client_credentials_flow, resource_flow};
use oxide_auth::primitives::generator::RandomGenerator;
use oxide_auth::primitives::issuer::TokenMap;
use oxide_auth::primitives::registrar::{Client, ClientMap, PasswordPolicy, RegisteredUrl, RegistrarError};
use oxide_auth::primitives::scope::Scope;
use oxide_auth_axum::{OAuthRequest, OAuthResource, OAuthResponse, WebError};
use sha2::{Digest, Sha256};

use super::{Ready, basic, page};
use crate::Result;

const SECRET: &str = "a-secret-of-43-characters-as-the-others-have";

struct Server {
    clients: ClientMap,
    tokens: Mutex<TokenMap<RandomGenerator>>,
    scopes: [Scope; 1],
}

pub(super) fn ready() -> Result<Ready> {
    let mut clients = ClientMap::new();
    clients.set_password_policy(DigestPolicy);
    let redirect_uri = RegisteredUrl::Semantic("https://client.example.com/cb".parse()?);
    let scope: Scope = "notes.read".parse().map_err(|_| "the scope")?;
    clients.register_client(Client::confidential("web", redirect_uri, scope.clone(), SECRET.as_bytes()));
    let tokens = Mutex::new(TokenMap::new(RandomGenerator::new(32)));
    let server = Arc::new(Server { clients, tokens, scopes: [scope] });
    let router = Router::new()
        .route("/guarded", get(page).route_layer(from_fn_with_state(Arc::clone(&server), guard)))
        .route("/open", get(page))
        .route("/token", post(token))
        .with_state(server);
    Ok(Ready { router, authorization: basic(SECRET) })
}

async fn token(State(server): State<Arc<Server>>, request: OAuthRequest) -> Result<OAuthResponse, WebError> {
    let mut solicitor = FnSolicitor(|_: &mut OAuthRequest, asked: Solicitation<'_>| {
        OwnerConsent::Authorized(asked.pre_grant().client_id.clone())
    });
    let mut tokens = server.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    client_credentials_flow(&server.clients, &mut *tokens, &mut solicitor).execute(request).map_err(web_error)
}

async fn guard(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let resource = match OAuthResource::from_request_parts(&mut parts, &()).await {
        Ok(resource) => resource,
        Err(error) => return error.into_response(),
    };
    let checked = {
        let mut tokens = server.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        resource_flow(&mut *tokens, &server.scopes).execute(OAuthRequest::from(resource))
    };
    match checked {
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(Ok(refused)) => refused.into_response(),
        Err(Err(error)) => web_error(error).into_response(),
    }
}

fn web_error(error: oxide_auth::frontends::simple::endpoint::Error<OAuthRequest>) -> WebError {
    use oxide_auth::frontends::simple::endpoint::Error;
    match error {
        Error::Web(error) => error,
        Error::OAuth(_) => WebError::InternalError(None),
    }
}

/// A digest, for a secret that nobody can guess.
struct DigestPolicy;

impl PasswordPolicy for DigestPolicy {
    fn store(&self, _client_id: &str, passphrase: &[u8]) -> Vec<u8> {
        Sha256::digest(passphrase).to_vec()
    }

    fn check(&self, _client_id: &str, passphrase: &[u8], stored: &[u8]) -> Result<(), RegistrarError> {
        let matches = Sha256::digest(passphrase).as_slice() == stored;
        if matches { Ok(()) } else { Err(RegistrarError::Unspecified) }
    }
}
