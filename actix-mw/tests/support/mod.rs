//! A server, its tokens, and requests to an application that uses it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use actix_http::Request;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use gridauth::grant::{AuthorizationCode, ClientCredentials};
use gridauth::identity::HashingSettings;
use gridauth::{Builder, GridAuth, MintRequest, Store};
use serde_json::Value;

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
    auth.put_client(client.build().unwrap()).await.unwrap();
    auth
}

/// An access token of the user israel.
pub async fn token(auth: &GridAuth, scope: &str) -> String {
    let minted = auth.mint(MintRequest::for_user("israel").client("web").scope(scope)).await.unwrap();
    minted.access_token.expose().to_owned()
}

pub fn bearing(request: TestRequest, token: &str) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {token}")))
}

/// The response of an application.
pub struct Answer {
    pub status: u16,
    pub headers: actix_web::http::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request. As in a real server, the error of a service becomes its response.
pub async fn ask<S, B>(app: &S, request: TestRequest) -> Answer
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let answer = match app.call(request.to_request()).await {
        Ok(answer) => answer.map_into_boxed_body().into_parts().1,
        Err(error) => error.error_response(),
    };
    let (status, headers): (StatusCode, _) = (answer.status(), answer.headers().clone());
    let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap_or_default();
    Answer { status: status.as_u16(), headers, body: String::from_utf8(body.to_vec()).unwrap() }
}
