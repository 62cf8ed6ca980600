//! What the tests share: a server, its tokens, requests and answers.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use gridauth::grant::ClientCredentials;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Store};
use gridauth::{GridAuth, MintRequest};
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::BodyExt;
use serde_json::Value;

pub(crate) const ISSUER: &str = "https://id.example.com";

pub(crate) async fn server() -> GridAuth {
    server_on(MemoryStore::new()).await
}

pub(crate) async fn server_on(backend: impl Backend) -> GridAuth {
    let auth = GridAuth::builder(ISSUER).store(Store::new(backend));
    auth.grant(ClientCredentials::new()).build().await.unwrap()
}

/// The value of an `Authorization` header with a new token of this scope.
pub(crate) async fn bearer(auth: &GridAuth, scope: &str) -> String {
    let token = auth.mint(MintRequest::for_user("israel").client("web").scope(scope)).await.unwrap();
    format!("Bearer {}", token.access_token.expose())
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(crate) fn get_with(path: &str, authorization: &str) -> Request<Body> {
    Request::get(path).header(AUTHORIZATION, authorization).body(Body::empty()).unwrap()
}

pub(crate) async fn bytes<B>(response: http::Response<B>) -> Bytes
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    response.into_body().collect().await.unwrap().to_bytes()
}

pub(crate) async fn text(response: Response) -> String {
    String::from_utf8(bytes(response).await.to_vec()).unwrap()
}

pub(crate) async fn json(response: Response) -> Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

pub(crate) fn header<'a, B>(response: &'a http::Response<B>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
