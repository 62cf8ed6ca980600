//! A custom endpoint, which returns the scopes that a client is registered for. The server's metadata contains its URL.

use std::error::Error;

use axum::Router;
use gridauth::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use gridauth::engine::Engine;
use gridauth::grant::ClientCredentials;
use gridauth::model::AuthMethod;
use gridauth::protocol::OAuthError;
use gridauth::{GridAuth, Response, Store};
use gridauth_tower::GridAuthExt;
use http::Method;
use serde_json::json;

struct MyScopes;

#[gridauth::async_trait]
impl Endpoint for MyScopes {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/my_scopes")
    }

    fn methods(&self) -> &[Method] {
        &[Method::POST]
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("example_my_scopes_endpoint", format!("{}/oauth/my_scopes", engine.issuer()));
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let form = request.form()?;
        let client = request.authenticate_client(&form, &[AuthMethod::Basic]).await?;
        let scopes: Vec<&str> = client.scope().iter().collect();
        let mut response = Response::new(json!({ "scopes": scopes }).to_string().into());
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        Ok(response)
    }
}

pub(crate) async fn app() -> Result<Router, Box<dyn Error>> {
    let auth = GridAuth::builder("http://127.0.0.1:8080")
        .store(Store::memory())
        .grant(ClientCredentials::new())
        .endpoint(MyScopes)
        .build()
        .await?;
    let robot = auth.confidential_client("robot", "robot-secret").await?;
    auth.put_client(robot.grant_types(["client_credentials"]).scope("orders.read orders.pay").build()?)
        .await?;
    Ok(auth.routes())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app().await?).await?)
}
