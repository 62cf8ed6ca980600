//! Signed authorization responses (JWT Secured Authorization Response Mode for OAuth 2.0).

use gridauth::Response;
use gridauth::jose::{Jws, KeySet};
use serde_json::{Value, json};

use crate::provider::*;
use crate::support::*;

async fn server() -> Server {
    provider_with(gridauth::Builder::signed_responses).await
}

/// The claims of the token that is the only parameter of a response, once its signature is checked.
async fn opened(server: &Server, response: &Response) -> Value {
    let told = parameters(response);
    assert_eq!(told.keys().collect::<Vec<_>>(), ["response"], "{told:?}");
    let jws = Jws::parse(&told["response"]).unwrap();
    let keys = answer(server.get("/oauth/jwks", None).await).1;
    assert!(KeySet::from_jwks(&keys).unwrap().signer_of(&jws).is_some());
    let claims: Value = jws.claims().unwrap();
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("web")));
    assert_eq!(claims["exp"], server.auth.clock().now().as_secs() + 600);
    claims
}

#[tokio::test]
async fn a_response_is_one_signed_token() {
    let server = server().await;
    let browser = server.sign_in(&request("code", &[])).await;
    for (response_type, mode, place) in [
        ("code", "jwt", "?"),
        ("code", "query.jwt", "?"),
        ("code", "fragment.jwt", "#"),
        ("code", "form_post.jwt", ""),
        ("id_token", "jwt", "#"),
        ("code id_token token", "jwt", "#"),
        ("code id_token", "fragment.jwt", "#"),
        ("id_token token", "form_post.jwt", ""),
    ] {
        let uri = request(response_type, &[("response_mode", mode)]);
        let back = server.get(&uri, Some(&browser.cookie)).await;
        match place {
            "" => assert_eq!(back.status(), 200, "{mode}"),
            place => assert!(location(&back).starts_with(&format!("{REDIRECT}{place}response=")), "{mode}"),
        }
        let claims = opened(&server, &back).await;
        assert_eq!(claims["state"], "xyz");
        for word in ["code", "id_token"] {
            assert_eq!(claims[word].is_string(), has(response_type, word), "{response_type} {mode}");
        }
        assert_eq!(claims["access_token"].is_string(), has(response_type, "token"));
        if has(response_type, "code") {
            assert_eq!(server.token(&redeem(&string(&claims, "code"))).await.0, 200);
        }
    }
}

#[tokio::test]
async fn errors_are_signed_too() {
    let server = server().await;
    for (response_type, more, error) in [
        ("code", ("scope", "admin"), "invalid_scope"),
        ("code", ("prompt", "none"), "login_required"),
        ("code", ("max_age", "soon"), "invalid_request"),
        ("id_token", ("prompt", "none"), "login_required"),
    ] {
        let uri = request(response_type, &[("response_mode", "jwt"), more]);
        let claims = opened(&server, &server.get(&uri, None).await).await;
        assert_eq!((&claims["error"], &claims["state"]), (&json!(error), &json!("xyz")), "{more:?}");
        assert!(claims["error_description"].is_string());
    }
    put_web(&server, |web| web.first_party(false)).await;
    let browser = server.sign_in(&request("code", &[("response_mode", "form_post.jwt")])).await;
    let claims = opened(&server, &browser.decide(&server, "deny").await).await;
    assert_eq!(claims["error"], "access_denied");
}

#[tokio::test]
async fn a_mode_that_is_not_possible_is_an_error_in_the_mode_of_the_response_type() {
    let server = server().await;
    for (response_type, mode) in
        [("id_token", "query.jwt"), ("code token", "query.jwt"), ("code", "jwt.query"), ("code", "JWT")]
    {
        let back = server.get(&request(response_type, &[("response_mode", mode)]), None).await;
        assert_eq!(error_of(&back), "invalid_request", "{response_type} {mode}");
    }
    let without = provider().await;
    for mode in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
        let back = without.get(&request("code", &[("response_mode", mode)]), None).await;
        assert_eq!(error_of(&back), "invalid_request", "{mode}");
    }
}

#[tokio::test]
async fn the_algorithm_is_the_one_that_the_client_asks_for() {
    let server = server().await;
    let uri = request("code", &[("response_mode", "jwt"), ("prompt", "none")]);
    let algorithm = async || {
        let told = parameters(&server.get(&uri, None).await);
        Jws::parse(&told["response"]).unwrap().algorithm_name().to_owned()
    };
    assert_eq!(algorithm().await, "RS256");
    for name in ["ES256", "EdDSA", "RS256"] {
        put_web(&server, |web| web.metadata("authorization_signed_response_alg", json!(name))).await;
        assert_eq!(algorithm().await, name);
    }
    for name in ["none", "HS256", "PS256", ""] {
        put_web(&server, |web| web.metadata("authorization_signed_response_alg", json!(name))).await;
        assert_eq!(error_of(&server.get(&uri, None).await), "unauthorized_client", "{name}");
    }
    // Encryption is not what the server has.
    put_web(&server, |web| web.metadata("authorization_encrypted_response_alg", json!("RSA-OAEP"))).await;
    assert_eq!(server.get(&uri, None).await.status(), 400);
}

/// A token that is no ID token of this server is no hint.
#[tokio::test]
async fn a_signed_response_is_nothing_else() {
    let server = server().await;
    let uri = request("code", &[("response_mode", "jwt"), ("prompt", "none")]);
    let token = parameters(&server.get(&uri, None).await)["response"].clone();
    let back = server.get(&request("code", &[("id_token_hint", &token)]), None).await;
    assert_eq!(error_of(&back), "invalid_request");
}

#[tokio::test]
async fn a_signer_that_is_down_is_no_answer() {
    let signer = TestSigner::new();
    let own = signer.clone();
    let server = provider_with(|builder| builder.signed_responses().signer(own)).await;
    let browser = server.sign_in(&request("code", &[])).await;
    let uri = request("code", &[("response_mode", "jwt")]);
    signer.fail_after(0);
    let page = server.get(&uri, Some(&browser.cookie)).await;
    assert_eq!(page.status(), 503, "{}", text(&page));
    assert!(page.headers().contains_key("retry-after") && !text(&page).contains("code="));
    signer.recover();
    opened(&server, &server.get(&uri, Some(&browser.cookie)).await).await;
}

#[tokio::test]
async fn the_modes_are_in_the_metadata_of_a_server_that_has_them() {
    let document =
        async |server: Server| answer(server.get("/.well-known/openid-configuration", None).await).1;
    let with = document(server().await).await;
    let modes = ["query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt"];
    assert_eq!(with["response_modes_supported"], json!(modes));
    assert_eq!(with["authorization_signing_alg_values_supported"], json!(["RS256", "ES256", "EdDSA"]));
    let without = document(provider().await).await;
    assert_eq!(without["response_modes_supported"], json!(modes[..3]));
    assert_eq!(without["authorization_signing_alg_values_supported"], Value::Null);
}
