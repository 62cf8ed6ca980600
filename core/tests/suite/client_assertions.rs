//! Clients that authenticate with an assertion: `private_key_jwt` and `client_secret_jwt` (RFC 7523 sections 2.2 and 3, OpenID Connect
//! Core section 9).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gridauth::clients::generate_client_secret;
use gridauth::env::{Clock, SystemEntropy};
use gridauth::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Reach};
use gridauth::grant::ClientCredentials;
use gridauth::jose::{Algorithm, PrivateKey};
use gridauth::keys::ServerSecret;
use gridauth::model::{AuthMethod, ClientBuilder, SharedSecret};
use gridauth::store::{Key, Kind};
use gridauth::{Builder, Client, GridAuth, PutClientError, Store};
use serde_json::{Value, json};

use crate::support::*;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SECRET: &str = "a secret that is long enough for a MAC";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token in compact form, with this signature over header and payload.
pub(crate) fn compact(header: &Value, payload: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!("{}.{}", encode(header.to_string()), encode(payload));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", encode(signature))
}

fn hs256(secret: &[u8], input: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(input).finalize().into_bytes().to_vec()
}

pub(crate) fn by_secret(secret: &str, claims: &Value) -> String {
    compact(&json!({ "alg": "HS256" }), &claims.to_string(), |input| hs256(secret.as_bytes(), input))
}

fn by_key(key: &PrivateKey, claims: &Value) -> String {
    gridauth::jose::sign(key, "JWT", claims).unwrap()
}

/// An id that no other assertion has.
pub(crate) fn fresh_jti() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("jti-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The claims of a good assertion.
pub(crate) fn claims_of(server: &Server, client: &str) -> Value {
    let now = server.clock.now().as_secs();
    json!({ "iss": client, "sub": client, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": fresh_jti() })
}

fn key() -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256).unwrap()
}

fn jwks(keys: &[&PrivateKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.public().to_jwk()).collect::<Vec<_>>() })
}

fn holder(id: &str, key: &PrivateKey) -> ClientBuilder {
    let client = Client::public(id).auth_method(AuthMethod::PrivateKeyJwt).metadata("jwks", jwks(&[key]));
    for_machines(client)
}

pub(crate) fn for_machines(client: ClientBuilder) -> ClientBuilder {
    client.grant_types(["client_credentials"]).response_types([""; 0]).scope("notes.read")
}

/// A server with the client `holder`, which has this key, and the client `sharer`, which has the secret.
async fn server_for(key: &PrivateKey, configure: impl FnOnce(Builder) -> Builder) -> Server {
    let server = server_with(configure).await;
    server.auth.put_client(holder("holder", key).build().unwrap()).await.unwrap();
    let sharer = Client::with_shared_secret("sharer", SharedSecret::chosen(SECRET));
    server.auth.put_client(for_machines(sharer).build().unwrap()).await.unwrap();
    server
}

/// Asks for a token with this assertion, and with more parameters.
async fn ask_with(server: &Server, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    form.extend(more);
    answer(server.post("/oauth/token", &[], &form).await)
}

pub(crate) async fn ask(server: &Server, assertion: &str) -> (u16, Value) {
    ask_with(server, assertion, &[]).await
}

#[track_caller]
fn is_refused((status, error): (u16, Value), about: &str) {
    let expected = json!({ "error": "invalid_client", "error_description": "client authentication failed" });
    assert_eq!((status, &error), (401, &expected), "{about}");
}

#[tokio::test]
async fn an_assertion_authenticates_its_client() {
    let server = server_with(|builder| builder).await;
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm).unwrap();
        server.auth.put_client(holder("holder", &key).build().unwrap()).await.unwrap();
        let (status, tokens) = ask(&server, &by_key(&key, &claims_of(&server, "holder"))).await;
        assert_eq!(status, 200, "{algorithm}: {tokens}");
        assert!(server.is_valid(&tokens).await);
    }
}

#[tokio::test]
async fn every_form_that_the_rfc_allows_is_taken() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let sign = |input: &[u8]| key.sign(input).unwrap();
    let kid = key.public().id();
    for header in [
        json!({ "alg": "ES256" }),
        json!({ "alg": "ES256", "kid": kid }),
        json!({ "alg": "ES256", "typ": "jwt" }),
        json!({ "alg": "ES256", "typ": "client-authentication+jwt", "x5t": "AAAA" }),
        json!({ "alg": "ES256", "typ": "application/client-authentication+jwt" }),
    ] {
        let claims = claims_of(&server, "holder").to_string();
        let (status, answer) = ask(&server, &compact(&header, &claims, sign)).await;
        assert_eq!(status, 200, "{header}: {answer}");
    }
    let token_endpoint = format!("{ISSUER}/oauth/token");
    let now = server.clock.now().as_secs();
    for (claim, value) in [
        ("aud", json!(token_endpoint)),
        ("aud", json!([token_endpoint])),
        ("aud", json!(["https://other.example.com", ISSUER])),
        ("exp", json!(now as f64 + 59.5)),
        ("exp", json!(now + 24 * 60 * 60)),
        ("nbf", json!(now)),
        ("nbf", json!(now + 60)),
        ("iat", json!(now + 60)),
        ("iat", json!(0)),
        ("scope", json!({ "other": ["claims", "do not matter"] })),
    ] {
        let mut claims = claims_of(&server, "holder");
        claims[claim] = value;
        let (status, answer) = ask(&server, &by_key(&key, &claims)).await;
        assert_eq!(status, 200, "{claims}: {answer}");
    }
    let mut without_iat = claims_of(&server, "holder");
    without_iat.as_object_mut().unwrap().remove("iat");
    assert_eq!(ask(&server, &by_key(&key, &without_iat)).await.0, 200);
    // The client may name itself once more.
    let assertion = by_key(&key, &claims_of(&server, "holder"));
    assert_eq!(ask_with(&server, &assertion, &[("client_id", "holder")]).await.0, 200);
}

#[tokio::test]
async fn claims_that_are_missing_doubled_or_wrong_are_refused() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let now = server.clock.now().as_secs();
    let sign = |claims: &str| compact(&json!({ "alg": "ES256" }), claims, |input| key.sign(input).unwrap());
    for claim in ["iss", "sub", "aud", "exp", "jti"] {
        let mut claims = claims_of(&server, "holder");
        claims.as_object_mut().unwrap().remove(claim);
        is_refused(ask(&server, &sign(&claims.to_string())).await, &format!("without {claim}"));
    }
    for claim in ["iss", "sub", "aud", "exp", "jti", "iat"] {
        let claims = claims_of(&server, "holder");
        let again = format!("{{\"{claim}\":{},{}", claims[claim], &claims.to_string()[1..]);
        is_refused(ask(&server, &sign(&again)).await, &format!("{claim} twice"));
    }
    for (claim, value) in [
        ("iss", json!("sharer")),
        ("sub", json!("sharer")),
        ("iss", json!("")),
        ("iss", json!(["holder"])),
        ("sub", json!(null)),
        ("aud", json!("https://other.example.com")),
        ("aud", json!(["https://other.example.com"])),
        ("aud", json!([])),
        ("aud", json!("")),
        ("aud", json!(null)),
        ("aud", json!([[ISSUER]])),
        ("aud", json!({ "0": ISSUER })),
        ("aud", json!(format!("{ISSUER}/"))),
        ("aud", json!(ISSUER.to_uppercase())),
        ("aud", json!(format!("{ISSUER}/oauth"))),
        ("aud", json!(format!("{ISSUER}/oauth/authorize"))),
        ("aud", json!("/oauth/token")),
        ("exp", json!(now)),
        ("exp", json!(now - 1)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(now + 24 * 60 * 60 + 61)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1e300)),
        // Milliseconds, as JavaScript counts them.
        ("exp", json!((now + 60) * 1000)),
        ("exp", json!((now + 60).to_string())),
        ("exp", json!(null)),
        ("exp", json!(true)),
        ("nbf", json!(now + 61)),
        ("nbf", json!("now")),
        ("nbf", json!(null)),
        ("iat", json!(now + 61)),
        ("iat", json!("now")),
        ("iat", json!(null)),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!(null)),
    ] {
        let mut claims = claims_of(&server, "holder");
        claims[claim] = value;
        is_refused(ask(&server, &by_key(&key, &claims)).await, &claims.to_string());
    }
    for payload in ["", "[]", "null", "{", "{\"iss\":\"holder\"}trailing", "\"holder\"", "\u{feff}{}"] {
        is_refused(ask(&server, &sign(payload)).await, payload);
    }
}

#[tokio::test]
async fn what_the_client_signed_for_another_purpose_is_no_assertion() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    for typ in ["dpop+jwt", "oauth-authz-req+jwt", "at+jwt", "secevent+jwt", "JWT2", ""] {
        let claims = claims_of(&server, "holder").to_string();
        let header = json!({ "alg": "ES256", "typ": typ });
        is_refused(ask(&server, &compact(&header, &claims, |input| key.sign(input).unwrap())).await, typ);
    }
}

#[tokio::test]
async fn another_key_or_a_changed_token_is_refused() {
    let (key, other) = (key(), key());
    let server = server_for(&key, |builder| builder).await;
    let claims = claims_of(&server, "holder");
    is_refused(ask(&server, &by_key(&other, &claims)).await, "the key of somebody else");
    let sign = |header: Value| compact(&header, &claims.to_string(), |input| key.sign(input).unwrap());
    is_refused(ask(&server, &sign(json!({ "alg": "ES256", "kid": "unknown" }))).await, "an unknown kid");
    let kid = key.public().id();
    for alg in ["RS256", "PS256", "EdDSA", "ES384", "ES256K", "es256", "HS512", ""] {
        is_refused(ask(&server, &sign(json!({ "alg": alg, "kid": kid }))).await, alg);
    }
    let good = by_key(&key, &claims);
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let mut others = claims.clone();
    others["exp"] = json!(claims["exp"].as_i64().unwrap() + 1);
    for changed in [
        format!("{header}.{}.{signature}", encode(others.to_string())),
        format!("{input}."),
        format!("{input}.{signature}=").replace('=', "%3D"),
        format!("{input}.{}", encode(&URL_SAFE_NO_PAD.decode(signature).unwrap()[..63])),
        input.to_owned(),
        format!("{good}.{signature}"),
        payload.to_owned(),
        String::from("."),
        String::from("assertion"),
    ] {
        is_refused(ask(&server, &changed).await, &changed);
    }
    // Nothing of that has used the assertion up.
    assert_eq!(ask(&server, &good).await.0, 200);
}

#[tokio::test]
async fn an_unknown_client_is_refused_as_a_known_one() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    for client in ["nobody", "web", "spa", "n\u{f6}", "", " "] {
        is_refused(ask(&server, &by_key(&key, &claims_of(&server, client))).await, client);
        is_refused(ask(&server, &by_secret(SECRET, &claims_of(&server, client))).await, client);
    }
}

#[tokio::test]
async fn a_token_that_is_too_long_or_encrypted_is_refused() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let mut claims = claims_of(&server, "holder");
    claims["padding"] = json!("x".repeat(16 * 1024));
    is_refused(ask(&server, &by_key(&key, &claims)).await, "17 kB");
    let header = encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
    is_refused(ask(&server, &format!("{header}.AAAA.AAAA.AAAA.AAAA")).await, "a JWE");
    // The general and the flattened JSON form (RFC 7515 section 7.2).
    let good = by_key(&key, &claims_of(&server, "holder"));
    let parts: Vec<&str> = good.split('.').collect();
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    is_refused(ask(&server, &flattened.to_string()).await, "JSON");
}

/// CVE-2026-28802 of Authlib, CVE-2015-9235 of jsonwebtoken and many others: a token without a signature.
#[tokio::test]
async fn cve_2026_28802_a_token_without_signature_is_refused() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    for alg in ["none", "None", "NONE", "nOnE"] {
        for client in ["holder", "sharer"] {
            let claims = claims_of(&server, client).to_string();
            let header = json!({ "alg": alg, "kid": key.public().id() });
            let token = compact(&header, &claims, |_| Vec::new());
            is_refused(ask(&server, &token).await, alg);
            is_refused(ask(&server, token.trim_end_matches('.')).await, alg);
        }
    }
}

/// CVE-2026-27962 of Authlib: a token that brings its own key.
#[tokio::test]
async fn cve_2026_27962_a_key_in_the_header_is_not_believed() {
    let (key, own) = (key(), key());
    let server = server_for(&key, |builder| builder).await;
    for (member, value) in [
        ("jwk", own.public().to_jwk()),
        ("jku", json!("https://attacker.example/jwks")),
        ("x5u", json!("https://attacker.example/certificate")),
        ("x5c", json!(["AAAA"])),
        ("jwk", json!(null)),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
    ] {
        let claims = claims_of(&server, "holder").to_string();
        let header = json!({ "alg": "ES256", member: value });
        is_refused(ask(&server, &compact(&header, &claims, |input| own.sign(input).unwrap())).await, member);
    }
}

/// CVE-2016-10555 of jwt-simple, CVE-2024-37568 of Authlib: the public key as the secret of a MAC.
#[tokio::test]
async fn cve_2024_37568_the_public_key_is_no_secret() {
    let key = PrivateKey::generate(Algorithm::Rs256).unwrap();
    let server = server_for(&key, |builder| builder).await;
    let jwk = key.public().to_jwk();
    let modulus = jwk["n"].as_str().unwrap();
    let text = jwk.to_string();
    let (decoded, in_pem) = (
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(modulus)),
    );
    for secret in [text.as_bytes(), modulus.as_bytes(), &decoded, in_pem.as_bytes(), b"", b"no secret"] {
        for header in [json!({ "alg": "HS256" }), json!({ "alg": "HS256", "kid": key.public().id() })] {
            for client in ["holder", "sharer"] {
                let claims = claims_of(&server, client).to_string();
                let token = compact(&header, &claims, |input| hs256(secret, input));
                is_refused(ask(&server, &token).await, client);
            }
        }
    }
}

/// CVE-2022-21449 of Java: an ECDSA signature of zeroes.
#[tokio::test]
async fn cve_2022_21449_a_signature_of_zeroes_is_refused() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    for signature in [vec![0; 64], vec![0xff; 64], vec![0; 128], vec![0x30, 6, 2, 1, 0, 2, 1, 0]] {
        let claims = claims_of(&server, "holder").to_string();
        let token = compact(&json!({ "alg": "ES256" }), &claims, |_| signature);
        is_refused(ask(&server, &token).await, "zeroes");
    }
}

#[tokio::test]
async fn an_assertion_counts_once_on_all_servers_of_a_store() {
    let key = key();
    let store = Store::memory();
    let one = server_for(&key, |builder| builder.store(store.clone())).await;
    let other = server_with(|builder| builder.store(store.clone())).await;
    let assertion = by_key(&key, &claims_of(&one, "holder"));
    assert_eq!(ask(&one, &assertion).await.0, 200);
    is_refused(ask(&one, &assertion).await, "again");
    is_refused(ask(&other, &assertion).await, "again, elsewhere");
    // It is the id that counts, whatever the rest of the assertion is.
    let mut claims = claims_of(&one, "holder");
    claims["jti"] = json!("once");
    assert_eq!(ask(&other, &by_key(&key, &claims)).await.0, 200);
    claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 5);
    is_refused(ask(&one, &by_key(&key, &claims)).await, "its id again");
    // Another client has its own.
    let mut claims = claims_of(&one, "sharer");
    claims["jti"] = json!("once");
    assert_eq!(ask(&one, &by_secret(SECRET, &claims)).await.0, 200);
    is_refused(ask(&other, &by_secret(SECRET, &claims)).await, "a MAC again");
}

#[tokio::test]
async fn of_concurrent_repetitions_one_is_taken() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let assertion = by_key(&key, &claims_of(&server, "holder"));
    let all = futures_of(8, || ask(&server, &assertion)).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == 200).count(), 1, "{all:?}");
}

async fn futures_of<T, F: Future<Output = T>>(count: usize, make: impl Fn() -> F) -> Vec<T> {
    let mut pending: Vec<_> = (0..count).map(|_| Box::pin(make())).collect();
    let mut done: Vec<Option<T>> = (0..count).map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in pending.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn the_id_of_an_assertion_is_kept_until_it_has_expired() {
    let key = key();
    let server = server_for(&key, |builder| builder.sweep_every(None)).await;
    let assertion = by_key(&key, &claims_of(&server, "holder"));
    assert_eq!(ask(&server, &assertion).await.0, 200);
    server.advance(59);
    server.auth.sweep().await.unwrap();
    is_refused(ask(&server, &assertion).await, "again");
    server.advance(1);
    is_refused(ask(&server, &assertion).await, "expired");
    server.advance(60);
    server.auth.sweep().await.unwrap();
    assert!(ids(server.auth.store(), Kind::AssertionId).await.is_empty());
    is_refused(ask(&server, &assertion).await, "expired");
}

#[tokio::test]
async fn an_assertion_excludes_other_credentials() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let invalid = |(status, error): (u16, Value)| {
        assert_eq!((status, error["error"].as_str()), (400, Some("invalid_request")), "{error}");
    };
    let assertion = || by_key(&key, &claims_of(&server, "holder"));
    let with_secret = by_secret(SECRET, &claims_of(&server, "sharer"));
    for assertion in [assertion(), with_secret] {
        invalid(ask_with(&server, &assertion, &[("client_secret", "web-secret")]).await);
        invalid(
            ask_with(&server, &assertion, &[("client_id", "web"), ("client_secret", "web-secret")]).await,
        );
        invalid(ask_with(&server, &assertion, &[("client_id", "web")]).await);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &assertion),
        ];
        for authorization in [basic("web", "web-secret"), basic("holder", "x"), "Bearer x".to_owned()] {
            invalid(answer(server.post("/oauth/token", &[("authorization", &authorization)], &form).await));
        }
    }
    let good = assertion();
    for form in [
        &[("client_assertion", good.as_str())][..],
        &[("client_assertion_type", JWT_BEARER)],
        &[("client_assertion_type", JWT_BEARER), ("client_assertion", "")],
        &[("client_assertion_type", ""), ("client_assertion", &good)],
        &[("client_assertion_type", JWT_BEARER), ("client_assertion", &good), ("client_assertion", &good)],
    ] {
        let form = [&[("grant_type", "client_credentials")], form].concat();
        invalid(answer(server.post("/oauth/token", &[], &form).await));
    }
    for other in ["urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer", "JWT"] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", other),
            ("client_assertion", &good),
        ];
        is_refused(answer(server.post("/oauth/token", &[], &form).await), other);
    }
}

/// A public client that sends an assertion tries to authenticate, and fails.
#[tokio::test]
async fn an_assertion_is_never_ignored() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let code = server.code().await;
    for (typ, assertion) in [(JWT_BEARER, "x"), ("unknown", "x")] {
        let form = [
            &redeem(&code)[..],
            &[("client_id", "spa"), ("client_assertion_type", typ), ("client_assertion", assertion)],
        ]
        .concat();
        is_refused(answer(server.post("/oauth/token", &[], &form).await), typ);
    }
}

#[tokio::test]
async fn a_client_has_the_one_method_that_it_is_registered_for() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let client = |id: &str, method: AuthMethod| {
        let begun = Client::with_shared_secret(id, SharedSecret::chosen(SECRET));
        for_machines(begun.auth_method(method)).metadata("jwks", jwks(&[&key]))
    };
    let keyed = client("keyed", AuthMethod::PrivateKeyJwt).build().unwrap();
    let shared = client("shared", AuthMethod::SecretJwt).build().unwrap();
    server.auth.put_client(keyed).await.unwrap();
    server.auth.put_client(shared).await.unwrap();
    let based = server.auth.confidential_client("based", SECRET).await.unwrap();
    let based = for_machines(based).metadata("jwks", jwks(&[&key])).build().unwrap();
    server.auth.put_client(based).await.unwrap();
    for (id, is_keyed, is_shared) in
        [("keyed", true, false), ("shared", false, true), ("based", false, false)]
    {
        let status = |is_taken: bool| if is_taken { 200 } else { 401 };
        let (by_key, by_secret) =
            (by_key(&key, &claims_of(&server, id)), by_secret(SECRET, &claims_of(&server, id)));
        assert_eq!(ask(&server, &by_key).await.0, status(is_keyed), "{id} by its key");
        assert_eq!(ask(&server, &by_secret).await.0, status(is_shared), "{id} by its secret");
        for form in [&[("client_id", id)][..], &[("client_id", id), ("client_secret", SECRET)]] {
            let form = [&[("grant_type", "client_credentials")], form].concat();
            assert_eq!(answer(server.post("/oauth/token", &[], &form).await).0, 401, "{id}");
        }
    }
}

#[tokio::test]
async fn a_client_may_be_held_to_one_algorithm() {
    let (rsa, ec) = (PrivateKey::generate(Algorithm::Ps256).unwrap(), key());
    let server = server_for(&ec, |builder| builder).await;
    let mut jwk = rsa.public().to_jwk();
    // A key without `alg` is for both algorithms of RSA.
    jwk.as_object_mut().unwrap().remove("alg");
    let jwks = json!({ "keys": [jwk, ec.public().to_jwk()] });
    let client = |alg: &str| {
        let client = Client::public("strict").auth_method(AuthMethod::PrivateKeyJwt);
        let client = client.metadata("jwks", jwks.clone());
        for_machines(client.metadata("token_endpoint_auth_signing_alg", json!(alg))).build().unwrap()
    };
    for (alg, by_rsa, by_ec) in [("PS256", 200, 401), ("ES256", 401, 200), ("RS256", 401, 401)] {
        server.auth.put_client(client(alg)).await.unwrap();
        assert_eq!(ask(&server, &by_key(&rsa, &claims_of(&server, "strict"))).await.0, by_rsa, "{alg}");
        assert_eq!(ask(&server, &by_key(&ec, &claims_of(&server, "strict"))).await.0, by_ec, "{alg}");
    }
    for alg in ["HS256", "none", "EdDSA"] {
        assert!(server.auth.put_client(client(alg)).await.is_err(), "{alg}");
    }
}

#[tokio::test]
async fn the_audience_can_be_restricted_to_the_issuer() {
    let key = key();
    let server = server_for(&key, |builder| builder.assertions_name_issuer_alone(true)).await;
    for (audience, status) in [
        (json!(ISSUER), 200),
        (json!([ISSUER]), 401),
        (json!(format!("{ISSUER}/oauth/token")), 401),
        (json!([ISSUER, "https://other.example.com"]), 401),
    ] {
        let mut claims = claims_of(&server, "holder");
        claims["aud"] = audience.clone();
        assert_eq!(ask(&server, &by_key(&key, &claims)).await.0, status, "{audience}");
    }
}

#[tokio::test]
async fn assertions_authenticate_at_revocation_and_introspection_too() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    for client in ["holder", "sharer"] {
        let assertion = || match client {
            "holder" => by_key(&key, &claims_of(&server, client)),
            _ => by_secret(SECRET, &claims_of(&server, client)),
        };
        let (_, tokens) = ask(&server, &assertion()).await;
        let token = string(&tokens, "access_token");
        let at = async |path: &str, assertion: &str| {
            let form = [
                ("token", token.as_str()),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", assertion),
            ];
            answer(server.post(path, &[], &form).await)
        };
        let (status, about) = at("/oauth/introspect", &assertion()).await;
        assert_eq!((status, &about["active"]), (200, &json!(true)), "{client}: {about}");
        let used = assertion();
        assert_eq!(at("/oauth/revoke", &used).await.0, 200);
        assert!(!server.is_valid(&tokens).await);
        is_refused(at("/oauth/introspect", &used).await, "used at another endpoint");
    }
}

#[tokio::test]
async fn the_metadata_has_methods_and_algorithms_of_each_endpoint() {
    let auth = GridAuth::builder(ISSUER).store(Store::memory());
    let auth = auth.grant(ClientCredentials::new()).build().await.unwrap();
    let request = http::Request::get("/.well-known/oauth-authorization-server");
    let answer = auth.handle(request.body(Default::default()).unwrap()).await;
    let metadata: Value = serde_json::from_slice(answer.body()).unwrap();
    for endpoint in ["token", "revocation", "introspection"] {
        let methods = &metadata[format!("{endpoint}_endpoint_auth_methods_supported")];
        for method in ["client_secret_jwt", "private_key_jwt"] {
            assert!(methods.as_array().unwrap().contains(&json!(method)), "{endpoint}: {methods}");
        }
        let algorithms = &metadata[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(*algorithms, json!(["RS256", "PS256", "ES256", "EdDSA", "HS256"]), "{endpoint}");
    }
}

#[tokio::test]
async fn a_client_without_a_usable_key_or_secret_is_not_registered() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let put = async |jwks: Option<Value>| {
        let client = Client::public("keyless").auth_method(AuthMethod::PrivateKeyJwt);
        let client = jwks.into_iter().fold(client, |client, jwks| client.metadata("jwks", jwks));
        server.auth.put_client(for_machines(client).build().unwrap()).await
    };
    let mut for_encryption = key.public().to_jwk();
    for_encryption["use"] = json!("enc");
    for jwks in
        [None, Some(json!({ "keys": [] })), Some(json!({ "keys": [for_encryption, { "kty": "AKP" }] }))]
    {
        let error = put(jwks).await.unwrap_err();
        assert!(matches!(error, PutClientError::Unusable { .. }), "{error}");
    }
    put(Some(jwks(&[&key]))).await.unwrap();
    // OpenID Connect Core section 10.1.
    let short = for_machines(Client::with_shared_secret(
        "short",
        SharedSecret::chosen("31 bytes of a secret are no 32"),
    ));
    let error = server.auth.put_client(short.build().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("32 bytes"), "{error}");
    assert!(Client::public("a").auth_method(AuthMethod::SecretJwt).build().is_err());
    let public = Client::with_shared_secret("a", SharedSecret::chosen(SECRET)).auth_method(AuthMethod::None);
    assert!(public.build().is_err());
}

#[tokio::test]
async fn a_chosen_secret_can_be_used_for_a_mac() {
    let server = server().await;
    let client = server.auth.confidential_client("robot", SECRET).await.unwrap();
    let client = for_machines(client).auth_method(AuthMethod::SecretJwt).build().unwrap();
    server.auth.put_client(client).await.unwrap();
    let claims = claims_of(&server, "robot");
    is_refused(ask(&server, &by_secret("another secret that is long enough", &claims)).await, "wrong");
    assert_eq!(ask(&server, &by_secret(SECRET, &claims)).await.0, 200);
}

#[tokio::test]
async fn the_secret_is_sealed_in_the_store() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let row = server.auth.store().get(Key::new(Kind::Client, "sharer")).await.unwrap().unwrap();
    assert!(!row.body().contains(SECRET) && row.body().contains("sealed"), "{}", row.body());
    // Neither a sealed secret of another client nor one of another purpose opens.
    let moved = gridauth::store::Row::new(row.issued(), row.body())
        .with_client(Some("thief"))
        .with_scope(row.scope());
    server.auth.store().put(Key::new(Kind::Client, "thief"), moved).await.unwrap();
    is_refused(ask(&server, &by_secret(SECRET, &claims_of(&server, "thief"))).await, "moved");
    // The hash of a secret that nobody verifies is not kept.
    assert!(!row.body().contains("argon2"), "{}", row.body());
    let shown = format!("{:?}", server.auth.client("sharer").await.unwrap().unwrap());
    assert!(!shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn a_client_that_is_registered_again_unchanged_is_not_written() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let row = async || server.auth.store().get(Key::new(Kind::Client, "sharer")).await.unwrap().unwrap();
    let before = row().await;
    server.advance(1);
    let client = |secret: &str| {
        for_machines(Client::with_shared_secret("sharer", SharedSecret::chosen(secret))).build().unwrap()
    };
    server.auth.put_client(client(SECRET)).await.unwrap();
    assert_eq!(row().await, before);
    server.auth.put_client(client("another secret that is long enough")).await.unwrap();
    assert_ne!(row().await, before);
    is_refused(ask(&server, &by_secret(SECRET, &claims_of(&server, "sharer"))).await, "the former secret");
}

pub(crate) fn server_secret(byte: u8) -> ServerSecret {
    ServerSecret::from_bytes([byte; 32]).unwrap()
}

#[tokio::test]
async fn a_later_secret_of_the_server_opens_and_reseals() {
    let (key, store) = (key(), Store::memory());
    let first = server_for(&key, |builder| builder.store(store.clone())).await;
    let sealed = async || {
        let row = store.get(Key::new(Kind::Client, "sharer")).await.unwrap().unwrap();
        row.body().to_owned()
    };
    let before = sealed().await;
    assert_eq!(ids(&store, Kind::Setting).await, ["secret"]);
    // `server_with` registers clients of its own, and leaves this one.
    let second = server_with(|builder| builder.store(store.clone()).secret(server_secret(1))).await;
    let after = sealed().await;
    assert_ne!(before, after);
    assert!(ids(&store, Kind::Setting).await.is_empty(), "the store's own secret stays");
    let assertion = |server: &Server| by_secret(SECRET, &claims_of(server, "sharer"));
    assert_eq!(ask(&second, &assertion(&second)).await.0, 200);
    let third = server_with(|builder| {
        builder.store(store.clone()).secret(server_secret(2)).previous_secret(server_secret(1))
    })
    .await;
    assert_eq!(ask(&third, &assertion(&third)).await.0, 200);
    let fourth = server_with(|builder| builder.store(store.clone()).secret(server_secret(2))).await;
    assert_eq!(ask(&fourth, &assertion(&fourth)).await.0, 200);
    let stranger = server_with(|builder| builder.store(store.clone()).secret(server_secret(3))).await;
    is_refused(ask(&stranger, &assertion(&stranger)).await, "sealed under another secret");
    drop(first);
}

#[tokio::test]
async fn a_server_that_seals_nothing_has_no_secret_in_the_store() {
    let server = server().await;
    assert!(ids(server.auth.store(), Kind::Setting).await.is_empty());
}

#[tokio::test]
async fn wrong_guesses_at_a_chosen_secret_are_throttled() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let old = by_secret(SECRET, &claims_of(&server, "sharer"));
    assert_eq!(ask(&server, &old).await.0, 200);
    for guess in 0..20 {
        let guessed = by_secret(&format!("guess {guess}"), &claims_of(&server, "sharer"));
        is_refused(ask(&server, &guessed).await, "a guess");
        // An assertion that has been used does not have the failures forgotten.
        if guess < 19 {
            is_refused(ask(&server, &old).await, "used");
        }
    }
    let (status, _) = ask(&server, &by_secret(SECRET, &claims_of(&server, "sharer"))).await;
    assert_eq!(status, 429);
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(ask(&server, &by_secret(SECRET, &claims_of(&server, "sharer"))).await.0, 200);
}

#[tokio::test]
async fn keys_and_generated_secrets_are_not_throttled() {
    let (key, other) = (key(), key());
    let server = server_for(&key, |builder| builder).await;
    let secret = generate_client_secret(&SystemEntropy).unwrap();
    let client = Client::with_shared_secret("generated", SharedSecret::from(&secret));
    server.auth.put_client(for_machines(client).build().unwrap()).await.unwrap();
    for _ in 0..30 {
        is_refused(ask(&server, &by_key(&other, &claims_of(&server, "holder"))).await, "another key");
        is_refused(ask(&server, &by_secret("guess", &claims_of(&server, "generated"))).await, "a guess");
    }
    assert_eq!(ask(&server, &by_key(&key, &claims_of(&server, "holder"))).await.0, 200);
    assert_eq!(ask(&server, &by_secret(secret.as_str(), &claims_of(&server, "generated"))).await.0, 200);
}

/// Publishes keys at every URL, or is down.
#[derive(Clone, Default)]
pub(crate) struct Publisher {
    pub(crate) jwks: Arc<Mutex<Option<Value>>>,
    asked: Arc<Mutex<Vec<(String, Reach)>>>,
}

impl Publisher {
    pub(crate) fn of(keys: &[&PrivateKey]) -> Self {
        let publisher = Self::default();
        *publisher.jwks.lock().unwrap() = Some(jwks(keys));
        publisher
    }
}

#[gridauth::async_trait]
impl Fetch for Publisher {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.asked.lock().unwrap().push((request.url().to_string(), request.reach()));
        let jwks = self.jwks.lock().unwrap().clone().ok_or(FetchError::TimedOut)?;
        Ok(FetchResponse::new(http::StatusCode::OK, &http::HeaderMap::new(), jwks.to_string().into()))
    }
}

#[tokio::test]
async fn a_client_may_publish_its_keys() {
    let (key, next) = (key(), key());
    let host = Publisher::of(&[&key]);
    let server = server_with(|builder| builder.fetch(host.clone())).await;
    let url = "https://client.example.com/jwks";
    let client = |id: &str| {
        let client = Client::public(id).auth_method(AuthMethod::PrivateKeyJwt);
        for_machines(client.metadata("jwks_uri", json!(url)))
    };
    server.auth.put_client(client("publisher").build().unwrap()).await.unwrap();
    server.auth.put_client(client("stranger").self_registered(true).build().unwrap()).await.unwrap();
    for id in ["publisher", "stranger", "publisher", "stranger"] {
        assert_eq!(ask(&server, &by_key(&key, &claims_of(&server, id))).await.0, 200, "{id}");
    }
    let asked = [(url.to_owned(), Reach::Anywhere), (url.to_owned(), Reach::Public)];
    assert_eq!(*host.asked.lock().unwrap(), asked);
    // A new key is found within seconds.
    *host.jwks.lock().unwrap() = Some(jwks(&[&next]));
    is_refused(ask(&server, &by_key(&next, &claims_of(&server, "publisher"))).await, "not looked for yet");
    server.advance(10);
    assert_eq!(ask(&server, &by_key(&next, &claims_of(&server, "publisher"))).await.0, 200);
    is_refused(ask(&server, &by_key(&key, &claims_of(&server, "publisher"))).await, "withdrawn");
    for wrong in ["http://client.example.com/jwks", "ftp://client.example.com/jwks", "client.example.com"] {
        let client = client("wrong").metadata("jwks_uri", json!(wrong)).build().unwrap();
        let error = server.auth.put_client(client).await.unwrap_err();
        assert!(error.to_string().contains("jwks_uri"), "{error}");
    }
}

#[tokio::test]
async fn a_client_whose_keys_cannot_be_read_may_try_again() {
    let (key, host) = (key(), Publisher::default());
    let server = server_with(|builder| builder.fetch(host.clone())).await;
    let client = Client::public("publisher").auth_method(AuthMethod::PrivateKeyJwt);
    let client = for_machines(client.metadata("jwks_uri", json!("https://client.example.com/jwks")));
    server.auth.put_client(client.build().unwrap()).await.unwrap();
    let assertion = by_key(&key, &claims_of(&server, "publisher"));
    let (status, error) = ask(&server, &assertion).await;
    assert_eq!((status, &error["error"]), (503, &json!("temporarily_unavailable")));
    *host.jwks.lock().unwrap() = Some(jwks(&[&key]));
    server.advance(10);
    // The assertion has not been used up.
    assert_eq!(ask(&server, &assertion).await.0, 200);
}

/// DEMO_APP.md: loopback is excepted where the issuer itself is there.
#[tokio::test]
async fn in_development_a_stranger_may_publish_on_loopback() {
    let (key, host) = (key(), Publisher::default());
    *host.jwks.lock().unwrap() = Some(jwks(&[&key]));
    let builder = GridAuth::builder("http://127.0.0.1:8080").store(Store::memory()).fetch(host.clone());
    let auth = builder.grant(ClientCredentials::new()).build().await.unwrap();
    let client = Client::public("stranger").auth_method(AuthMethod::PrivateKeyJwt).self_registered(true);
    let client = for_machines(client.metadata("jwks_uri", json!("http://127.0.0.1:9/jwks"))).build().unwrap();
    auth.put_client(client).await.unwrap();
    let clock = server().await.clock;
    let server = Server { auth, clock };
    let mut claims = claims_of(&server, "stranger");
    claims["exp"] = json!(server.auth.clock().now().as_secs() + 60);
    claims["iat"] = json!(0);
    claims["aud"] = json!("http://127.0.0.1:8080");
    assert_eq!(ask(&server, &by_key(&key, &claims)).await.0, 200);
    assert_eq!(host.asked.lock().unwrap()[0].1, Reach::PublicOrLoopback);
}
