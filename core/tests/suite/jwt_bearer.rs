//! The JWT bearer grant (RFC 7523 section 2.1), and identity assertions of other issuers
//! (draft-ietf-oauth-identity-assertion-authz-grant).

use gridauth::env::Clock;
use gridauth::grant::{JwtBearer, TrustedIssuer};
use gridauth::jose::{Algorithm, KeySet, PrivateKey};
use gridauth::model::{AccessTokenFormat, AuthMethod, ClientBuilder};
use gridauth::store::Kind;
use gridauth::token::Secret;
use gridauth::{Builder, Client, Store};
use serde_json::{Map, Value, json};

use super::client_assertions::{Publisher, compact, fresh_jti};
use super::provider::TestSigner;
use crate::support::*;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const IDP: &str = "https://idp.example.com";

fn key() -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256).unwrap()
}

fn with_key(client: ClientBuilder, key: &PrivateKey) -> ClientBuilder {
    let client = client.metadata("jwks", json!({ "keys": [key.public().to_jwk()] }));
    client
        .grant_types([GRANT_TYPE, "password", "refresh_token"])
        .response_types([""; 0])
        .scope("openid offline_access notes.read notes.write")
}

/// A server with the client `service`, which may use the grant and has this key.
async fn server_for(key: &PrivateKey, configure: impl FnOnce(Builder) -> Builder) -> Server {
    let server = server_with(|builder| configure(builder.grant(JwtBearer::new()))).await;
    let client = Client::public("service").auth_method(AuthMethod::PrivateKeyJwt);
    server.auth.put_client(with_key(client, key).build().unwrap()).await.unwrap();
    server
}

fn claims(server: &Server) -> Value {
    let now = server.clock.now().as_secs();
    json!({ "iss": "service", "sub": "israel", "aud": ISSUER, "iat": now, "exp": now + 60, "jti": fresh_jti() })
}

fn signed(key: &PrivateKey, claims: &Value) -> String {
    gridauth::jose::sign(key, "JWT", claims).unwrap()
}

async fn ask_with(server: &Server, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let form = [&[("grant_type", GRANT_TYPE), ("assertion", assertion)], more].concat();
    answer(server.post("/oauth/token", &[], &form).await)
}

async fn ask(server: &Server, assertion: &str) -> (u16, Value) {
    ask_with(server, assertion, &[]).await
}

#[track_caller]
fn is_error((status, error): (u16, Value), expected: &str, about: &str) {
    assert_eq!(error["error"], expected, "{about}: {status} {error}");
    assert_eq!(status, if expected == "invalid_client" { 401 } else { 400 }, "{about}: {error}");
}

#[tokio::test]
async fn a_signer_that_fails_uses_no_assertion_up() {
    let (key, signer) = (key(), TestSigner::new());
    let own = signer.clone();
    let server =
        server_for(&key, |builder| builder.signer(own).access_token_format(AccessTokenFormat::Jwt)).await;
    let assertion = signed(&key, &claims(&server));
    signer.fail_after(0);
    assert_eq!(ask(&server, &assertion).await.0, 503);
    signer.recover();
    assert_eq!(ask(&server, &assertion).await.0, 200);
    is_error(ask(&server, &assertion).await, "invalid_grant", "used before");
}

#[tokio::test]
async fn a_client_gets_a_token_for_a_user() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    for more in [&[][..], &[("client_id", "service")]] {
        let (status, tokens) = ask_with(&server, &signed(&key, &claims(&server)), more).await;
        assert_eq!(status, 200, "{tokens}");
        let token = gridauth::http::BearerToken::new(&string(&tokens, "access_token"));
        let access = server.auth.authenticate(&token).await.unwrap();
        assert_eq!((access.user(), access.client()), (Some("israel"), "service"));
        let authentication = access.authentication().unwrap();
        assert_eq!(authentication.username.as_deref(), Some("israel"));
        assert!(authentication.auth_time.is_none() && authentication.amr.is_empty(), "{authentication:?}");
        // The client's whole scope, without what has to be asked for.
        assert_eq!(tokens["scope"], "notes.read notes.write");
        assert!(tokens.get("refresh_token").is_none() && tokens.get("id_token").is_none(), "{tokens}");
    }
    let (_, tokens) =
        ask_with(&server, &signed(&key, &claims(&server)), &[("scope", "openid offline_access notes.read")])
            .await;
    assert_eq!(tokens["scope"], "openid offline_access notes.read");
    assert!(tokens.get("refresh_token").is_none() && tokens.get("id_token").is_none(), "{tokens}");
    is_error(
        ask_with(&server, &signed(&key, &claims(&server)), &[("scope", "notes.delete")]).await,
        "invalid_scope",
        "more than the client may have",
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_invalid_grant() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let now = server.clock.now().as_secs();
    for claim in ["iss", "sub", "aud", "exp"] {
        let mut claims = claims(&server);
        claims.as_object_mut().unwrap().remove(claim);
        is_error(ask(&server, &signed(&key, &claims)).await, "invalid_grant", &format!("without {claim}"));
    }
    for (claim, value) in [
        ("sub", json!("nobody")),
        ("sub", json!("")),
        ("sub", json!("service")),
        ("sub", json!("x".repeat(2000))),
        ("sub", json!("is\u{0}rael")),
        ("iss", json!("web")),
        ("iss", json!("nobody")),
        ("iss", json!(ISSUER)),
        ("aud", json!("https://other.example.com")),
        ("exp", json!(now)),
        ("exp", json!(now + 2 * 24 * 60 * 60)),
        ("nbf", json!(now + 61)),
        ("iat", json!(now + 61)),
        ("jti", json!(7)),
    ] {
        let mut claims = claims(&server);
        claims[claim] = value;
        is_error(ask(&server, &signed(&key, &claims)).await, "invalid_grant", &claims.to_string());
    }
    let mut other = claims(&server);
    other["iss"] = json!("spa");
    for assertion in [
        signed(&PrivateKey::generate(Algorithm::Es256).unwrap(), &claims(&server)),
        compact(&json!({ "alg": "none" }), &claims(&server).to_string(), |_| Vec::new()),
        gridauth::jose::sign(&key, "client-authentication+jwt", &claims(&server)).unwrap(),
        gridauth::jose::sign(&key, "oauth-id-jag+jwt", &claims(&server)).unwrap(),
        signed(&key, &other),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "AAAA.AAAA.AAAA.AAAA.AAAA".to_owned(),
    ] {
        is_error(ask(&server, &assertion).await, "invalid_grant", &assertion);
    }
    is_error(ask(&server, "").await, "invalid_client", "no assertion and no client");
}

/// RFC 7523 section 3: the id may be there, and then it counts once.
#[tokio::test]
async fn an_id_counts_once_and_may_be_left_out() {
    let key = key();
    let store = Store::memory();
    let one = server_for(&key, |builder| builder.store(store.clone())).await;
    let other = server_for(&key, |builder| builder.store(store.clone())).await;
    let assertion = signed(&key, &claims(&one));
    // What is refused for another reason leaves the assertion unused.
    is_error(ask_with(&one, &assertion, &[("scope", "notes.delete")]).await, "invalid_scope", "scope");
    assert_eq!(ask(&one, &assertion).await.0, 200);
    is_error(ask(&one, &assertion).await, "invalid_grant", "again");
    is_error(ask(&other, &assertion).await, "invalid_grant", "again, elsewhere");
    let mut without = claims(&one);
    without.as_object_mut().unwrap().remove("jti");
    let without = signed(&key, &without);
    assert_eq!(ask(&one, &without).await.0, 200);
    assert_eq!(ask(&other, &without).await.0, 200);
    // An assertion that authenticates the client is another use of its id.
    let mut twice = claims(&one);
    twice["sub"] = json!("service");
    let authentication = signed(&key, &twice);
    twice["sub"] = json!("israel");
    let form = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", authentication.as_str()),
    ];
    let (status, tokens) = ask_with(&one, &signed(&key, &twice), &form).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(ids(&store, Kind::AssertionId).await.len(), 3);
}

#[tokio::test]
async fn credentials_that_come_along_must_be_right() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let based = server.auth.confidential_client("based", "based-secret").await.unwrap();
    server.auth.put_client(with_key(based, &key).build().unwrap()).await.unwrap();
    let public = Client::public("public");
    server.auth.put_client(with_key(public, &key).build().unwrap()).await.unwrap();
    let by = |client: &str| {
        let mut claims = claims(&server);
        claims["iss"] = json!(client);
        signed(&key, &claims)
    };
    for client in ["based", "public", "service"] {
        assert_eq!(ask(&server, &by(client)).await.0, 200, "{client}");
        assert_eq!(ask_with(&server, &by(client), &[("client_id", client)]).await.0, 200, "{client}");
    }
    let post = async |assertion: &str, authorization: &str| {
        let form = [("grant_type", GRANT_TYPE), ("assertion", assertion)];
        answer(server.post("/oauth/token", &[("authorization", authorization)], &form).await)
    };
    assert_eq!(post(&by("based"), &basic("based", "based-secret")).await.0, 200);
    is_error(post(&by("based"), &basic("based", "wrong")).await, "invalid_client", "a wrong secret");
    is_error(
        post(&by("public"), &basic("based", "based-secret")).await,
        "invalid_grant",
        "of another client",
    );
    is_error(
        ask_with(&server, &by("public"), &[("client_id", "based")]).await,
        "invalid_client",
        "another client is named",
    );
    is_error(
        ask_with(&server, &by("based"), &[("client_id", "public")]).await,
        "invalid_grant",
        "another client is named, which has no secret",
    );
}

#[tokio::test]
async fn a_server_may_want_other_credentials_as_well() {
    let key = key();
    let server =
        server_with(|builder| builder.grant(JwtBearer::new().client_authentication([AuthMethod::Basic])))
            .await;
    let based = server.auth.confidential_client("based", "based-secret").await.unwrap();
    server.auth.put_client(with_key(based, &key).build().unwrap()).await.unwrap();
    let mut claims = claims(&server);
    claims["iss"] = json!("based");
    let assertion = signed(&key, &claims);
    is_error(ask(&server, &assertion).await, "invalid_client", "the assertion alone");
    let form = [("grant_type", GRANT_TYPE), ("assertion", &assertion)];
    let authorization = basic("based", "based-secret");
    let (status, _) = answer(server.post("/oauth/token", &[("authorization", &authorization)], &form).await);
    assert_eq!(status, 200);
}

#[tokio::test]
async fn only_clients_with_the_grant_type_that_an_operator_registered_may_use_it() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    let client = |id: &str| with_key(Client::public(id), &key);
    let stranger = client("stranger").self_registered(true).build().unwrap();
    let other = client("other").grant_types(["client_credentials"]).build().unwrap();
    for client in [stranger, other] {
        server.auth.put_client_unchecked(client.clone()).await.unwrap();
        let mut claims = claims(&server);
        claims["iss"] = json!(client.id());
        is_error(ask(&server, &signed(&key, &claims)).await, "unauthorized_client", client.id());
    }
    let useless = client("useless").grant_types([GRANT_TYPE, "refresh_token"]).build().unwrap();
    let problems = server.auth.problems_of(&useless);
    assert!(problems.len() == 1 && problems[0].contains("refresh"), "{problems:?}");
}

#[tokio::test]
async fn a_user_who_is_gone_gets_no_token() {
    let key = key();
    let server = server_for(&key, |builder| builder).await;
    server.auth.put_user("gone", &Secret::from("gone gone gone"), "gone", Default::default()).await.unwrap();
    let mut of_gone = claims(&server);
    of_gone["sub"] = json!("gone");
    of_gone.as_object_mut().unwrap().remove("jti");
    let assertion = signed(&key, &of_gone);
    assert_eq!(ask(&server, &assertion).await.0, 200);
    server.auth.remove_user("gone").await.unwrap();
    is_error(ask(&server, &assertion).await, "invalid_grant", "removed");
}

/// A server that believes the identity provider with this key, and the client `agent` with its secret.
async fn with_idp(key: &PrivateKey) -> Server {
    let keys = KeySet::new([key.public().clone()]);
    let issuer = TrustedIssuer::with_keys(IDP, keys, |claims| async move { Ok(user_of(&claims)) });
    with_issuer(issuer, Publisher::default()).await
}

/// The user with this mail address.
fn user_of(claims: &Map<String, Value>) -> Option<String> {
    let email = claims.get("email").and_then(Value::as_str).unwrap_or_default();
    email.strip_suffix("@example.com").map(str::to_owned)
}

async fn with_issuer(issuer: TrustedIssuer, host: Publisher) -> Server {
    let grant = JwtBearer::new().trust_issuer(issuer);
    let server = server_with(|builder| builder.fetch(host).grant(grant)).await;
    let agent = server.auth.confidential_client("agent", "agent-secret").await.unwrap();
    let agent = agent.grant_types([GRANT_TYPE]).scope("notes.read notes.write").build().unwrap();
    server.auth.put_client_unchecked(agent).await.unwrap();
    server
}

fn identity(server: &Server) -> Value {
    let now = server.clock.now().as_secs();
    json!({
        "iss": IDP, "sub": "U017", "email": "israel@example.com", "aud": ISSUER, "client_id": "agent",
        "iat": now, "exp": now + 300, "jti": fresh_jti(),
    })
}

async fn ask_as_agent(server: &Server, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let form = [&[("grant_type", GRANT_TYPE), ("assertion", assertion)], more].concat();
    let authorization = basic("agent", "agent-secret");
    answer(server.post("/oauth/token", &[("authorization", &authorization)], &form).await)
}

fn id_jag(key: &PrivateKey, claims: &Value) -> String {
    gridauth::jose::sign(key, "oauth-id-jag+jwt", claims).unwrap()
}

#[tokio::test]
async fn an_identity_assertion_of_a_trusted_issuer_is_a_grant() {
    let key = key();
    let server = with_idp(&key).await;
    let (status, tokens) = ask_as_agent(&server, &id_jag(&key, &identity(&server)), &[]).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("notes.read notes.write")), "{tokens}");
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    let token = gridauth::http::BearerToken::new(&string(&tokens, "access_token"));
    assert_eq!(server.auth.authenticate(&token).await.unwrap().user(), Some("israel"));
    // The scope and the resources that the issuer allows.
    let mut narrow = identity(&server);
    narrow["scope"] = json!("notes.read other");
    narrow["resource"] = json!("https://id.example.com/notes");
    let (status, tokens) = ask_as_agent(&server, &id_jag(&key, &narrow), &[]).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("notes.read")), "{tokens}");
    let form = [("token", string(&tokens, "access_token"))];
    let form = [("token", form[0].1.as_str())];
    let authorization = basic("agent", "agent-secret");
    let (_, about) =
        answer(server.post("/oauth/introspect", &[("authorization", &authorization)], &form).await);
    assert_eq!(about["aud"], json!(["https://id.example.com/notes"]), "{about}");
    narrow["jti"] = json!(fresh_jti());
    let wide = [("scope", "notes.read notes.write")];
    is_error(ask_as_agent(&server, &id_jag(&key, &narrow), &wide).await, "invalid_scope", "wider");
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    let profiles = json!(["urn:ietf:params:oauth:grant-profile:id-jag"]);
    assert_eq!(metadata["authorization_grant_profiles_supported"], profiles);
}

#[tokio::test]
async fn an_identity_assertion_is_for_one_client_and_counts_once() {
    let key = key();
    let server = with_idp(&key).await;
    let now = server.clock.now().as_secs();
    for (claim, value) in [
        ("client_id", json!("web")),
        ("client_id", json!(null)),
        ("iss", json!("https://other.example.com")),
        ("iss", json!("agent")),
        ("aud", json!(format!("{ISSUER}/oauth/token"))),
        ("aud", json!([ISSUER, "https://other.example.com"])),
        ("exp", json!(now)),
        ("iat", json!(null)),
        ("jti", json!(null)),
        ("email", json!("nobody@example.com")),
        ("email", json!("israel@elsewhere.example")),
        ("scope", json!("a\"b")),
        ("scope", json!(["notes.read"])),
        ("resource", json!(7)),
    ] {
        let mut claims = identity(&server);
        claims[claim] = value;
        is_error(
            ask_as_agent(&server, &id_jag(&key, &claims), &[]).await,
            "invalid_grant",
            &claims.to_string(),
        );
    }
    for claim in ["client_id", "iat", "jti", "email"] {
        let mut claims = identity(&server);
        claims.as_object_mut().unwrap().remove(claim);
        is_error(ask_as_agent(&server, &id_jag(&key, &claims), &[]).await, "invalid_grant", claim);
    }
    let good = identity(&server);
    let other = PrivateKey::generate(Algorithm::Es256).unwrap();
    is_error(ask_as_agent(&server, &id_jag(&other, &good), &[]).await, "invalid_grant", "another key");
    is_error(ask_as_agent(&server, &signed(&key, &good), &[]).await, "invalid_grant", "an ID token");
    is_error(ask(&server, &id_jag(&key, &good)).await, "invalid_grant", "no client");
    let as_public = [("client_id", "spa")];
    let refused = ask_with(&server, &id_jag(&key, &good), &as_public).await;
    is_error(refused, "unauthorized_client", "a public client");
    let good = id_jag(&key, &good);
    assert_eq!(ask_as_agent(&server, &good, &[]).await.0, 200);
    is_error(ask_as_agent(&server, &good, &[]).await, "invalid_grant", "again");
}

#[tokio::test]
async fn a_trusted_issuer_may_publish_its_keys() {
    let key = key();
    let host = Publisher::of(&[&key]);
    let issuer =
        TrustedIssuer::published(IDP, format!("{IDP}/jwks"), |claims| async move { Ok(user_of(&claims)) });
    let server = with_issuer(issuer, host.clone()).await;
    assert_eq!(ask_as_agent(&server, &id_jag(&key, &identity(&server)), &[]).await.0, 200);
    let other = PrivateKey::generate(Algorithm::Es256).unwrap();
    let forged = id_jag(&other, &identity(&server));
    is_error(ask_as_agent(&server, &forged, &[]).await, "invalid_grant", "another key");
    *host.jwks.lock().unwrap() = Some(KeySet::new([other.public().clone()]).to_jwks());
    server.advance(10);
    assert_eq!(ask_as_agent(&server, &id_jag(&other, &identity(&server)), &[]).await.0, 200);
}
