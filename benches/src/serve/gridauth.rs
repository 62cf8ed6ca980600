//! gridauth under axum, as its README shows it.

use std::time::Duration;

use ::gridauth::clients::{ClientSecretHash, generate_client_secret};
use ::gridauth::env::SystemEntropy;
use ::gridauth::grant::{AuthorizationCode, ClientCredentials, Password, RefreshToken};
use ::gridauth::identity::{OwnSession, UsersError};
use ::gridauth::model::Authentication;
use ::gridauth::token::Secret;
use ::gridauth::{Client, GridAuth, Store, User, scopes};
use axum::Router;
use axum::routing::get;
use gridauth_tower::{Access, GridAuthExt};

use super::{Ready, basic, page};
use crate::Result;

scopes! {
    pub(super) NotesRead = "notes.read"
}

pub(super) async fn ready(store: &str) -> Result<Ready> {
    let (auth, authorization) = server(store).await?;
    let router = Router::new()
        .route("/guarded", get(page).route_layer(auth.require("notes.read")))
        .route("/extracted", get(extracted))
        .route("/open", get(page))
        .merge(auth.routes())
        .with_state(auth);
    Ok(Ready { router, authorization })
}

/// The server, for any framework, and the `Authorization` header of its client.
pub(super) async fn server(store: &str) -> Result<(GridAuth, String)> {
    let auth = GridAuth::builder("http://127.0.0.1")
        .store(Store::open(store).await?)
        .grant(AuthorizationCode::new())
        .grant(RefreshToken::rotating())
        .grant(ClientCredentials::new())
        .grant(Password::new())
        .code_lifetime(Duration::from_secs(600))
        .own_session(SignedIn)
        .build()
        .await?;
    let secret = generate_client_secret(&SystemEntropy)?;
    let client = Client::confidential("web", ClientSecretHash::of_generated(&secret))
        .redirect_uri("https://client.example.com/cb")
        .grant_types(["authorization_code", "refresh_token", "client_credentials", "password"])
        .scope("notes.read")
        .first_party(true)
        .build()?;
    auth.put_client(client).await?;
    let _ = auth.put_user("israel", &Secret::from("imru"), "israel", Default::default()).await;
    let authorization = basic(secret.as_str());
    Ok((auth, authorization))
}

async fn extracted(_access: Access<NotesRead>) -> &'static str {
    super::BODY
}

/// An application in which a user is always signed in.
struct SignedIn;

#[::gridauth::async_trait]
impl OwnSession for SignedIn {
    async fn authentication(
        &self,
        _request: &http::request::Parts,
    ) -> Result<Option<Authentication>, UsersError> {
        Ok(Some(Authentication::new(User::new("israel").named("israel"))))
    }

    fn sign_in_uri(&self, _wanted: &gridauth::identity::WantedSignIn<'_>) -> String {
        "/".to_owned()
    }
}
