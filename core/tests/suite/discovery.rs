//! OpenID Connect Discovery and the published keys.

use std::collections::BTreeSet;

use gridauth::grant::AuthorizationCode;
use gridauth::grant::extension::OpenId;
use gridauth::jose::PublicKey;
use gridauth::{GridAuth, Store};
use serde_json::{Value, json};

use crate::provider::*;
use crate::support::*;

/// A provider with the built-in keys, for this issuer.
async fn of_issuer(issuer: &str, is_stripped: bool) -> Server {
    let clock = server().await.clock;
    let builder = GridAuth::builder(issuer).store(Store::memory()).clock(clock.clone());
    let builder = builder.grant(AuthorizationCode::new()).openid(OpenId::new().implicit().hybrid());
    Server { auth: builder.behind_stripping_proxy(is_stripped).build().await.unwrap(), clock }
}

/// RFC 7517 section 9.3: what is private stays here.
#[tokio::test]
async fn only_public_members_are_published() {
    let server = of_issuer(ISSUER, false).await;
    let response = server.get("/oauth/jwks", None).await;
    assert_eq!(response.status(), 200);
    assert!(
        ["application/json", "application/jwk-set+json"]
            .iter()
            .any(|own| response.headers()["content-type"] == *own)
    );
    let caching = response.headers()["cache-control"].to_str().unwrap().to_owned();
    assert!(caching.contains("max-age=") && !caching.contains("no-store"), "{caching}");
    let (_, jwks) = answer(response);
    assert_eq!(jwks.as_object().unwrap().keys().collect::<Vec<_>>(), ["keys"]);
    let keys = jwks["keys"].as_array().unwrap();
    let mut algorithms = BTreeSet::new();
    for key in keys {
        let allowed = ["kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"];
        for member in key.as_object().unwrap().keys() {
            assert!(allowed.contains(&member.as_str()), "{member} is published");
        }
        assert_eq!(key["use"], "sig");
        // RFC 7638: the id is the thumbprint.
        assert_eq!(key["kid"], PublicKey::from_jwk(key).unwrap().thumbprint());
        algorithms.insert(key["alg"].as_str().unwrap());
    }
    assert_eq!(algorithms, BTreeSet::from(["RS256", "ES256", "EdDSA"]));
    assert_eq!(keys.len(), 3, "one of each at the first start");
    assert_eq!(server.post("/oauth/jwks", &[], &[]).await.status(), 405);
    // A server that signs nothing has none.
    let plain = crate::support::server().await;
    assert_eq!(plain.get("/oauth/jwks", None).await.status(), 404);
    assert_eq!(plain.get("/.well-known/openid-configuration", None).await.status(), 404);
    assert_eq!(plain.get("/oauth/userinfo", None).await.status(), 404);
}

#[tokio::test]
async fn what_is_signed_is_verified_by_the_published_keys() {
    let server = of_issuer(ISSUER, false).await;
    server.auth.put_user("israel", &"imru".into(), "israel", Default::default()).await.unwrap();
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        put_web(&server, |web| web.metadata("id_token_signed_response_alg", algorithm.into())).await;
        let told = answered(&server, &request("id_token", &[])).await;
        assert_eq!(verified(&server, &told["id_token"]).await["sub"], "israel");
    }
}

/// OpenID Connect Discovery section 4 puts the document behind the issuer, RFC 8414 section 3 before its path.
#[tokio::test]
async fn an_issuer_with_a_path_is_discovered_at_both_places() {
    let issuer = "https://id.example.com/tenant";
    for is_stripped in [false, true] {
        let server = of_issuer(issuer, is_stripped).await;
        let documents = [
            "/tenant/.well-known/openid-configuration",
            "/.well-known/openid-configuration/tenant",
            "/.well-known/oauth-authorization-server/tenant",
        ];
        let mut told: Vec<Value> = Vec::new();
        for path in documents {
            let (status, document) = answer(server.get(path, None).await);
            assert_eq!(status, 200, "{path}");
            told.push(document);
        }
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "they say the same");
        assert_eq!(told[0]["issuer"], issuer);
        for (member, path) in [
            ("authorization_endpoint", "/oauth/authorize"),
            ("token_endpoint", "/oauth/token"),
            ("userinfo_endpoint", "/oauth/userinfo"),
            ("jwks_uri", "/oauth/jwks"),
        ] {
            assert_eq!(told[0][member], format!("{issuer}{path}"));
        }
        // Without the path it would be the document of another issuer, unless a proxy has removed the path.
        let status = server.get("/.well-known/openid-configuration", None).await.status();
        assert_eq!(status == 200, is_stripped);
        assert_eq!(server.get("/.well-known/oauth-authorization-server", None).await.status(), 404);
    }
    let server = of_issuer(ISSUER, false).await;
    let (_, document) = answer(server.get("/.well-known/openid-configuration", None).await);
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(answer(server.get("/.well-known/oauth-authorization-server", None).await).1, document);
}

/// OpenID Connect Discovery section 3.
#[tokio::test]
async fn the_document_has_what_clients_need() {
    let server = provider().await;
    let (_, document) = answer(server.get("/.well-known/openid-configuration", None).await);
    let list = |member: &str| -> BTreeSet<String> {
        let values = document[member].as_array().unwrap_or_else(|| panic!("no list {member}: {document}"));
        let set: BTreeSet<String> = values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
        assert_eq!(set.len(), values.len(), "{member} has a duplicate");
        set
    };
    let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(list("id_token_signing_alg_values_supported"), of(&["RS256", "ES256", "EdDSA"]));
    assert_eq!(list("userinfo_signing_alg_values_supported"), of(&["RS256", "ES256", "EdDSA"]));
    assert!(list("subject_types_supported").contains("public"));
    assert_eq!(list("response_modes_supported"), of(&["query", "fragment", "form_post"]));
    assert!(list("response_types_supported").is_superset(&of(&RESPONSE_TYPES)));
    assert!(list("scopes_supported").is_superset(&of(&["openid", "profile", "email", "offline_access"])));
    assert!(list("claims_supported").is_superset(&of(&["sub", "iss", "auth_time", "acr", "name", "email"])));
    assert_eq!(list("prompt_values_supported"), of(&["none", "login", "consent", "select_account"]));
    assert_eq!(document["claims_parameter_supported"], true);
    // Their defaults would be something else, or are worth saying.
    assert_eq!(document["request_parameter_supported"], json!(false));
    assert_eq!(document["request_uri_parameter_supported"], json!(false));
}
