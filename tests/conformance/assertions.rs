//! Assertions: clients that authenticate with one (RFC 7523 section 2.2, OpenID Connect Core section 9), and the JWT bearer grant (RFC
//! 7523 section 2.1).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::env::{Clock, SystemClock};
use gridauth::jose::{Algorithm, KeySet, PrivateKey};
use gridauth_conformance::case::at_once;
use gridauth_conformance::oauth::{Tokens, is_valid};
use gridauth_conformance::{Context, Demo, Options, Request, Response, cases, random, seed};
use serde_json::{Value, json};

cases! {
    "RFC 7523 2.2" => a_client_authenticates_with_its_key,
    "OpenID Connect Core 9" => a_client_authenticates_with_a_mac_under_its_secret,
    "RFC 7523 3" => every_wrong_assertion_is_refused,
    "DEMO_APP.md, Policies" => an_assertion_counts_once,
    "RFC 7515 10.7" => the_token_does_not_choose_its_key_or_algorithm,
    "RFC 6749 2.3" => an_assertion_excludes_other_credentials,
    "RFC 8414 2" => methods_and_algorithms_are_in_the_metadata,
    "RFC 7591 2" => keys_behind_a_url_are_read_and_read_again,
    "DEMO_APP.md, Seed file" => a_seed_with_a_private_key_is_a_bad_value,
    "DEMO_APP.md, Policies" => wrong_secrets_are_throttled_and_wrong_keys_are_not,
    "RFC 7523 2.1" => a_service_gets_a_token_for_a_user,
    "RFC 7523 3.1" => a_wrong_assertion_is_no_grant,
}

const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The name and the subject of the user whom a service acts for.
const USER: (&str, &str) = ("a person of assertions", "248289761001");

/// A demo with clients of its own: `holder` has a key, `sharer` a secret, `service` may act for users.
struct Setup {
    app: Demo,
    key: PrivateKey,
    secret: String,
}

fn key() -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256).unwrap()
}

fn jwks(keys: &[&PrivateKey]) -> Value {
    KeySet::new(keys.iter().map(|key| key.public().clone())).to_jwks()
}

fn clients(key: &PrivateKey, secret: &str) -> Value {
    json!([
        {"client_id": "holder", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(&[key]),
         "grant_types": ["client_credentials"], "scope": "notes.read"},
        {"client_id": "sharer", "token_endpoint_auth_method": "client_secret_jwt", "client_secret": secret,
         "grant_types": ["client_credentials"], "scope": "notes.read"},
        {"client_id": "service", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(&[key]),
         "grant_types": [JWT_BEARER], "scope": "all notes.read notes.write"},
        seed::client("resource-server").entry(),
    ])
}

fn setup(context: &Context, label: &str) -> Setup {
    let (key, secret) = (key(), random::secret_of(&random::unique("a secret of at least 32 bytes")));
    let user = json!({ "username": USER.0, "password": random::secret_of(USER.0), "sub": USER.1 });
    let seed = json!({ "users": [user], "clients": clients(&key, &secret) });
    let app = context.start(&Options::new(label).seed(&seed));
    Setup { app, key, secret }
}

fn now() -> i64 {
    SystemClock.now().as_secs()
}

/// The claims of a good client assertion.
fn claims(app: &Demo, client: &str) -> Value {
    json!({
        "iss": client, "sub": client, "aud": app.issuer, "iat": now(), "exp": now() + 300, "jti": random::unique("jti"),
    })
}

fn signed(key: &PrivateKey, claims: &Value) -> String {
    gridauth::jose::sign(key, "JWT", claims).unwrap()
}

fn compact(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// HMAC with SHA-256 (RFC 2104), of a secret that is no longer than a block.
fn hs256(secret: &[u8], input: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let hashed = Sha256::digest(secret);
    let secret = if secret.len() > 64 { &hashed[..] } else { secret };
    let pad = |byte: u8| -> Vec<u8> {
        let padded = secret.iter().copied().chain(std::iter::repeat(0)).take(64);
        padded.map(|own| own ^ byte).collect()
    };
    let inner = Sha256::digest([&pad(0x36), input].concat());
    Sha256::digest([&pad(0x5c), &inner[..]].concat()).to_vec()
}

fn by_secret(secret: &str, claims: &Value) -> String {
    compact(&json!({ "alg": "HS256" }), claims, |input| hs256(secret.as_bytes(), input))
}

fn request(app: &Demo, assertion: &str, more: &[(&str, &str)]) -> Request {
    let form = [
        &[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", CLIENT_ASSERTION),
            ("client_assertion", assertion),
        ],
        more,
    ]
    .concat();
    Request::form(app.endpoint("token"), &form)
}

#[track_caller]
fn ask(app: &Demo, assertion: &str) -> Response {
    app.send(&request(app, assertion, &[]))
}

fn a_client_authenticates_with_its_key(context: &Context) {
    let Setup { app, key, .. } = &setup(context, "by key");
    let tokens = Tokens::of(&ask(app, &signed(key, &claims(app, "holder"))));
    assert!(is_valid(app, &tokens.access));
    for audience in [
        json!(format!("{}/oauth/token", app.issuer)),
        json!([app.issuer]),
        json!(["https://other.example.com", app.issuer]),
    ] {
        let mut claims = claims(app, "holder");
        claims["aud"] = audience;
        Tokens::of(&ask(app, &signed(key, &claims)));
    }
    let at = |endpoint: &str| {
        let assertion = signed(key, &claims(app, "holder"));
        let form = [
            ("token", tokens.access.as_str()),
            ("client_assertion_type", CLIENT_ASSERTION),
            ("client_assertion", &assertion),
        ];
        app.send(&Request::form(app.endpoint(endpoint), &form)).expect(200)
    };
    assert_eq!(at("introspect").json()["client_id"], "holder");
    at("revoke");
    assert!(!is_valid(app, &tokens.access));
}

fn a_client_authenticates_with_a_mac_under_its_secret(context: &Context) {
    let Setup { app, key, secret } = &setup(context, "by secret");
    Tokens::of(&ask(app, &by_secret(secret, &claims(app, "sharer"))));
    ask(app, &by_secret("another secret", &claims(app, "sharer"))).expect_error(401, "invalid_client");
    // Each client has the one method that it is registered for.
    ask(app, &by_secret(secret, &claims(app, "holder"))).expect_error(401, "invalid_client");
    ask(app, &signed(key, &claims(app, "sharer"))).expect_error(401, "invalid_client");
    let form = [("grant_type", "client_credentials")];
    let basic = Request::form(app.endpoint("token"), &form).basic("sharer", secret);
    app.send(&basic).expect_error(401, "invalid_client");
}

fn every_wrong_assertion_is_refused(context: &Context) {
    let Setup { app, key, .. } = &setup(context, "wrong assertions");
    for claim in ["iss", "sub", "aud", "exp", "jti"] {
        let mut claims = claims(app, "holder");
        claims.as_object_mut().unwrap().remove(claim);
        ask(app, &signed(key, &claims)).expect_error(401, "invalid_client");
    }
    for (claim, value) in [
        ("iss", json!("sharer")),
        ("sub", json!("sharer")),
        ("aud", json!("https://other.example.com")),
        ("aud", json!(format!("{}/", app.issuer))),
        ("aud", json!([])),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 365 * 24 * 60 * 60)),
        ("exp", json!("soon")),
        ("nbf", json!(now() + 300)),
        ("iat", json!(now() + 300)),
        ("jti", json!("")),
        ("jti", json!(1)),
    ] {
        let mut claims = claims(app, "holder");
        claims[claim] = value;
        ask(app, &signed(key, &claims)).expect_error(401, "invalid_client");
    }
    for assertion in ["x", "a.b.c", "....", "AAAA.AAAA.AAAA.AAAA.AAAA", "\u{e9}", &"A".repeat(17_000)] {
        ask(app, assertion).expect_error(401, "invalid_client");
    }
    for unknown in ["nobody", "\u{e9}", " "] {
        ask(app, &signed(key, &claims(app, unknown))).expect_error(401, "invalid_client");
    }
}

fn an_assertion_counts_once(context: &Context) {
    let Setup { app, key, .. } = &setup(context, "replays");
    let assertion = signed(key, &claims(app, "holder"));
    let answers = at_once(8, |_| ask(app, &assertion).status);
    let taken = answers.iter().filter(|status| **status == 200).count();
    assert!(taken == 1 && answers.iter().all(|status| [200, 401].contains(status)), "{answers:?}");
    ask(app, &assertion).expect_error(401, "invalid_client");
}

fn the_token_does_not_choose_its_key_or_algorithm(context: &Context) {
    let Setup { app, key, .. } = &setup(context, "confused tokens");
    let own = PrivateKey::generate(Algorithm::Es256).unwrap();
    let claims = || claims(app, "holder");
    let by_own = |input: &[u8]| own.sign(input).unwrap();
    let id = key.public().id();
    for token in [
        // CVE-2026-28802 of Authlib.
        compact(&json!({ "alg": "none" }), &claims(), |_| Vec::new()),
        compact(&json!({ "alg": "NONE", "kid": id }), &claims(), |_| Vec::new()),
        // CVE-2026-27962 of Authlib.
        compact(&json!({ "alg": "ES256", "jwk": own.public().to_jwk() }), &claims(), by_own),
        compact(&json!({ "alg": "ES256", "jku": "https://attacker.example/" }), &claims(), by_own),
        compact(&json!({ "alg": "ES256", "kid": id }), &claims(), by_own),
        compact(&json!({ "alg": "ES256", "kid": own.public().id() }), &claims(), by_own),
        compact(&json!({ "alg": "ES256", "crit": ["exp"] }), &claims(), |input| key.sign(input).unwrap()),
        compact(&json!({ "alg": "RS256", "kid": id }), &claims(), |input| key.sign(input).unwrap()),
        // CVE-2024-37568 of Authlib.
        compact(&json!({ "alg": "HS256", "kid": id }), &claims(), |input| {
            hs256(key.public().to_jwk().to_string().as_bytes(), input)
        }),
        // CVE-2022-21449 of Java.
        compact(&json!({ "alg": "ES256" }), &claims(), |_| vec![0; 64]),
    ] {
        ask(app, &token).expect_error(401, "invalid_client");
    }
}

fn an_assertion_excludes_other_credentials(context: &Context) {
    let Setup { app, key, secret } = &setup(context, "two ways");
    let assertion = signed(key, &claims(app, "holder"));
    for more in [
        &[("client_secret", secret.as_str())][..],
        &[("client_id", "sharer"), ("client_secret", secret)],
        &[("client_id", "sharer")],
        &[("client_assertion", assertion.as_str())],
    ] {
        app.send(&request(app, &assertion, more)).expect_error(400, "invalid_request");
    }
    app.send(&request(app, &assertion, &[]).basic("sharer", secret)).expect_error(400, "invalid_request");
    let alone = [("grant_type", "client_credentials"), ("client_assertion", &*assertion)];
    app.send(&Request::form(app.endpoint("token"), &alone)).expect_error(400, "invalid_request");
    Tokens::of(&app.send(&request(app, &assertion, &[("client_id", "holder")])));
}

fn methods_and_algorithms_are_in_the_metadata(context: &Context) {
    let metadata = context.app().get("/.well-known/oauth-authorization-server").expect(200).json();
    let has = |member: &str, values: &[&str]| {
        let list = metadata[member].as_array().unwrap_or_else(|| panic!("no {member}"));
        for value in values {
            assert!(list.contains(&json!(value)), "{member}: {list:?}");
        }
        assert!(!list.contains(&json!("none")) || member.ends_with("methods_supported"), "{list:?}");
    };
    for endpoint in ["token", "revocation", "introspection"] {
        let methods = format!("{endpoint}_endpoint_auth_methods_supported");
        has(&methods, &["private_key_jwt", "client_secret_jwt"]);
        let algorithms = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
        has(&algorithms, &["RS256", "PS256", "ES256", "EdDSA", "HS256"]);
    }
    has("grant_types_supported", &[JWT_BEARER]);
}

/// A host that publishes keys, and counts how often it is asked.
struct KeyHost {
    url: String,
    jwks: Arc<Mutex<String>>,
    asked: Arc<Mutex<usize>>,
}

fn key_host() -> KeyHost {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let (jwks, asked): (Arc<Mutex<String>>, Arc<Mutex<usize>>) = Default::default();
    let host = KeyHost { url, jwks: Arc::clone(&jwks), asked: Arc::clone(&asked) };
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            *asked.lock().unwrap() += 1;
            let body = jwks.lock().unwrap().clone();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    host
}

fn keys_behind_a_url_are_read_and_read_again(context: &Context) {
    let (host, key) = (key_host(), key());
    *host.jwks.lock().unwrap() = jwks(&[&key]).to_string();
    let seed = json!({ "clients": [{
        "client_id": "publisher", "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": host.url,
        "grant_types": ["client_credentials"], "scope": "notes.read",
    }] });
    let app = &context.start(&Options::new("jwks_uri").seed(&seed));
    let asked = || *host.asked.lock().unwrap();
    let answers = at_once(8, |_| ask(app, &signed(&key, &claims(app, "publisher"))).status);
    assert_eq!((answers, asked()), (vec![200; 8], 1));
    // A new key is looked for, but not right away.
    let next = PrivateKey::generate(Algorithm::EdDsa).unwrap();
    *host.jwks.lock().unwrap() = jwks(&[&key, &next]).to_string();
    for _ in 0..5 {
        ask(app, &signed(&next, &claims(app, "publisher")));
    }
    assert!(asked() <= 2, "asked {} times", asked());
    thread::sleep(Duration::from_secs(11));
    Tokens::of(&ask(app, &signed(&next, &claims(app, "publisher"))));
    Tokens::of(&ask(app, &signed(&key, &claims(app, "publisher"))));
}

fn a_seed_with_a_private_key_is_a_bad_value(context: &Context) {
    let mut private = key().public().to_jwk();
    private["d"] = json!("AAAA");
    for members in [
        json!({ "jwks": { "keys": [private] } }),
        json!({ "jwks": { "keys": [] }, "jwks_uri": "https://client.example.com/jwks" }),
    ] {
        let mut client = members;
        client["client_id"] = json!("careless");
        client["token_endpoint_auth_method"] = json!("private_key_jwt");
        let options = Options::new("private key").seed(&json!({ "clients": [client] }));
        let exit = Demo::start_refused(&context.deployment(), &options);
        assert_eq!(exit.status.code(), Some(2), "{}", exit.stderr);
        assert!(exit.stderr.contains("GRIDAUTH_SEED") && exit.stderr.contains("careless"), "{}", exit.stderr);
    }
}

fn wrong_secrets_are_throttled_and_wrong_keys_are_not(context: &Context) {
    let Setup { app, key, secret } = &setup(context, "guesses");
    let other = PrivateKey::generate(Algorithm::Es256).unwrap();
    for _ in 0..25 {
        ask(app, &signed(&other, &claims(app, "holder"))).expect_error(401, "invalid_client");
    }
    Tokens::of(&ask(app, &signed(key, &claims(app, "holder"))));
    let guesses: Vec<u16> = (0..25)
        .map(|guess| ask(app, &by_secret(&format!("guess {guess}"), &claims(app, "sharer"))).status)
        .collect();
    assert!(guesses[..20].iter().all(|status| *status == 401), "{guesses:?}");
    assert!(guesses[20..].iter().all(|status| *status == 429), "{guesses:?}");
    ask(app, &by_secret(secret, &claims(app, "sharer"))).expect(429);
}

fn grant(app: &Demo, assertion: &str, more: &[(&str, &str)]) -> Response {
    let form = [&[("grant_type", JWT_BEARER), ("assertion", assertion)], more].concat();
    app.send(&Request::form(app.endpoint("token"), &form))
}

fn a_service_gets_a_token_for_a_user(context: &Context) {
    let Setup { app, key, .. } = &setup(context, "jwt bearer");
    let about = |sub: &str| {
        let mut claims = claims(app, "service");
        claims["sub"] = json!(sub);
        signed(key, &claims)
    };
    let assertion = about(USER.1);
    let tokens = Tokens::of(&grant(app, &assertion, &[("scope", "all notes.read")]));
    assert_eq!((tokens.refresh, tokens.scope.as_str()), (None, "all notes.read"));
    let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
    assert_eq!(
        whoami,
        json!({ "sub": USER.1, "username": USER.0, "client_id": "service", "scope": "all notes.read" })
    );
    grant(app, &assertion, &[]).expect_error(400, "invalid_grant");
    // The client may authenticate as well.
    let authentication = signed(key, &claims(app, "service"));
    let more = [("client_assertion_type", CLIENT_ASSERTION), ("client_assertion", authentication.as_str())];
    Tokens::of(&grant(app, &about(USER.1), &more));
    grant(app, &about(USER.1), &[("scope", "openid")]).expect_error(400, "invalid_scope");
    grant(app, &about("nobody"), &[]).expect_error(400, "invalid_grant");
}

fn a_wrong_assertion_is_no_grant(context: &Context) {
    let Setup { app, key, .. } = &setup(context, "no grants");
    for (claim, value) in [
        ("iss", json!("nobody")),
        ("iss", json!("holder")),
        ("aud", json!("https://other.example.com")),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 365 * 24 * 60 * 60)),
        ("nbf", json!(now() + 300)),
        ("sub", json!("")),
        ("sub", json!("service")),
    ] {
        let mut claims = claims(app, "service");
        claims["sub"] = json!(USER.1);
        claims[claim] = value;
        let answer = grant(app, &signed(key, &claims), &[]);
        // A client without the grant type is told so.
        let error = if claims["iss"] == "holder" { "unauthorized_client" } else { "invalid_grant" };
        answer.expect_error(400, error);
    }
    let other = PrivateKey::generate(Algorithm::Es256).unwrap();
    grant(app, &signed(&other, &claims(app, "service")), &[]).expect_error(400, "invalid_grant");
    grant(app, "x", &[]).expect_error(400, "invalid_grant");
}
