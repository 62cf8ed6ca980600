//! The authorization code grant from the first page to the last token (RFC 6749 section 4.1).

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_code_becomes_tokens_that_work_until_they_are_revoked() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    let page = text(&browser.page);
    assert!(page.contains("notes.read") && page.contains("client.example.com"), "{page}");
    let back = browser.allow(&server).await;
    assert_eq!(back.status(), 303);
    assert!(location(&back).starts_with("https://client.example.com/cb?"));
    assert_eq!(location_parameter(&back, "state").as_deref(), Some("xyz"));
    assert_eq!(location_parameter(&back, "iss").as_deref(), Some(ISSUER));
    let code = location_parameter(&back, "code").unwrap();

    let (status, tokens) = server.token(&redeem(&code)).await;
    assert_eq!(
        (status, &tokens["token_type"], &tokens["scope"]),
        (200, &json!("Bearer"), &json!("notes.read"))
    );
    let access = string(&tokens, "access_token");
    let found = server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.unwrap();
    assert_eq!((found.user(), found.client(), found.scope().as_str()), (Some("israel"), "web", "notes.read"));

    let (status, next) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200);
    let revoked = server
        .post(
            "/oauth/revoke",
            &[("authorization", &basic("web", "web-secret"))],
            &[("token", &string(&next, "refresh_token"))],
        )
        .await;
    assert_eq!(revoked.status(), 200);
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_err());
    assert!(!server.is_valid(&next).await);
}

#[tokio::test]
async fn a_second_use_of_a_code_revokes_the_tokens_of_the_first() {
    let server = server().await;
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    let (status, error) = server.token(&redeem(&code)).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
    assert!(!server.is_valid(&tokens).await);
}

#[tokio::test]
async fn a_code_is_bound_to_its_client_redirect_uri_verifier_and_lifetime() {
    let server = server().await;
    let code = server.code().await;
    let other_client = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", "spa"),
    ];
    assert_eq!(server.post("/oauth/token", &[], &other_client).await.status(), 400);
    let mut wrong = redeem(&code);
    wrong[2].1 = "https://client.example.com/other";
    assert_eq!(server.token(&wrong).await.0, 400);
    let mut wrong = redeem(&code);
    wrong[3].1 = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl";
    assert_eq!(server.token(&wrong).await.0, 400);
    assert_eq!(server.token(&redeem(&code)[..3]).await.1["error"], "invalid_grant");
    // None of these used it up.
    assert_eq!(server.token(&redeem(&code)).await.0, 200);

    let late = server.get(&authorize_uri(&[]), None).await;
    assert_eq!(late.status(), 200);
    let browser = server.sign_in(&authorize_uri(&[("scope", "notes.write")])).await;
    let code = location_parameter(&browser.allow(&server).await, "code").unwrap();
    server.advance(60);
    assert_eq!(server.token(&redeem(&code)).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn consent_is_remembered_asked_again_for_a_wider_scope_and_can_be_withdrawn() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    let back = browser.allow(&server).await;
    let (_, tokens) = server.token(&redeem(&location_parameter(&back, "code").unwrap())).await;
    // The same request redirects at once; a wider one does not.
    assert_eq!(server.get(&authorize_uri(&[]), Some(&browser.cookie)).await.status(), 303);
    let more = authorize_uri(&[("scope", "notes.read notes.write")]);
    assert_eq!(server.get(&more, Some(&browser.cookie)).await.status(), 200);

    server.auth.withdraw_consent("israel", "web").await.unwrap();
    assert!(!server.is_valid(&tokens).await);
    assert_eq!(server.get(&authorize_uri(&[]), Some(&browser.cookie)).await.status(), 200);
}

#[tokio::test]
async fn a_refusal_goes_to_the_client_and_is_not_remembered() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    let back = browser.decide(&server, "deny").await;
    assert_eq!(location_parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(location_parameter(&back, "iss").as_deref(), Some(ISSUER));
    assert_eq!(server.get(&authorize_uri(&[]), Some(&browser.cookie)).await.status(), 200);
}

#[tokio::test]
async fn a_session_ends() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    browser.allow(&server).await;
    server.advance(12 * 60 * 60);
    let page = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    assert!(text(&page).contains("name=\"password\""));
}
