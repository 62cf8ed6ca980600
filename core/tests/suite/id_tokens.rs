//! ID tokens from the token endpoint (OpenID Connect Core sections 2, 3.1.3 and 12).

use std::collections::BTreeSet;

use gridauth::jose::{Algorithm, Jws};
use gridauth::model::AccessTokenFormat;
use gridauth::store::Kind;
use serde_json::{Value, json};

use crate::provider::*;
use crate::support::*;

/// Tokens of `web` for the scope `openid` and a nonce, by the code grant.
async fn tokens(server: &Server, more: &[(&str, &str)]) -> Value {
    let told = answered(server, &request("code", more)).await;
    let (status, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

fn members(claims: &Value) -> BTreeSet<&str> {
    claims.as_object().unwrap().keys().map(String::as_str).collect()
}

const ALWAYS: [&str; 11] =
    ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "azp", "sid", "at_hash"];

#[tokio::test]
async fn the_code_grant_gives_an_id_token() {
    let server = provider().await;
    let browser = server.sign_in(&request("code", &[("nonce", "earlier")])).await;
    server.advance(50);
    let again = server.get(&request("code", &[]), Some(&browser.cookie)).await;
    server.advance(5);
    let (_, tokens) = server.token(&redeem(&location_parameter(&again, "code").unwrap())).await;
    let id_token = string(&tokens, "id_token");
    let claims = verified(&server, &id_token).await;
    assert_eq!(members(&claims), ALWAYS.into_iter().chain(["nonce"]).collect());
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(ISSUER), &json!("israel")));
    assert_eq!((&claims["aud"], &claims["azp"]), (&json!("web"), &json!("web")));
    assert_eq!(claims["nonce"], NONCE);
    assert_eq!(claims["auth_time"], 1_700_000_000, "when the user signed in, not when the token was made");
    assert_eq!(claims["iat"], 1_700_000_055);
    assert_eq!(claims["exp"], 1_700_003_655_i64);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("1"), &json!(["pwd"])));
    assert_eq!(claims["at_hash"], half_hash(Algorithm::Rs256, &string(&tokens, "access_token")));
    let jws = Jws::parse(&id_token).unwrap();
    assert!(jws.is_of_type("JWT") && jws.key_id().is_some());
    assert_eq!(jws.algorithm_name(), "RS256");
    assert!(!browser.cookie.contains(claims["sid"].as_str().unwrap()), "the session's id is not its secret");
}

#[tokio::test]
async fn only_the_scope_openid_gives_one() {
    let server = provider().await;
    assert_eq!(tokens(&server, &[("scope", "notes.read profile")]).await["id_token"], Value::Null);
    assert_eq!(
        tokens(&server, &[("scope", "")]).await["id_token"],
        Value::Null,
        "openid is asked for by name"
    );
    let claims = verified(&server, &string(&tokens(&server, &[("nonce", "")]).await, "id_token")).await;
    assert_eq!(members(&claims), ALWAYS.into_iter().collect());
    put_web(&server, |web| web.grant_types(["password", "client_credentials", "authorization_code"])).await;
    for form in [
        &[("grant_type", "password"), ("username", "israel"), ("password", "imru"), ("scope", "openid")][..],
        &[("grant_type", "client_credentials"), ("scope", "openid")],
    ] {
        let (status, tokens) = server.token(form).await;
        assert_eq!((status, &tokens["id_token"]), (200, &Value::Null), "{form:?}: {tokens}");
    }
}

/// OpenID Connect Core section 12.2.
#[tokio::test]
async fn a_refresh_gives_another_without_the_nonce() {
    let server = provider().await;
    let first = tokens(&server, &[]).await;
    server.advance(1000);
    let old = string(&first, "refresh_token");
    let (_, renewed) = server.token(&refresh(&old)).await;
    let before = verified(&server, &string(&first, "id_token")).await;
    let after = verified(&server, &string(&renewed, "id_token")).await;
    assert_eq!(members(&after), ALWAYS.into_iter().collect());
    for same in ["iss", "sub", "aud", "azp", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(after["iat"], 1_700_001_000);
    assert_eq!(after["at_hash"], half_hash(Algorithm::Rs256, &string(&renewed, "access_token")));
    // Within the grace window the answer is the same to the letter.
    assert_eq!(server.token(&refresh(&old)).await.1["id_token"], renewed["id_token"]);
    let latest = string(&renewed, "refresh_token");
    let narrower = [&refresh(&latest)[..], &[("scope", "notes.read")]].concat();
    let (status, narrower) = server.token(&narrower).await;
    assert_eq!((status, &narrower["id_token"]), (200, &Value::Null), "{narrower}");
}

#[tokio::test]
async fn the_client_chooses_the_algorithm() {
    let server = provider().await;
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        put_web(&server, |web| web.metadata("id_token_signed_response_alg", algorithm.name().into())).await;
        let tokens = tokens(&server, &[]).await;
        let id_token = string(&tokens, "id_token");
        assert_eq!(Jws::parse(&id_token).unwrap().algorithm_name(), algorithm.name());
        let claims = verified(&server, &id_token).await;
        assert_eq!(claims["at_hash"], half_hash(algorithm, &string(&tokens, "access_token")));
    }
    for unknown in ["none", "HS256", "PS256", "rs256", ""] {
        put_web(&server, |web| web.metadata("id_token_signed_response_alg", unknown.into())).await;
        let told = answered(&server, &request("code", &[])).await;
        let (status, refused) = server.token(&redeem(&told["code"])).await;
        assert_eq!((status, &refused["error"]), (400, &json!("unauthorized_client")), "{unknown:?}");
        let back = signed_in(&server, &request("id_token", &[])).await;
        assert_eq!(error_of(&back), "unauthorized_client", "{unknown:?}");
        // The code is not burned: once the registration is right, it is redeemed.
        put_web(&server, |web| web).await;
        assert_eq!(server.token(&redeem(&told["code"])).await.0, 200, "{unknown:?}");
    }
}

/// OpenID Connect Core section 5.4: beside an access token, the claims of the scopes are at the UserInfo endpoint.
#[tokio::test]
async fn claims_come_by_name_alone() {
    let server = provider().await;
    let scope = ("scope", "openid profile email phone");
    put_web(&server, |web| web.scope("openid profile email")).await;
    let scope = ("scope", scope.1.trim_end_matches(" phone"));
    let plain = verified(&server, &string(&tokens(&server, &[scope]).await, "id_token")).await;
    assert_eq!(members(&plain), ALWAYS.into_iter().chain(["nonce"]).collect());
    // A claim needs a scope that the client may have, whether or not this request asks for it.
    let by_name = r#"{"id_token": {"email": {"essential": true}, "name": null, "phone_number": null, "nickname": null}, "userinfo": {"email_verified": null}}"#;
    let asked = tokens(&server, &[("claims", by_name), ("scope", "openid")]).await;
    let claims = verified(&server, &string(&asked, "id_token")).await;
    assert_eq!(members(&claims), ALWAYS.into_iter().chain(["nonce", "email", "name"]).collect());
    let (_, renewed) = server.token(&refresh(&string(&asked, "refresh_token"))).await;
    let later = verified(&server, &string(&renewed, "id_token")).await;
    assert_eq!((&later["email"], &later["name"]), (&claims["email"], &claims["name"]));
}

#[tokio::test]
async fn a_users_claims_do_not_replace_the_servers() {
    let server = provider().await;
    let evil = json!({
        "iss": "evil", "sub": "evil", "aud": "evil", "exp": 9_999_999_999_i64, "nonce": "evil", "acr": "evil", "azp": "evil",
        "auth_time": 1, "at_hash": "evil", "sid": "evil", "amr": ["evil"], "name": "Israel",
    });
    let evil = evil.as_object().unwrap().clone();
    server.auth.put_user("israel", &"imru".into(), "israel", evil).await.unwrap();
    let asked =
        r#"{"id_token": {"name": null, "sub": null, "iss": null, "aud": null, "nonce": null, "sid": null}}"#;
    let told = tokens(&server, &[("claims", asked), ("scope", "openid profile")]).await;
    let id_token = string(&told, "id_token");
    let claims = verified(&server, &id_token).await;
    assert_eq!(claims["name"], "Israel");
    assert!(!claims.to_string().contains("evil"), "{claims}");
    let lone = answered(&server, &request("id_token", &[("scope", "openid profile")])).await;
    assert!(!verified(&server, &lone["id_token"]).await.to_string().contains("evil"));
}

/// All signing comes before the row is touched.
#[tokio::test]
async fn a_signer_that_fails_burns_no_code_and_rotates_no_refresh_token() {
    let signer = TestSigner::new();
    for (format, signatures) in [(AccessTokenFormat::Opaque, 1), (AccessTokenFormat::Jwt, 2)] {
        let own = signer.clone();
        let server = provider_with(|builder| builder.signer(own).access_token_format(format)).await;
        let told = answered(&server, &request("code", &[])).await;
        let fails = async |form: &[(&str, &str)]| {
            for works in 0..signatures {
                signer.fail_after(works);
                for _ in 0..2 {
                    let (status, refused) = server.token(form).await;
                    assert_eq!((status, &refused["error"]), (503, &json!("temporarily_unavailable")));
                }
            }
            signer.recover();
        };
        let redeeming = redeem(&told["code"]);
        fails(&redeeming).await;
        let (status, tokens) = server.token(&redeeming).await;
        assert_eq!(status, 200, "{tokens}");
        let old = string(&tokens, "refresh_token");
        fails(&refresh(&old)).await;
        server.advance(3600);
        let (status, renewed) = server.token(&refresh(&old)).await;
        assert_eq!(status, 200, "{renewed}");
        assert!(server.is_valid(&renewed).await);
        assert_eq!(ids(server.auth.store(), Kind::Grant).await.len(), 1);
        // A code that is used twice is recognised even so.
        signer.fail_after(0);
        assert_eq!(server.token(&redeeming).await.1["error"], "invalid_grant");
        signer.recover();
        assert!(!server.is_valid(&renewed).await);
    }
}

#[tokio::test]
async fn the_nonce_is_any_text() {
    let server = provider().await;
    for nonce in ["x", "\u{1f600} \"<&>\\", &"n".repeat(8000), "null"] {
        let claims =
            verified(&server, &string(&tokens(&server, &[("nonce", nonce)]).await, "id_token")).await;
        assert_eq!(claims["nonce"], nonce);
    }
}
