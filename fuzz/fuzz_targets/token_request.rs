//! A request to the token endpoint, with any headers and body.
#![no_main]

use gridauth::protocol::Parameters;
use gridauth::{Request, Response};
use gridauth_fuzz::server::{Server, filled, run};
use gridauth_fuzz::{answer, input};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| run(async {
    let Some((headers, body)) = input::headers_and_body(&filled(data).await) else { return };
    let server = Server::new().await;
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/oauth/token");
    *request.headers_mut() = headers;
    let first = server.auth.handle(request.clone()).await;
    check(&server, &first).await;
    server.advance(1);
    let second = server.auth.handle(request.clone()).await;
    check(&server, &second).await;
    // A code can be redeemed once, whatever else is in the request.
    let redeems = Parameters::parse(request.body())
        .is_ok_and(|parameters| parameters.get("grant_type") == Some("authorization_code"));
    assert!(!redeems || token(&second).is_none());
}));

async fn check(server: &Server, answered: &Response) {
    answer::check(answered);
    assert_eq!(answered.headers()["cache-control"], "no-store");
    if let Some(token) = token(answered) {
        assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&token)).await.is_ok(), "an invalid token was issued");
    } else {
        assert!(answered.status().is_client_error());
    }
}

fn token(answered: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(answered.body()).ok()?;
    assert_eq!(answered.status().is_success(), body["access_token"].is_string());
    body["access_token"].as_str().map(str::to_owned)
}
