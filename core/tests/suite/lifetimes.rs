//! Lifetimes of a client's own, and how many access tokens a grant has at a time.

use std::time::Duration;

use gridauth::model::{GrantRecord, Lifetimes};
use serde_json::Value;

use crate::support::*;

const CODE: u64 = 20;
const ACCESS: u64 = 120;
const IDLE: u64 = 600;
const ABSOLUTE: u64 = 1500;

/// The usual server, where the client web has lifetimes that differ from the server's in all four.
async fn server_with_own_lifetimes() -> Server {
    let server = server().await;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).grant_types(["authorization_code", "refresh_token"]);
    let web = web.scope("notes.read").lifetimes(Lifetimes {
        code: seconds(CODE),
        access_token: seconds(ACCESS),
        refresh_token_idle: seconds(IDLE),
        refresh_token: seconds(ABSOLUTE),
    });
    server.auth.put_client(web.build().unwrap()).await.unwrap();
    server
}

async fn tokens(server: &Server) -> Value {
    let (status, tokens) = server.token(&redeem(&server.code().await)).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

async fn is_good(server: &Server, tokens: &Value) -> bool {
    server.auth.authenticate_token(&string(tokens, "access_token")).await.is_ok()
}

#[tokio::test]
async fn a_code_lives_as_its_client_says() {
    let server = server_with_own_lifetimes().await;
    let (in_time, late) = (server.code().await, server.code().await);
    server.advance(CODE - 1);
    assert_eq!(server.token(&redeem(&in_time)).await.0, 200);
    server.advance(1);
    assert_eq!(server.token(&redeem(&late)).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn an_access_token_lives_as_its_client_says() {
    let server = server_with_own_lifetimes().await;
    let first = tokens(&server).await;
    assert_eq!(first["expires_in"], ACCESS);
    server.advance(ACCESS - 1);
    assert!(is_good(&server, &first).await);
    server.advance(1);
    assert!(!is_good(&server, &first).await);
    // One that comes of refreshing does too.
    let (_, second) = server.token(&refresh(&string(&first, "refresh_token"))).await;
    assert_eq!(second["expires_in"], ACCESS);
}

#[tokio::test]
async fn an_unused_refresh_token_lives_as_its_client_says() {
    let server = server_with_own_lifetimes().await;
    let first = tokens(&server).await;
    server.advance(IDLE - 1);
    let (status, second) = server.token(&refresh(&string(&first, "refresh_token"))).await;
    assert_eq!(status, 200, "{second}");
    server.advance(IDLE);
    let (_, error) = server.token(&refresh(&string(&second, "refresh_token"))).await;
    assert_eq!(error["error"], "invalid_grant");
}

#[tokio::test]
async fn a_chain_of_refresh_tokens_lives_as_its_client_says() {
    let server = server_with_own_lifetimes().await;
    let mut current = string(&tokens(&server).await, "refresh_token");
    for step in [IDLE - 1, IDLE - 1, ABSOLUTE - 2 * (IDLE - 1) - 1] {
        server.advance(step);
        let (status, next) = server.token(&refresh(&current)).await;
        assert_eq!(status, 200, "{next}");
        current = string(&next, "refresh_token");
    }
    server.advance(1);
    assert_eq!(server.token(&refresh(&current)).await.1["error"], "invalid_grant");
}

/// Another client of the same server has the server's.
#[tokio::test]
async fn they_are_that_clients_alone() {
    let server = server_with_own_lifetimes().await;
    let other = server.auth.confidential_client("other", "web-secret").await.unwrap();
    let other = other.grant_types(["client_credentials"]).scope("notes.read").build().unwrap();
    server.auth.put_client(other).await.unwrap();
    let authorization = [("authorization", basic("other", "web-secret"))];
    let headers = authorization.each_ref().map(|(name, value)| (*name, value.as_str()));
    let form = [("grant_type", "client_credentials")];
    let (_, tokens) = answer(server.post("/oauth/token", &headers, &form).await);
    assert_eq!(tokens["expires_in"], 3600);
}

/// ARCHITECTURE.md: a grant's row is bounded. One access token more ends the oldest, and the others stay.
#[tokio::test]
async fn a_grant_has_a_bounded_number_of_access_tokens_and_the_newest_are_good() {
    let server = server().await;
    let mut issued = vec![tokens(&server).await];
    for _ in 0..GrantRecord::MAX_ACCESS_TOKENS {
        let last = string(issued.last().unwrap(), "refresh_token");
        let (status, next) = server.token(&refresh(&last)).await;
        assert_eq!(status, 200, "{next}");
        issued.push(next);
    }
    assert!(!is_good(&server, &issued[0]).await, "one more than there is room for");
    for (number, tokens) in issued.iter().enumerate().skip(1) {
        assert!(is_good(&server, tokens).await, "{number}");
    }
    // What has expired takes no room: all that follow within the next hour stay.
    server.advance(3600);
    let mut later = Vec::new();
    let mut last = string(issued.last().unwrap(), "refresh_token");
    for _ in 0..GrantRecord::MAX_ACCESS_TOKENS {
        let (_, next) = server.token(&refresh(&last)).await;
        last = string(&next, "refresh_token");
        later.push(next);
    }
    for (number, tokens) in later.iter().enumerate() {
        assert!(is_good(&server, tokens).await, "{number}");
    }
}
