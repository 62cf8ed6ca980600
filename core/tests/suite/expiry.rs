//! Lifetimes end to the second. The tests move the clock; nothing waits.

use gridauth::Builder;
use serde_json::{Value, json};

use crate::support::*;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

async fn introspect(server: &Server, token: &str) -> Value {
    let authorization = basic("web", "web-secret");
    let headers = [("authorization", authorization.as_str())];
    answer(server.post("/oauth/introspect", &headers, &[("token", token)]).await).1
}

/// RFC 6749 section 4.1.2: a code is short-lived.
#[tokio::test]
async fn a_code_expires_after_its_lifetime() {
    let server = server_with(|builder| builder.code_lifetime(std::time::Duration::from_secs(30))).await;
    let (in_time, late) = (server.code().await, server.code().await);
    server.advance(29);
    assert_eq!(server.token(&redeem(&in_time)).await.0, 200);
    server.advance(1);
    assert_eq!(server.token(&redeem(&late)).await.1["error"], "invalid_grant");
}

/// RFC 6749 section 4.1.2: a second use revokes the tokens of the first, even after the code has expired.
#[tokio::test]
async fn a_second_use_of_an_expired_code_still_revokes() {
    let server = server().await;
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    server.advance(10 * MINUTE);
    assert_eq!(server.token(&redeem(&code)).await.1["error"], "invalid_grant");
    assert!(!server.is_valid(&tokens).await);
}

/// RFC 6749 section 5.1: an access token is valid for `expires_in` seconds, and the guard and introspection agree.
#[tokio::test]
async fn an_access_token_expires_after_its_lifetime() {
    let server = server().await;
    let tokens = server.tokens().await;
    assert_eq!(tokens["expires_in"], HOUR);
    server.advance(HOUR - 1);
    assert!(server.is_valid(&tokens).await);
    assert_eq!(introspect(&server, &string(&tokens, "access_token")).await["active"], true);
    server.advance(1);
    assert!(!server.is_valid(&tokens).await);
    assert_eq!(introspect(&server, &string(&tokens, "access_token")).await, json!({"active": false}));
}

/// RFC 6749 section 6: the refresh token outlives an expired access token.
#[tokio::test]
async fn a_refresh_token_outlives_its_access_tokens() {
    let server = server().await;
    let tokens = server.tokens().await;
    server.advance(2 * HOUR);
    let (status, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200, "{renewed}");
    assert!(server.is_valid(&renewed).await);
    assert!(!server.is_valid(&tokens).await, "the old one stays expired");
}

/// DESIGN.md: each rotation restarts the idle lifetime, and introspection shows whichever end is nearer.
#[tokio::test]
async fn an_unused_refresh_token_expires_to_the_second() {
    let server = server().await;
    let tokens = server.tokens().await;
    server.advance(14 * DAY - 1);
    let (status, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200, "{renewed}");
    let second = string(&renewed, "refresh_token");
    server.advance(14 * DAY - 1);
    assert_eq!(introspect(&server, &second).await["active"], true);
    server.advance(1);
    assert_eq!(introspect(&server, &second).await, json!({"active": false}));
    assert_eq!(server.token(&refresh(&second)).await.1["error"], "invalid_grant");
}

/// RFC 9700 section 4.14.2: a chain of refresh tokens ends however busy it is, and no refresh token outlives its chain.
#[tokio::test]
async fn a_chain_ends_at_its_absolute_lifetime() {
    let lifetimes = |builder: Builder| {
        builder.refresh_token_lifetime(
            std::time::Duration::from_secs(10 * DAY),
            std::time::Duration::from_secs(15 * DAY),
        )
    };
    let server = server_with(lifetimes).await;
    let first = server.tokens().await;
    let started = introspect(&server, &string(&first, "refresh_token")).await;
    server.advance(8 * DAY);
    let (_, second) = server.token(&refresh(&string(&first, "refresh_token"))).await;
    let second = string(&second, "refresh_token");
    let expires = introspect(&server, &second).await["exp"].as_u64().unwrap();
    assert_eq!(expires, started["iat"].as_u64().unwrap() + 15 * DAY, "not 10 days from the rotation");
    server.advance(7 * DAY - 1);
    let (status, third) = server.token(&refresh(&second)).await;
    assert_eq!(status, 200, "{third}");
    server.advance(1);
    assert_eq!(server.token(&refresh(&string(&third, "refresh_token"))).await.1["error"], "invalid_grant");
}

/// DEMO_APP.md: within the grace window a repetition gets the same successor; after it, repetition is reuse and revokes.
#[tokio::test]
async fn the_grace_window_ends_to_the_second() {
    let server = server().await;
    let first = server.tokens().await;
    let old = string(&first, "refresh_token");
    let (_, second) = server.token(&refresh(&old)).await;
    server.advance(9);
    let (status, again) = server.token(&refresh(&old)).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    assert_eq!(again["access_token"], second["access_token"]);
    assert_eq!(again["expires_in"], HOUR - 9, "the rest of its lifetime, not a new hour");
    // A repetition does not extend the window.
    server.advance(1);
    assert_eq!(server.token(&refresh(&old)).await.1["error"], "invalid_grant");
    assert!(!server.is_valid(&second).await);
    assert_eq!(server.token(&refresh(&string(&second, "refresh_token"))).await.0, 400);
}

/// If the successor's access token expires within the window, a repetition does not claim that it lives longer.
#[tokio::test]
async fn a_repeated_response_never_overstates_expires_in() {
    let server =
        server_with(|builder| builder.access_token_lifetime(std::time::Duration::from_secs(5))).await;
    let first = server.tokens().await;
    let old = string(&first, "refresh_token");
    server.token(&refresh(&old)).await;
    server.advance(6);
    let (status, again) = server.token(&refresh(&old)).await;
    if status == 200 {
        assert_eq!(again["expires_in"], 0, "{again}");
    } else {
        assert_eq!(again["error"], "invalid_grant");
    }
}

/// A user signs in again when the session is over.
#[tokio::test]
async fn a_session_ends_to_the_second() {
    let server = server_with(|builder| builder.session_lifetime(std::time::Duration::from_secs(HOUR))).await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    let back = browser.allow(&server).await;
    assert!(location_parameter(&back, "code").is_some());
    server.advance(HOUR - 1);
    assert_eq!(server.get(&authorize_uri(&[]), Some(&browser.cookie)).await.status(), 303);
    server.advance(1);
    let page = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    assert_eq!(page.status(), 200);
    assert!(crate::support::text(&page).contains("name=\"password\""), "{}", crate::support::text(&page));
}

/// A consent form that is still open when the session ends allows nothing.
#[tokio::test]
async fn a_form_of_an_expired_session_allows_nothing() {
    let server = server_with(|builder| builder.session_lifetime(std::time::Duration::from_secs(HOUR))).await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    server.advance(HOUR);
    let answer = browser.allow(&server).await;
    assert!(answer.headers().get("location").is_none(), "{}", crate::support::text(&answer));
}

/// DEMO_APP.md: 20 failures within a minute, and then a block of a minute.
#[tokio::test]
async fn the_throttle_opens_when_the_minute_is_over() {
    let server = server().await;
    let guess = [("grant_type", "password"), ("username", "israel"), ("password", "wrong")];
    let right = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
    for _ in 0..20 {
        assert_eq!(server.token(&guess).await.1["error"], "invalid_grant");
        server.advance(2);
    }
    // Two seconds have passed since the last.
    let waiting =
        server.post("/oauth/token", &[("authorization", &basic("web", "web-secret"))], &right).await;
    assert_eq!(waiting.status(), 429);
    assert_eq!(waiting.headers()["retry-after"], "58");
    server.advance(57);
    assert_eq!(server.token(&right).await.0, 429);
    server.advance(1);
    assert_eq!(server.token(&right).await.0, 200);
}

/// Nineteen failures a minute, forever, throttle nobody.
#[tokio::test]
async fn slow_failures_never_add_up() {
    let server = server().await;
    let guess = [("grant_type", "password"), ("username", "israel"), ("password", "wrong")];
    for _ in 0..60 {
        assert_eq!(server.token(&guess).await.1["error"], "invalid_grant");
        server.advance(4);
    }
    let right = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
    assert_eq!(server.token(&right).await.0, 200);
}

/// The sweep and the server agree on what has expired: a swept row and an expired one get the same answer.
#[tokio::test]
async fn a_sweep_does_not_change_answers() {
    let server = server().await;
    let tokens = server.tokens().await;
    let unused = server.code().await;
    server.advance(2 * HOUR);
    assert_eq!(server.auth.sweep().await.unwrap(), 1, "the grant of the code that nobody redeemed");
    assert_eq!(server.token(&redeem(&unused)).await.1["error"], "invalid_grant");
    let (status, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200, "a grant with a valid refresh token stays: {renewed}");
}
