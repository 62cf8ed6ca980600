//! A server, its tokens, and requests to a Rocket that uses it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod running;

use gridauth::grant::{AuthorizationCode, ClientCredentials};
use gridauth::identity::HashingSettings;
use gridauth::{Builder, GridAuth, MintRequest, Store};
use rocket::config::LogLevel;
use rocket::http::Header;
use rocket::local::asynchronous::{Client, LocalRequest};
use rocket::{Build, Config, Rocket};
use serde_json::Value;

/// A Rocket that logs nothing.
pub fn quiet() -> Rocket<Build> {
    rocket::custom(Config { log_level: LogLevel::Off, port: 0, ..Config::debug_default() })
}

pub async fn launch(rocket: Rocket<Build>) -> Client {
    Client::untracked(rocket).await.unwrap()
}

/// A server with the client `web`, whose secret is `web-secret`.
pub async fn auth() -> GridAuth {
    auth_with(|builder| builder).await
}

pub async fn auth_with(configure: impl FnOnce(Builder) -> Builder) -> GridAuth {
    let builder = GridAuth::builder("https://id.example.com")
        .store(Store::memory())
        .hashing(HashingSettings::default().memory_kib(8).passes(1))
        .grant(AuthorizationCode::new())
        .grant(ClientCredentials::new());
    let auth = configure(builder).build().await.unwrap();
    let client = auth.confidential_client("web", "web-secret").await.unwrap();
    let client = client.grant_types(["client_credentials"]).scope("notes.read notes.write");
    auth.put_client_unchecked(client.build().unwrap()).await.unwrap();
    auth
}

/// An access token of the user israel.
pub async fn token(auth: &GridAuth, scope: &str) -> String {
    let minted = auth.mint(MintRequest::for_user("israel").client("web").scope(scope)).await.unwrap();
    minted.access_token.expose().to_owned()
}

pub fn bearing<'c>(request: LocalRequest<'c>, token: &str) -> LocalRequest<'c> {
    request.header(Header::new("authorization", format!("Bearer {token}")))
}

/// The response of a Rocket.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        header.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub async fn ask(request: LocalRequest<'_>) -> Answer {
    let response = request.dispatch().await;
    let headers = response.headers().iter();
    let headers = headers.map(|header| (header.name().to_string(), header.value().to_owned())).collect();
    Answer { status: response.status().code, headers, body: response.into_string().await.unwrap_or_default() }
}
