//! Refresh tokens that do not log people out (RFC 6749 section 6, RFC 9700 section 4.14).

use crate::support::*;

#[tokio::test]
async fn a_repetition_within_the_window_gets_the_same_successor() {
    let server = server().await;
    let old = string(&server.tokens().await, "refresh_token");
    let (_, successor) = server.token(&refresh(&old)).await;
    server.advance(9);
    let (status, again) = server.token(&refresh(&old)).await;
    assert_eq!(status, 200);
    for member in ["access_token", "refresh_token", "scope"] {
        assert_eq!(successor[member], again[member]);
    }
    assert_eq!(again["expires_in"], 3600 - 9);
}

#[tokio::test]
async fn reuse_after_the_window_or_after_the_successor_was_used_revokes() {
    for used in [false, true] {
        let server = server().await;
        let old = string(&server.tokens().await, "refresh_token");
        let (_, mut last) = server.token(&refresh(&old)).await;
        if used {
            last = server.token(&refresh(&string(&last, "refresh_token"))).await.1;
        } else {
            server.advance(10);
        }
        assert_eq!(server.token(&refresh(&old)).await.1["error"], "invalid_grant");
        assert!(!server.is_valid(&last).await);
        assert_eq!(server.token(&refresh(&string(&last, "refresh_token"))).await.0, 400);
    }
}

#[tokio::test]
async fn reuse_of_a_token_rotated_long_ago_still_revokes() {
    let server = server().await;
    let oldest = string(&server.tokens().await, "refresh_token");
    let mut current = oldest.clone();
    for _ in 0..300 {
        current = string(&server.token(&refresh(&current)).await.1, "refresh_token");
        server.advance(1);
    }
    assert_eq!(server.token(&refresh(&oldest)).await.0, 400);
    assert_eq!(server.token(&refresh(&current)).await.0, 400);
}

#[tokio::test]
async fn a_forged_token_with_a_known_grant_id_does_nothing() {
    let server = server().await;
    let tokens = server.tokens().await;
    let real = string(&tokens, "refresh_token");
    // The grant id is the first 16 bytes; the rest is guessed.
    let forged = format!("{}{}", &real[..30], "A".repeat(real.len() - 30));
    assert_eq!(server.token(&refresh(&forged)).await.0, 400);
    assert_eq!(server.token(&refresh(&real)).await.0, 200);
}

#[tokio::test]
async fn another_clients_refresh_token_changes_nothing() {
    let server = server().await;
    let real = string(&server.tokens().await, "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &real), ("client_id", "spa")];
    assert_eq!(server.post("/oauth/token", &[], &form).await.status(), 400);
    assert_eq!(server.token(&refresh(&real)).await.0, 200);
}

#[tokio::test]
async fn a_refresh_token_has_an_idle_and_an_absolute_lifetime() {
    const DAY: u64 = 24 * 60 * 60;
    let server = server().await;
    let unused = string(&server.tokens().await, "refresh_token");
    server.advance(14 * DAY);
    assert_eq!(server.token(&refresh(&unused)).await.0, 400);

    let mut current = string(&server.tokens().await, "refresh_token");
    for _ in 0..8 {
        server.advance(10 * DAY);
        current = string(&server.token(&refresh(&current)).await.1, "refresh_token");
    }
    server.advance(10 * DAY);
    assert_eq!(server.token(&refresh(&current)).await.0, 400, "90 days after the first");
}

#[tokio::test]
async fn scope_can_be_narrowed_for_the_access_token_only() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[("scope", "notes.read notes.write")])).await;
    let code = location_parameter(&browser.allow(&server).await, "code").unwrap();
    let (_, tokens) = server.token(&redeem(&code)).await;
    let narrow = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &string(&tokens, "refresh_token")),
        ("scope", "notes.read"),
    ];
    let (_, narrowed) = server.token(&narrow).await;
    assert_eq!(narrowed["scope"], "notes.read");
    let access = server
        .auth
        .authenticate(&gridauth::http::BearerToken::new(&string(&narrowed, "access_token")))
        .await
        .unwrap();
    assert!(access.require("notes.write").is_err());
    let (_, whole) = server.token(&refresh(&string(&narrowed, "refresh_token"))).await;
    assert_eq!(whole["scope"], "notes.read notes.write");
    let wider = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &string(&whole, "refresh_token")),
        ("scope", "notes.read admin"),
    ];
    assert_eq!(server.token(&wider).await.1["error"], "invalid_scope");
    assert_eq!(server.token(&wider[..2]).await.0, 200, "a refused request rotates nothing");
}
