//! What OpenID Connect adds to an authorization request: `prompt`, `max_age`, `id_token_hint`, `claims`, `acr_values`, `login_hint`
//! (OpenID Connect Core sections 3.1.2.1 and 5.5).

use gridauth::Response;
use gridauth::jose::{Algorithm, PrivateKey, sign};
use gridauth::model::AccessTokenFormat;
use serde_json::{Value, json};

use crate::provider::*;
use crate::support::*;

fn asks_password(page: &Response) -> bool {
    page.status() == 200 && text(page).contains("name=\"password\"")
}

fn asks_consent(page: &Response) -> bool {
    page.status() == 200 && text(page).contains("name=\"decision\"")
}

/// A provider whose client `web` is a third party: its users are asked.
async fn third_party() -> Server {
    let server = provider().await;
    put_web(&server, |web| web.first_party(false)).await;
    server
}

async fn id_token(server: &Server, code: &str) -> String {
    let (status, tokens) = server.token(&redeem(code)).await;
    assert_eq!(status, 200, "{tokens}");
    string(&tokens, "id_token")
}

/// Signs in with the form of a page, in a browser that has these cookies; the answer and the browser's cookies.
async fn sign_in_again(server: &Server, page: &Response, cookie: &str, username: &str) -> (Response, String) {
    let mut cookies: Vec<&str> = cookie.split("; ").collect();
    let answer = server.submit_sign_in(page, cookie, username, "imru").await;
    let set = crate::support::cookie(&answer).unwrap_or_default();
    for own in set.split("; ").filter(|own| !own.is_empty()) {
        let name = own.split('=').next().unwrap();
        cookies.retain(|before| before.split('=').next() != Some(name));
        cookies.push(own);
    }
    let cookies = cookies.join("; ");
    (answer, cookies)
}

#[tokio::test]
async fn prompt_none_shows_no_page() {
    let server = third_party().await;
    let silent = request("code", &[("prompt", "none")]);
    assert_eq!(error_of(&server.get(&silent, None).await), "login_required");
    let browser = server.sign_in(&request("code", &[])).await;
    assert_eq!(error_of(&server.get(&silent, Some(&browser.cookie)).await), "consent_required");
    browser.allow(&server).await;
    let back = server.get(&silent, Some(&browser.cookie)).await;
    assert!(location_parameter(&back, "code").is_some(), "{}", location(&back));
    // A wider request needs consent again.
    let wider = request("code", &[("prompt", "none"), ("scope", "openid notes.write")]);
    assert_eq!(error_of(&server.get(&wider, Some(&browser.cookie)).await), "consent_required");
    server.advance(12 * 60 * 60 + 1);
    assert_eq!(error_of(&server.get(&silent, Some(&browser.cookie)).await), "login_required");
}

#[tokio::test]
async fn prompt_login_and_select_account_ask_for_the_password_once() {
    let server = third_party().await;
    let browser = server.sign_in(&request("code", &[])).await;
    browser.allow(&server).await;
    for prompt in ["login", "select_account", "login select_account"] {
        server.advance(300);
        let page = server.get(&request("code", &[("prompt", prompt)]), Some(&browser.cookie)).await;
        assert!(asks_password(&page), "{prompt}");
        let (back, _) = sign_in_again(&server, &page, &browser.cookie, "israel").await;
        let code = location_parameter(&back, "code").unwrap();
        let claims = verified(&server, &id_token(&server, &code).await).await;
        assert_eq!(claims["auth_time"], server.auth.clock().now().as_secs(), "{prompt}");
    }
}

#[tokio::test]
async fn prompt_consent_asks_again() {
    let server = third_party().await;
    let browser = server.sign_in(&request("code", &[])).await;
    browser.allow(&server).await;
    let uri = request("code", &[("prompt", "consent")]);
    let page = server.get(&uri, Some(&browser.cookie)).await;
    assert!(asks_consent(&page), "{}", text(&page));
    let asked = Browser { cookie: browser.cookie.clone(), page };
    assert!(location_parameter(&asked.allow(&server).await, "code").is_some());
    assert_eq!(error_of(&asked.decide(&server, "deny").await), "access_denied");
    // Both: first the password, then the question.
    let both = request("code", &[("prompt", "consent login")]);
    let page = server.get(&both, Some(&browser.cookie)).await;
    assert!(asks_password(&page));
    let (page, cookie) = sign_in_again(&server, &page, &browser.cookie, "israel").await;
    assert!(asks_consent(&page), "{}", text(&page));
    let asked = Browser { cookie, page };
    assert!(location_parameter(&asked.allow(&server).await, "code").is_some());
}

#[tokio::test]
async fn prompt_is_a_list_of_known_words() {
    let server = provider().await;
    for scope in ["openid", "notes.read"] {
        for bad in
            ["none login", "none consent", "none select_account", "None", "create", "login,consent", "x"]
        {
            let back = server.get(&request("code", &[("prompt", bad), ("scope", scope)]), None).await;
            assert_eq!(error_of(&back), "invalid_request", "{bad}");
        }
        // It holds without the scope openid too.
        let silent = request("code", &[("prompt", "none"), ("scope", scope)]);
        assert_eq!(error_of(&server.get(&silent, None).await), "login_required");
    }
}

#[tokio::test]
async fn max_age_limits_the_age_of_the_sign_in() {
    let server = provider().await;
    let browser = server.sign_in(&request("code", &[])).await;
    server.advance(100);
    let ask = async |more: &[(&str, &str)]| server.get(&request("code", more), Some(&browser.cookie)).await;
    for enough in ["100", "101", "18446744073709551615"] {
        let back = ask(&[("max_age", enough)]).await;
        assert!(location_parameter(&back, "code").is_some(), "{enough}");
    }
    for (name, value) in [("max_age", "99"), ("max_age", "0"), ("max_age", "000")] {
        assert!(asks_password(&ask(&[(name, value)]).await), "{value}");
        assert_eq!(error_of(&ask(&[(name, value), ("prompt", "none")]).await), "login_required");
    }
    for bad in ["-1", "+1", "1.5", "1s", "ten", "0x10", " 1", "18446744073709551616", &"9".repeat(5000)] {
        assert_eq!(error_of(&ask(&[("max_age", bad)]).await), "invalid_request", "{bad:.30}");
    }
    // The client's own limit holds where the request has none.
    put_web(&server, |web| web.metadata("default_max_age", 60.into())).await;
    assert!(asks_password(&ask(&[]).await));
    assert!(location_parameter(&ask(&[("max_age", "1000")]).await, "code").is_some());
    // A user who signs in on the page is not asked again.
    let page = ask(&[("max_age", "0")]).await;
    let (back, _) = sign_in_again(&server, &page, &browser.cookie, "israel").await;
    assert!(location_parameter(&back, "code").is_some(), "{}", text(&back));
}

#[tokio::test]
async fn an_id_token_hint_names_the_user() {
    let server = provider().await;
    server.auth.put_user("miriam", &"imru".into(), "miriam", Default::default()).await.unwrap();
    let browser = server.sign_in(&request("code", &[])).await;
    let hint = id_token(&server, &location_parameter(&browser.page, "code").unwrap()).await;
    // One that has expired, and one that another client got, are as good.
    server.advance(2 * 60 * 60);
    let spa = [("client_id", "spa"), ("redirect_uri", SPA)];
    let of_spa = parameters(&server.get(&request("id_token", &spa), Some(&browser.cookie)).await);
    for hint in [&hint, &of_spa["id_token"]] {
        let back = server.get(&request("code", &[("id_token_hint", hint)]), Some(&browser.cookie)).await;
        assert!(location_parameter(&back, "code").is_some());
        let silent = [("id_token_hint", hint.as_str()), ("prompt", "none")];
        let back = server.get(&request("code", &silent), Some(&browser.cookie)).await;
        assert!(location_parameter(&back, "code").is_some());
    }
    // In the browser of another user, it asks for the right one, and takes no other.
    let page = server.get(&request("code", &[]), None).await;
    let form = cookie(&page).unwrap();
    let (_, other) = sign_in_again(&server, &page, &form, "miriam").await;
    let hinted = request("code", &[("id_token_hint", &hint)]);
    let page = server.get(&hinted, Some(&other)).await;
    assert!(asks_password(&page));
    let silent = request("code", &[("id_token_hint", &hint), ("prompt", "none")]);
    assert_eq!(error_of(&server.get(&silent, Some(&other)).await), "login_required");
    let (back, _) = sign_in_again(&server, &page, &other, "miriam").await;
    assert_eq!(error_of(&back), "login_required");
    let (back, _) = sign_in_again(&server, &page, &other, "israel").await;
    assert!(location_parameter(&back, "code").is_some());
}

#[tokio::test]
async fn a_hint_that_is_no_id_token_of_this_server_is_refused() {
    let server = provider_with(|builder| builder.access_token_format(AccessTokenFormat::Jwt)).await;
    let told = answered(&server, &request("code id_token token", &[])).await;
    let own_key = PrivateKey::generate(Algorithm::Rs256).unwrap();
    let claims = json!({ "iss": ISSUER, "sub": "israel", "aud": "web" });
    let forged = sign(&own_key, "JWT", &claims).unwrap();
    let id_token = &told["id_token"];
    let (signed, signature) = id_token.rsplit_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", id_token.split('.').nth(1).unwrap());
    for bad in [
        "x",
        "a.b.c",
        "..",
        &forged,
        &told["access_token"],
        &told["code"],
        signed,
        &format!("{signed}."),
        &format!("{signed}.{signature}x"),
        &unsigned,
        &"x".repeat(9000),
    ] {
        let back = server.get(&request("code", &[("id_token_hint", bad)]), None).await;
        assert_eq!(error_of(&back), "invalid_request", "{bad:.40}");
    }
}

#[tokio::test]
async fn the_claim_sub_names_the_user_too() {
    let server = provider().await;
    let browser = server.sign_in(&request("code", &[])).await;
    let asked = |sub: &str| json!({ "id_token": { "sub": { "value": sub } } }).to_string();
    let ask = async |more: &[(&str, &str)]| server.get(&request("code", more), Some(&browser.cookie)).await;
    assert!(location_parameter(&ask(&[("claims", &asked("israel"))]).await, "code").is_some());
    assert!(asks_password(&ask(&[("claims", &asked("miriam"))]).await));
    let silent = [("claims", &*asked("miriam")), ("prompt", "none")];
    assert_eq!(error_of(&ask(&silent).await), "login_required");
    let hint = id_token(&server, &location_parameter(&browser.page, "code").unwrap()).await;
    let both = ask(&[("claims", &asked("miriam")), ("id_token_hint", &hint)]).await;
    assert_eq!(error_of(&both), "invalid_request");
    let same = ask(&[("claims", &asked("israel")), ("id_token_hint", &hint)]).await;
    assert!(location_parameter(&same, "code").is_some());
}

/// OpenID Connect Core section 5.5.1.1.
#[tokio::test]
async fn an_essential_acr_is_met_or_refused() {
    let server = provider().await;
    let browser = server.sign_in(&request("code", &[])).await;
    let ask = async |claims: Value| {
        let uri = request("code", &[("claims", &claims.to_string())]);
        server.get(&uri, Some(&browser.cookie)).await
    };
    for met in [
        json!({ "id_token": { "acr": { "essential": true, "values": ["gold", "1"] } } }),
        json!({ "id_token": { "acr": { "essential": true, "value": "1" } } }),
        json!({ "id_token": { "acr": { "essential": true } } }),
        json!({ "id_token": { "acr": { "values": ["gold"] } } }),
        json!({ "id_token": { "acr": null } }),
    ] {
        let back = ask(met.clone()).await;
        assert!(location_parameter(&back, "code").is_some(), "{met}");
    }
    let unmet = json!({ "id_token": { "acr": { "essential": true, "values": ["gold", "silver"] } } });
    let page = ask(unmet.clone()).await;
    assert!(asks_password(&page), "another sign-in may be of another class");
    let (back, _) = sign_in_again(&server, &page, &browser.cookie, "israel").await;
    assert_eq!(error_of(&back), "unmet_authentication_requirements");
    let silent = request("code", &[("claims", &unmet.to_string()), ("prompt", "none")]);
    assert_eq!(error_of(&server.get(&silent, Some(&browser.cookie)).await), "login_required");
    // What is asked for voluntarily stops nobody.
    let voluntary = server.get(&request("code", &[("acr_values", "gold")]), Some(&browser.cookie)).await;
    let claims =
        verified(&server, &id_token(&server, &location_parameter(&voluntary, "code").unwrap()).await).await;
    assert_eq!(claims["acr"], "1");
}

#[tokio::test]
async fn claims_that_are_malformed_are_refused() {
    let server = provider().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for bad in [
        "x",
        "[]",
        "null",
        "{",
        r#"{"id_token":[]}"#,
        r#"{"id_token":{"sub":"israel"}}"#,
        r#"{"userinfo":{"email":{"essential":1}}}"#,
        &format!(r#"{{"id_token":{{"x":{{"value":{deep}}}}}}}"#),
        &format!(r#"{{"id_token":{{"x":{{"value":"{}"}}}}}}"#, "x".repeat(8192)),
    ] {
        let back = server.get(&request("code", &[("claims", bad)]), None).await;
        assert_eq!(error_of(&back), "invalid_request", "{bad:.60}");
    }
    for odd in ["{}", r#"{"id_token":null,"other":1}"#, r#"{"id_token":{"x":{"y":1}}}"#] {
        assert!(asks_password(&server.get(&request("code", &[("claims", odd)]), None).await), "{odd}");
    }
}

/// A claim that is asked for by name counts as the scope that gives it.
#[tokio::test]
async fn claims_by_name_are_shown_and_remembered() {
    let server = third_party().await;
    let browser = server.sign_in(&request("code", &[])).await;
    browser.allow(&server).await;
    let uri = request("code", &[("claims", r#"{"userinfo": {"email": null}}"#)]);
    let page = server.get(&uri, Some(&browser.cookie)).await;
    assert!(asks_consent(&page) && text(&page).contains("email"), "{}", text(&page));
    let asked = Browser { cookie: browser.cookie.clone(), page };
    let code = location_parameter(&asked.allow(&server).await, "code").unwrap();
    let again = server.get(&uri, Some(&browser.cookie)).await;
    assert!(location_parameter(&again, "code").is_some(), "it is remembered");
    let (_, tokens) = server.token(&redeem(&code)).await;
    assert_eq!(tokens["scope"], "openid notes.read", "the scope of the token is what was asked for");
    // No scope of the client gives it: nobody is asked, and nothing is told.
    let phone = request("code", &[("claims", r#"{"userinfo": {"phone_number": null}}"#)]);
    assert!(location_parameter(&server.get(&phone, Some(&browser.cookie)).await, "code").is_some());
}

#[tokio::test]
async fn what_the_server_does_not_take_has_an_error_of_its_own() {
    let server = provider().await;
    for (name, error) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        assert_eq!(error_of(&server.get(&request("code", &[(name, "x")]), None).await), error);
        // What such a request leaves out may be in what the server does not take.
        let bare = request("id_token", &[(name, "x"), ("nonce", "")]);
        assert_eq!(error_of(&server.get(&bare, None).await), error);
    }
}

#[tokio::test]
async fn a_login_hint_fills_the_form_in() {
    let server = provider().await;
    let page = server.get(&request("code", &[("login_hint", "isr\"ael<")]), None).await;
    assert!(text(&page).contains("value=\"isr&quot;ael&lt;\""), "{}", text(&page));
    for (name, value) in [("display", "popup"), ("ui_locales", "xx-YY de"), ("acr_values", "a b")] {
        assert!(asks_password(&server.get(&request("code", &[(name, value)]), None).await), "{name}");
    }
}
