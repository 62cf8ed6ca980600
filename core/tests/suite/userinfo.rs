//! The UserInfo endpoint (OpenID Connect Core section 5.3).

use bytes::Bytes;
use gridauth::Response;
use gridauth::jose::{Algorithm, Jws};
use gridauth::model::AccessTokenFormat;
use serde_json::{Value, json};

use crate::provider::*;
use crate::support::*;

const PATH: &str = "/oauth/userinfo";
const FORM: &str = "application/x-www-form-urlencoded";

async fn send(
    server: &Server,
    method: &str,
    token: Option<&str>,
    content_type: &str,
    body: &str,
) -> Response {
    let mut request = http::Request::builder().method(method).uri(PATH).header("content-type", content_type);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    server.auth.handle(request.body(Bytes::from(body.to_owned())).unwrap()).await
}

async fn get(server: &Server, token: &str) -> Response {
    send(server, "GET", Some(token), "text/plain", "").await
}

/// An access token of `web` for this scope.
async fn access_token(server: &Server, more: &[(&str, &str)]) -> String {
    let told = answered(server, &request("code", more)).await;
    let (status, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!(status, 200, "{tokens}");
    string(&tokens, "access_token")
}

fn challenge(response: &Response) -> String {
    response.headers()["www-authenticate"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_token_is_in_the_header_or_in_the_form() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        let server = provider_with(|builder| builder.access_token_format(format)).await;
        let token = access_token(&server, &[("scope", "openid email")]).await;
        let form = format!("access_token={token}");
        let expected = json!({ "sub": "israel", "email": "israel@example.com", "email_verified": true });
        for response in [
            get(&server, &token).await,
            send(&server, "POST", Some(&token), "text/plain", "").await,
            send(&server, "POST", Some(&token), FORM, "").await,
            send(&server, "POST", Some(&token), FORM, "x=1").await,
            send(&server, "POST", None, FORM, &form).await,
        ] {
            assert_eq!(response.status(), 200, "{}", text(&response));
            assert_eq!(response.headers()["content-type"], "application/json");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(answer(response).1, expected);
        }
        // RFC 6750 section 2: one method per request.
        let both = send(&server, "POST", Some(&token), FORM, &form).await;
        assert_eq!(both.status(), 400, "{}", text(&both));
        assert!(challenge(&both).contains("error=\"invalid_request\""));
        let twice = send(&server, "POST", None, FORM, &format!("{form}&{form}")).await;
        assert_eq!(twice.status(), 400);
        // Nowhere else is a token looked for.
        let in_query = server.get(&format!("{PATH}?{form}"), None).await;
        assert_eq!(in_query.status(), 401);
        assert!(!challenge(&in_query).contains("error"), "{}", challenge(&in_query));
        assert_eq!(send(&server, "GET", None, FORM, &form).await.status(), 401);
        assert_eq!(send(&server, "POST", None, "application/json", &form).await.status(), 401);
        for method in ["PUT", "DELETE", "PATCH"] {
            assert_eq!(send(&server, method, Some(&token), FORM, "").await.status(), 405);
        }
    }
}

#[tokio::test]
async fn tokens_that_do_not_give_access() {
    let server = provider().await;
    let none = send(&server, "GET", None, "text/plain", "").await;
    assert_eq!(none.status(), 401);
    assert!(!challenge(&none).contains("error"), "{}", challenge(&none));
    let without = access_token(&server, &[("scope", "email notes.read")]).await;
    let refused = get(&server, &without).await;
    assert_eq!(refused.status(), 403);
    assert!(
        challenge(&refused).contains("error=\"insufficient_scope\"")
            && challenge(&refused).contains("openid")
    );
    // The token of a client that acts for itself is about nobody.
    put_web(&server, |web| web.grant_types(["client_credentials", "authorization_code"])).await;
    let (_, own) = server.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await;
    assert_eq!(get(&server, &string(&own, "access_token")).await.status(), 403);
    let told = answered(&server, &request("code", &[])).await;
    for bad in ["x", "", &told["code"], &"x".repeat(9000)] {
        let refused = get(&server, bad).await;
        assert!([400, 401].contains(&refused.status().as_u16()), "{bad:.20}: {}", refused.status());
    }
    let token = access_token(&server, &[]).await;
    let credentials = basic("web", "web-secret");
    server.post("/oauth/revoke", &[("authorization", &credentials)], &[("token", &token)]).await;
    let revoked = get(&server, &token).await;
    assert_eq!(revoked.status(), 401);
    assert!(challenge(&revoked).contains("error=\"invalid_token\""));
    let token = access_token(&server, &[]).await;
    server.advance(3601);
    assert_eq!(get(&server, &token).await.status(), 401);
    let token = access_token(&server, &[]).await;
    assert!(server.auth.remove_user("israel").await.unwrap());
    assert_eq!(get(&server, &token).await.status(), 401);
}

#[tokio::test]
async fn claims_come_by_scope_and_by_name() {
    let server = provider().await;
    let info = async |more: &[(&str, &str)]| answer(get(&server, &access_token(&server, more).await).await).1;
    assert_eq!(info(&[("scope", "openid")]).await, json!({ "sub": "israel" }));
    let profile = info(&[("scope", "openid profile")]).await;
    assert_eq!(profile, json!({ "sub": "israel", "name": "Israel", "preferred_username": "israel" }));
    let by_name =
        r#"{"userinfo": {"email": null, "phone_number": {"essential": true}}, "id_token": {"name": null}}"#;
    let named = info(&[("scope", "openid"), ("claims", by_name)]).await;
    assert_eq!(
        named,
        json!({ "sub": "israel", "email": "israel@example.com" }),
        "phone is no scope of the client"
    );
    // A token that was narrowed tells no more than its scope.
    let told = answered(&server, &request("code", &[("scope", "openid email")])).await;
    let (_, tokens) = server.token(&redeem(&told["code"])).await;
    let latest = string(&tokens, "refresh_token");
    let narrower = [&refresh(&latest)[..], &[("scope", "openid")]].concat();
    let (_, narrower) = server.token(&narrower).await;
    let (_, told) = answer(get(&server, &string(&narrower, "access_token")).await);
    assert_eq!(told, json!({ "sub": "israel" }));
}

#[tokio::test]
async fn a_client_may_want_it_signed() {
    let signer = TestSigner::new();
    let own = signer.clone();
    let server = provider_with(|builder| builder.signer(own)).await;
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        put_web(&server, |web| web.metadata("userinfo_signed_response_alg", algorithm.name().into())).await;
        let token = access_token(&server, &[("scope", "openid email")]).await;
        let response = get(&server, &token).await;
        assert_eq!(response.status(), 200, "{}", text(&response));
        assert_eq!(response.headers()["content-type"], "application/jwt");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let jwt = text(&response);
        assert_eq!(Jws::parse(&jwt).unwrap().algorithm_name(), algorithm.name());
        let claims = verified(&server, &jwt).await;
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("web")));
        assert_eq!((&claims["sub"], &claims["email"]), (&json!("israel"), &json!("israel@example.com")));
        signer.fail_after(0);
        assert_eq!(get(&server, &token).await.status(), 503);
        signer.recover();
    }
    let token = access_token(&server, &[]).await;
    for unknown in ["none", "HS256", "x"] {
        put_web(&server, |web| web.metadata("userinfo_signed_response_alg", unknown.into())).await;
        let refused = get(&server, &token).await;
        assert!(refused.status().is_client_error(), "{unknown}: {}", text(&refused));
    }
}

#[tokio::test]
async fn scripts_may_read_it() {
    let server = provider().await;
    let token = access_token(&server, &[]).await;
    for (header, status) in [(format!("Bearer {token}"), 200), ("Bearer x".to_owned(), 401)] {
        let request = http::Request::get(PATH)
            .header("authorization", header)
            .header("origin", "https://spa.example.com");
        let response = server.auth.handle(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert!(response.headers().get("access-control-allow-credentials").is_none());
    }
    let preflight = http::Request::options(PATH)
        .header("origin", "https://spa.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization");
    let response = server.auth.handle(preflight.body(Bytes::new()).unwrap()).await;
    assert!(response.status().is_success(), "{}", response.status());
    let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap().to_lowercase();
    assert!(allowed.contains("authorization"), "{allowed}");
}

#[tokio::test]
async fn a_user_who_changes_is_told_as_they_are_now() {
    let server = provider().await;
    let token = access_token(&server, &[("scope", "openid email")]).await;
    let claims = json!({ "email": "new@example.com" });
    let claims = claims.as_object().unwrap().clone();
    server.auth.put_user("israel", &"imru".into(), "israel", claims).await.unwrap();
    let (_, told): (u16, Value) = answer(get(&server, &token).await);
    assert_eq!(told, json!({ "sub": "israel", "email": "new@example.com" }));
}
