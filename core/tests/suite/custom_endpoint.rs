//! Custom endpoints of an application or a grant, valid and invalid ones.

use std::sync::Arc;

use gridauth::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use gridauth::engine::Engine;
use gridauth::grant::{ClientCredentials, Grant, TokenSide};
use gridauth::protocol::OAuthError;
use gridauth::{GridAuth, Response, Store};
use http::Method;
use serde_json::json;

use crate::support::*;

#[derive(Clone, Copy)]
struct Echo(EndpointPath<'static>, &'static [Method]);

#[gridauth::async_trait]
impl Endpoint for Echo {
    fn path(&self) -> EndpointPath<'_> {
        self.0
    }

    fn methods(&self) -> &[Method] {
        self.1
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("echo_endpoint", format!("{}/oauth/echo", engine.issuer()));
        metadata.add("scopes_supported", ["echo", "echo"]);
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        match request.http().body().len() {
            0 => Err(OAuthError::invalid_request("there is nothing to echo")),
            _ => Ok(Response::new(request.http().body().clone())),
        }
    }
}

const MOUNTED: Echo = Echo(EndpointPath::Mounted("/echo"), &[Method::GET, Method::POST]);

/// A grant with an endpoint.
struct WithEcho(ClientCredentials);

impl Grant for WithEcho {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        self.0.token_side()
    }

    fn endpoints(&self) -> Vec<Arc<dyn Endpoint>> {
        vec![Arc::new(MOUNTED)]
    }
}

async fn check(auth: GridAuth) {
    let ask = async |method: Method, path: &str, body: &'static str| {
        let request = http::Request::builder().method(method).uri(path).body(body.into()).unwrap();
        auth.handle(request).await
    };
    let echoed = ask(Method::POST, "/oauth/echo", "hello").await;
    assert_eq!((echoed.status().as_u16(), text(&echoed)), (200, "hello".to_owned()));
    let (status, refused) = answer(ask(Method::GET, "/oauth/echo", "").await);
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_request")));
    let head = ask(Method::HEAD, "/oauth/echo", "hello").await;
    assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
    assert_eq!(head.headers()["content-length"], "5");
    let put = ask(Method::PUT, "/oauth/echo", "hello").await;
    assert_eq!((put.status().as_u16(), put.headers()["allow"].to_str().unwrap()), (405, "GET, HEAD, POST"));
    let (_, metadata) = answer(ask(Method::GET, "/.well-known/oauth-authorization-server", "").await);
    assert_eq!(metadata["echo_endpoint"], "https://id.example.com/oauth/echo");
    assert_eq!(metadata["scopes_supported"], json!(["echo"]));
    assert!(auth.paths().contains(&"/oauth/echo".to_owned()));
}

#[tokio::test]
async fn an_application_and_a_grant_can_add_an_endpoint() {
    let builder = || GridAuth::builder(ISSUER).store(Store::memory());
    check(builder().grant(ClientCredentials::new()).endpoint(MOUNTED).build().await.unwrap()).await;
    check(builder().grant(WithEcho(ClientCredentials::new())).build().await.unwrap()).await;
}

#[tokio::test]
async fn the_issuers_path_is_appended_to_a_well_known_uri() {
    let auth = GridAuth::builder("https://id.example.com/tenant")
        .store(Store::memory())
        .endpoint(Echo(EndpointPath::WellKnown("echo"), &[Method::POST]))
        .build()
        .await
        .unwrap();
    assert!(auth.paths().contains(&"/.well-known/echo/tenant".to_owned()), "{:?}", auth.paths());
}

#[tokio::test]
async fn invalid_endpoints_are_refused() {
    let post = &[Method::POST];
    for (endpoint, words) in [
        (Echo(EndpointPath::Mounted("/token"), post), "two endpoints have the path"),
        (Echo(EndpointPath::WellKnown("oauth-authorization-server"), post), "two endpoints have the path"),
        (Echo(EndpointPath::Mounted(""), post), "must be segments"),
        (Echo(EndpointPath::Mounted("/:id"), post), "must be segments"),
        (Echo(EndpointPath::WellKnown(""), post), "must be segments"),
        (Echo(EndpointPath::Mounted("/echo"), &[]), "has no HTTP method"),
    ] {
        let builder = GridAuth::builder(ISSUER).store(Store::memory()).grant(ClientCredentials::new());
        let error = builder.endpoint(endpoint).build().await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// Two paths may be one where they are mounted. The router of a framework would panic there, or hide an endpoint.
#[tokio::test]
async fn endpoints_that_come_together_where_they_are_mounted_are_refused() {
    let builder = || GridAuth::builder(ISSUER).store(Store::memory()).grant(ClientCredentials::new());
    let hidden = Echo(EndpointPath::Mounted("/oauth-authorization-server"), &[Method::GET]);
    let error = builder().mount("/.well-known").endpoint(hidden).build().await.unwrap_err();
    assert!(error.to_string().contains("two endpoints have the path"), "{error}");

    let builder = || GridAuth::builder("https://id.example.com/oauth").store(Store::memory());
    let builder = || builder().grant(ClientCredentials::new()).behind_stripping_proxy(true);
    let hidden = Echo(EndpointPath::Mounted("/oauth/token"), &[Method::GET]);
    let error = builder().endpoint(hidden).build().await.unwrap_err();
    assert!(error.to_string().contains("two endpoints have the path"), "{error}");
}

#[tokio::test]
async fn an_endpoint_may_name_head() {
    for methods in [&[Method::GET, Method::HEAD][..], &[Method::HEAD]] {
        let endpoint = Echo(EndpointPath::Mounted("/echo"), methods);
        let auth = GridAuth::builder(ISSUER).store(Store::memory()).endpoint(endpoint).build().await.unwrap();
        let ask = |method| http::Request::builder().method(method).uri("/oauth/echo");
        let head = auth.handle(ask(Method::HEAD).body("hello".into()).unwrap()).await;
        assert_eq!(head.status(), 200);
        let put = auth.handle(ask(Method::PUT).body("hello".into()).unwrap()).await;
        let allow = put.headers()["allow"].to_str().unwrap();
        assert_eq!(allow.matches("HEAD").count(), 1, "{allow}");
    }
}
