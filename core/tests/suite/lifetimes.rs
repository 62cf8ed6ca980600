//! Lifetimes set for a client, and the number of access tokens that a grant has at a time.

use std::time::Duration;

use gridauth::model::{GrantRecord, Lifetimes};

use crate::support::*;

const CODE: u64 = 20;
const ACCESS: u64 = 120;
const IDLE: u64 = 600;
const ABSOLUTE: u64 = 1500;

/// The usual server, except that all four lifetimes of the client web differ from the server's.
async fn server_with_own_lifetimes() -> Server {
    let server = server().await;
    let lifetimes = Lifetimes::default()
        .code(Duration::from_secs(CODE))
        .access_token(Duration::from_secs(ACCESS))
        .refresh_token_idle(Duration::from_secs(IDLE))
        .refresh_token(Duration::from_secs(ABSOLUTE));
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).grant_types(["authorization_code", "refresh_token"]);
    let web = web.scope("notes.read").lifetimes(lifetimes);
    server.auth.put_client(web.build().unwrap()).await.unwrap();
    server
}

#[tokio::test]
async fn a_code_has_the_lifetime_of_its_client() {
    let server = server_with_own_lifetimes().await;
    let (in_time, late) = (server.code().await, server.code().await);
    server.advance(CODE - 1);
    assert_eq!(server.token(&redeem(&in_time)).await.0, 200);
    server.advance(1);
    assert_eq!(server.token(&redeem(&late)).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn an_access_token_has_the_lifetime_of_its_client() {
    let server = server_with_own_lifetimes().await;
    let first = server.tokens().await;
    assert_eq!(first["expires_in"], ACCESS);
    server.advance(ACCESS - 1);
    assert!(server.is_valid(&first).await);
    server.advance(1);
    assert!(!server.is_valid(&first).await);
    // So does a refreshed one.
    let (_, second) = server.token(&refresh(&string(&first, "refresh_token"))).await;
    assert_eq!(second["expires_in"], ACCESS);
}

#[tokio::test]
async fn an_unused_refresh_token_has_the_lifetime_of_its_client() {
    let server = server_with_own_lifetimes().await;
    let first = server.tokens().await;
    server.advance(IDLE - 1);
    let (status, second) = server.token(&refresh(&string(&first, "refresh_token"))).await;
    assert_eq!(status, 200, "{second}");
    server.advance(IDLE);
    let (_, error) = server.token(&refresh(&string(&second, "refresh_token"))).await;
    assert_eq!(error["error"], "invalid_grant");
}

#[tokio::test]
async fn a_chain_of_refresh_tokens_has_the_lifetime_of_its_client() {
    let server = server_with_own_lifetimes().await;
    let mut current = string(&server.tokens().await, "refresh_token");
    for step in [IDLE - 1, IDLE - 1, ABSOLUTE - 2 * (IDLE - 1) - 1] {
        server.advance(step);
        let (status, next) = server.token(&refresh(&current)).await;
        assert_eq!(status, 200, "{next}");
        current = string(&next, "refresh_token");
    }
    server.advance(1);
    assert_eq!(server.token(&refresh(&current)).await.1["error"], "invalid_grant");
}

/// Another client of the same server has the server's lifetimes.
#[tokio::test]
async fn other_clients_have_the_lifetimes_of_the_server() {
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

/// ARCHITECTURE.md: a grant's row is bounded. One more access token revokes the oldest, and the others stay valid.
#[tokio::test]
async fn a_grant_has_a_bounded_number_of_access_tokens_and_keeps_the_newest() {
    let server = server().await;
    let mut issued = vec![server.tokens().await];
    for _ in 0..GrantRecord::MAX_ACCESS_TOKENS {
        let last = string(issued.last().unwrap(), "refresh_token");
        let (status, next) = server.token(&refresh(&last)).await;
        assert_eq!(status, 200, "{next}");
        issued.push(next);
    }
    assert!(!server.is_valid(&issued[0]).await, "one more than the bound");
    for (number, tokens) in issued.iter().enumerate().skip(1) {
        assert!(server.is_valid(tokens).await, "{number}");
    }
    // Expired tokens do not count: all that are issued within the next hour stay valid.
    server.advance(3600);
    let mut later = Vec::new();
    let mut last = string(issued.last().unwrap(), "refresh_token");
    for _ in 0..GrantRecord::MAX_ACCESS_TOKENS {
        let (_, next) = server.token(&refresh(&last)).await;
        last = string(&next, "refresh_token");
        later.push(next);
    }
    for (number, tokens) in later.iter().enumerate() {
        assert!(server.is_valid(tokens).await, "{number}");
    }
}
