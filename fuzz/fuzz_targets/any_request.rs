//! Any request to any path: no panic, never 5xx, and no body in a response to HEAD.
#![no_main]

use gridauth_fuzz::server::{Server, filled, run};
use gridauth_fuzz::{answer, input};
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| run(async {
    let Some(request) = input::request(&filled(data).await) else { return };
    let server = Server::new().await;
    let answered = server.auth.handle(request.clone()).await;
    if request.method() == Method::HEAD {
        assert!(answered.body().is_empty());
        assert!(!answered.status().is_server_error());
    } else {
        answer::check(&answered);
    }
    let is_known = server.auth.paths().iter().any(|path| path == request.uri().path());
    assert_eq!(answered.status() == 404, !is_known);
    if answered.status() == 405 {
        let allowed = answered.headers()["allow"].to_str().expect("text");
        assert!(!allowed.split(", ").any(|method| method == request.method().as_str()));
    }
    // The token was valid before the request. A refused request does not revoke it.
    if answered.status().is_client_error() && answered.status() != 400 {
        let access = gridauth_fuzz::server::secret("{access}").await;
        assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(access)).await.is_ok());
    }
}));
