//! Access tokens that are JSON Web Tokens (RFC 9068): anybody can check them, and here they end at once.

use gridauth::jose::{Algorithm, Jws, PrivateKey, sign};
use gridauth::model::AccessTokenFormat;
use gridauth::store::Kind;
use serde_json::{Value, json};

use crate::provider::*;
use crate::support::*;

async fn jwt_provider() -> Server {
    provider_with(|builder| builder.access_token_format(AccessTokenFormat::Jwt)).await
}

async fn tokens(server: &Server) -> Value {
    let told = answered(server, &request("code", &[])).await;
    let (status, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

async fn introspect(server: &Server, token: &str) -> Value {
    let credentials = basic("web", "web-secret");
    let form = [("token", token)];
    answer(server.post("/oauth/introspect", &[("authorization", &credentials)], &form).await).1
}

async fn revoke(server: &Server, token: &str) {
    let credentials = basic("web", "web-secret");
    let response =
        server.post("/oauth/revoke", &[("authorization", &credentials)], &[("token", token)]).await;
    assert_eq!(response.status(), 200);
}

/// RFC 9068 section 2.
#[tokio::test]
async fn it_has_the_claims_of_the_rfc() {
    let server = jwt_provider().await;
    let tokens = tokens(&server).await;
    let access = string(&tokens, "access_token");
    let jws = Jws::parse(&access).unwrap();
    assert!(jws.is_of_type("at+jwt"));
    assert_eq!(jws.algorithm_name(), "ES256");
    let claims = verified(&server, &access).await;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(ISSUER)));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("israel"), &json!("web")));
    assert_eq!(claims["scope"], "openid notes.read");
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1_700_000_000), &json!(1_700_003_600_i64)));
    assert_eq!((&claims["auth_time"], &claims["acr"]), (&json!(1_700_000_000), &json!("1")));
    assert!(claims["jti"].is_string());
    let id_token = verified(&server, &string(&tokens, "id_token")).await;
    assert_eq!(id_token["at_hash"], half_hash(Algorithm::Rs256, &access));
    let (_, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    let next = verified(&server, &string(&renewed, "access_token")).await;
    assert_ne!(next["jti"], claims["jti"]);
}

#[tokio::test]
async fn the_front_channel_gives_them_too() {
    let server = jwt_provider().await;
    for response_type in ["id_token token", "code token", "code id_token token"] {
        let told = answered(&server, &request(response_type, &[])).await;
        let claims = verified(&server, &told["access_token"]).await;
        assert_eq!(
            (&claims["sub"], &claims["client_id"]),
            (&json!("israel"), &json!("web")),
            "{response_type}"
        );
        assert!(is_valid(&server, &told["access_token"]).await, "{response_type}");
        if let Some(id_token) = told.get("id_token") {
            let hash = half_hash(Algorithm::Rs256, &told["access_token"]);
            assert_eq!(verified(&server, id_token).await["at_hash"], hash);
        }
    }
}

#[tokio::test]
async fn it_ends_at_once_and_introspection_knows() {
    let server = jwt_provider().await;
    let tokens = tokens(&server).await;
    let access = string(&tokens, "access_token");
    assert!(server.is_valid(&tokens).await);
    let described = introspect(&server, &access).await;
    assert_eq!((&described["active"], &described["sub"]), (&json!(true), &json!("israel")));
    assert_eq!((&described["client_id"], &described["scope"]), (&json!("web"), &json!("openid notes.read")));
    revoke(&server, &access).await;
    assert!(!server.is_valid(&tokens).await);
    assert_eq!(introspect(&server, &access).await, json!({ "active": false }));
    // The rest of the grant stays, until its refresh token is revoked.
    let (status, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200, "{renewed}");
    assert!(server.is_valid(&renewed).await);
    revoke(&server, &string(&renewed, "refresh_token")).await;
    assert!(!server.is_valid(&renewed).await);
    assert!(ids(server.auth.store(), Kind::Grant).await.is_empty());
}

#[tokio::test]
async fn it_expires() {
    let server = jwt_provider().await;
    let tokens = tokens(&server).await;
    server.advance(3599);
    assert!(server.is_valid(&tokens).await);
    server.advance(1);
    assert!(!server.is_valid(&tokens).await);
    assert_eq!(introspect(&server, &string(&tokens, "access_token")).await, json!({ "active": false }));
}

/// The guard compares the whole text, so it needs no signature to refuse what it did not issue.
#[tokio::test]
async fn a_changed_token_is_not_the_token() {
    let server = jwt_provider().await;
    let tokens = tokens(&server).await;
    let access = string(&tokens, "access_token");
    let (signed, signature) = access.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let claims: Value = Jws::parse(&access).unwrap().claims().unwrap();
    let own_key = PrivateKey::generate(Algorithm::Es256).unwrap();
    let forged = sign(&own_key, "at+jwt", &claims).unwrap();
    let swapped = format!("{header}.{payload}.{}", forged.rsplit_once('.').unwrap().1);
    for bad in [
        signed,
        &format!("{signed}."),
        &format!("{access}x"),
        &format!("{access}."),
        &format!("{access}="),
        &format!("eyJhbGciOiJub25lIn0.{payload}."),
        &format!("eyJhbGciOiJub25lIn0.{payload}.{signature}"),
        &forged,
        &swapped,
        &string(&tokens, "id_token"),
        payload,
        "..",
    ] {
        assert!(!is_valid(&server, bad).await, "{bad:.60}");
        assert_eq!(introspect(&server, bad).await, json!({ "active": false }), "{bad:.60}");
        revoke(&server, bad).await;
    }
    assert!(server.is_valid(&tokens).await, "and none of them revokes it");
}

#[tokio::test]
async fn a_client_may_have_it_differently() {
    for (usual, own) in [
        (AccessTokenFormat::Opaque, AccessTokenFormat::Jwt),
        (AccessTokenFormat::Jwt, AccessTokenFormat::Opaque),
    ] {
        let server = provider_with(|builder| builder.access_token_format(usual)).await;
        let is_jwt = |tokens: &Value| Jws::parse(&string(tokens, "access_token")).is_ok();
        assert_eq!(is_jwt(&tokens(&server).await), usual == AccessTokenFormat::Jwt);
        put_web(&server, |web| web.access_token_format(own)).await;
        let tokens = tokens(&server).await;
        assert_eq!(is_jwt(&tokens), own == AccessTokenFormat::Jwt);
        assert!(server.is_valid(&tokens).await);
    }
}
