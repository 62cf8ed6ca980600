//! A request to the token endpoint: headers and a body, anything in them.
#![no_main]

use gridauth::protocol::Parameters;
use gridauth::{Request, Response};
use gridauth_fuzz::world::{World, filled, run};
use gridauth_fuzz::{answer, input};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| run(async {
    let Some((headers, body)) = input::headers_and_body(&filled(data).await) else { return };
    let world = World::new().await;
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/oauth/token");
    *request.headers_mut() = headers;
    let first = world.auth.handle(request.clone()).await;
    check(&world, &first).await;
    world.advance(1);
    let second = world.auth.handle(request.clone()).await;
    check(&world, &second).await;
    // A code is good once, whatever else the request has.
    let redeems = Parameters::parse(request.body())
        .is_ok_and(|parameters| parameters.get("grant_type") == Some("authorization_code"));
    assert!(!redeems || token(&second).is_none());
}));

async fn check(world: &World, answered: &Response) {
    answer::check(answered);
    assert_eq!(answered.headers()["cache-control"], "no-store");
    if let Some(token) = token(answered) {
        assert!(
            world.auth.authenticate(&gridauth::http::BearerToken::new(&token)).await.is_ok(),
            "a token that is no good was handed out"
        );
    } else {
        assert!(answered.status().is_client_error());
    }
}

fn token(answered: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(answered.body()).ok()?;
    assert_eq!(answered.status().is_success(), body["access_token"].is_string());
    body["access_token"].as_str().map(str::to_owned)
}
