//! Tokens that are bound to a key (RFC 9449).

use gridauth::jose::Algorithm;
use gridauth_conformance::case::{User, at_once};
use gridauth_conformance::oauth::{CodeRequest, Tokens, as_client, introspect, token};
use gridauth_conformance::{Context, Demo, Options, Request, Response, cases, seed};
use serde_json::{Value, json};

use crate::proofs::{ProofKey, bound_tokens, claims, is_refused, now, shown};

cases! {
    "RFC 9449 5" => a_proof_at_the_token_endpoint_binds_the_token,
    "RFC 9449 4.3" => every_wrong_proof_is_refused_at_the_token_endpoint,
    "RFC 9449 4.2" => foreign_keys_and_algorithms_are_refused,
    "RFC 9449 11.1" => a_proof_counts_once_at_the_token_endpoint,
    "RFC 9449 11.1" => a_proof_counts_once_for_two_processes,
    "RFC 9449 7.1" => a_bound_token_needs_a_proof,
    "RFC 9449 7.1" => every_wrong_proof_is_refused_at_a_guard,
    "RFC 9449 7.2" => a_bound_token_is_no_bearer_token,
    "RFC 9449 7.1" => an_unbound_token_is_no_dpop_token,
    "RFC 9449 11.1" => a_proof_counts_once_at_a_guard,
    "RFC 9449 4.3" => the_url_is_compared_in_its_normal_form,
    "RFC 9449 7.1" => challenges_come_each_on_a_line_of_its_own,
    "RFC 9449 7.1" => the_scheme_of_a_bound_token_is_case_insensitive,
    "RFC 9449 5" => refresh_tokens_of_public_clients_are_bound,
    "RFC 9449 5" => refresh_tokens_of_confidential_clients_are_not_bound,
    "RFC 9449 10" => a_code_can_be_bound_to_a_key,
    "RFC 9449 5.2" => a_client_may_be_registered_for_bound_tokens_alone,
    "RFC 9449 6.1" => a_jwt_names_its_key,
    "RFC 9449 6.2" => introspection_names_the_key,
    "OpenID Connect Core 5.3" => userinfo_takes_bound_tokens,
    "RFC 9449 5.1" => the_algorithms_are_in_the_metadata,
    "DEMO_APP.md, Policies" => scripts_of_other_origins_may_send_proofs,
    "RFC 9449 4.3" => a_path_of_the_issuer_is_part_of_the_url,
}

const CREDENTIALS: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "notes.read")];

fn token_url(app: &Demo) -> String {
    format!("{}/oauth/token", app.issuer)
}

/// A token request of the client `machine` with this proof.
#[track_caller]
fn ask(app: &Demo, proof: &str) -> Response {
    app.send(&as_client(app, "token", "machine", &CREDENTIALS).header("DPoP", proof))
}

/// An access token that is bound to the key.
#[track_caller]
fn bound(app: &Demo, key: &ProofKey) -> String {
    bound_tokens(&app.send(&key.with_proof(app, as_client(app, "token", "machine", &CREDENTIALS)))).0
}

fn a_proof_at_the_token_endpoint_binds_the_token(context: &Context) {
    let app = context.app();
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256] {
        let key = ProofKey::of(algorithm);
        let token = bound(app, &key);
        assert_eq!(key.whoami(app, &token).expect(200).json()["sub"], "machine");
        is_refused(&ProofKey::new().whoami(app, &token), "invalid_token");
    }
    // Without a proof it is as before.
    Tokens::of(&token(app, "machine", &CREDENTIALS));
}

/// What is wrong with a proof for a request to this URL, each with its claims.
fn wrong_claims(method: &str, url: &str, token: Option<&str>) -> Vec<(String, Value)> {
    let mut wrong = Vec::new();
    for (name, value) in [
        ("htm", json!("PUT")),
        ("htm", json!(method.to_lowercase())),
        ("htm", json!(7)),
        ("htu", json!("https://other.example.com/oauth/token")),
        ("htu", json!(format!("{url}/more"))),
        ("htu", json!(format!("{url}/"))),
        ("htu", json!(url.replacen("http://", "https://", 1))),
        ("htu", json!(url.replacen("http://", "http://user@", 1))),
        ("htu", json!(format!("{url}@evil.example.com/"))),
        ("htu", json!("")),
        ("htu", json!("/whoami")),
        ("htu", json!(null)),
        ("iat", json!(now() - 300)),
        ("iat", json!(now() + 300)),
        ("iat", json!(0)),
        ("iat", json!(-1)),
        ("iat", json!(1e300)),
        ("iat", json!("now")),
        ("iat", json!(null)),
        ("nbf", json!(now() + 300)),
        ("exp", json!(now() - 300)),
        ("jti", json!("")),
        ("jti", json!(null)),
        ("jti", json!(["a"])),
    ] {
        let mut claims = claims(method, url, token);
        claims[name] = value.clone();
        wrong.push((format!("{name} {value}"), claims));
    }
    for name in ["htm", "htu", "iat", "jti"] {
        let mut claims = claims(method, url, token);
        claims.as_object_mut().unwrap().remove(name);
        wrong.push((format!("no {name}"), claims));
    }
    wrong
}

fn every_wrong_proof_is_refused_at_the_token_endpoint(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    for (what, claims) in wrong_claims("POST", &token_url(app), None) {
        let answer = ask(app, &key.sign(&key.header(), &claims));
        assert_eq!(answer.status, 400, "{what}: {answer:#}");
        answer.expect_error(400, "invalid_dpop_proof");
    }
    let good = key.proof("POST", &token_url(app), None);
    let other = key.proof("POST", &token_url(app), None);
    for proof in [
        String::new(),
        " ".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}.x"),
        format!("{good} {other}"),
        format!("{good}, {other}"),
        good[..good.len() - 4].to_owned(),
        good.replace('.', ""),
        "\u{e9}".to_owned(),
        "A".repeat(9_000),
        format!("{}.{}.AAAA", "A".repeat(4_000), "B".repeat(4_000)),
    ] {
        ask(app, &proof).expect_error(400, "invalid_dpop_proof");
    }
    let twice = as_client(app, "token", "machine", &CREDENTIALS).header("DPoP", good).header("DPoP", other);
    app.send(&twice).expect_error(400, "invalid_dpop_proof");
}

fn foreign_keys_and_algorithms_are_refused(context: &Context) {
    let (app, key, other) = (context.app(), ProofKey::new(), ProofKey::new());
    let claims = || claims("POST", &token_url(app), None);
    let mut private = key.header();
    private["jwk"]["d"] = json!("AAAA");
    let with = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value;
        header
    };
    let nested = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let mut crv = key.header();
    crv["jwk"]["crv"] = json!("P-384");
    let mut off_curve = key.header();
    off_curve["jwk"]["x"] = json!("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
    for header in [
        with("typ", json!("JWT")),
        with("typ", json!(null)),
        with("alg", json!("none")),
        with("alg", json!("HS256")),
        with("alg", json!("ES384")),
        with("alg", json!("EdDSA")),
        with("alg", json!("RS256")),
        with("jwk", other.header()["jwk"].clone()),
        with("jwk", json!(null)),
        with("jwk", json!({})),
        with("jwk", json!({ "kty": "oct", "k": "AAAA" })),
        with("jwk", nested),
        with("jku", json!("https://evil.example.com/jwks")),
        with("x5u", json!("https://evil.example.com/x5u")),
        with("crit", json!(["typ"])),
        private,
        crv,
        off_curve,
        json!({ "typ": "dpop+jwt", "alg": "ES256" }),
        json!([]),
    ] {
        ask(app, &key.sign(&header, &claims())).expect_error(400, "invalid_dpop_proof");
    }
    // The same, where a client might be taken in by another media type.
    bound_tokens(&ask(app, &key.sign(&with("typ", json!("application/DPoP+JWT")), &claims())));
}

fn a_proof_counts_once_at_the_token_endpoint(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let proof = key.proof("POST", &token_url(app), None);
    let answers = at_once(8, |_| ask(app, &proof).status);
    let taken = answers.iter().filter(|status| **status == 200).count();
    assert!(taken == 1 && answers.iter().all(|status| [200, 400].contains(status)), "{answers:?}");
    ask(app, &proof).expect_error(400, "invalid_dpop_proof");
    // The same id, by another key.
    let other = ProofKey::new();
    let mut claims = claims("POST", &token_url(app), None);
    bound_tokens(&ask(app, &key.sign(&key.header(), &claims)));
    bound_tokens(&ask(app, &other.sign(&other.header(), &claims)));
    claims["iat"] = json!(now() - 1);
    ask(app, &key.sign(&key.header(), &claims)).expect_error(400, "invalid_dpop_proof");
}

fn a_proof_counts_once_for_two_processes(context: &Context) {
    if !context.combination.store.shared {
        return;
    }
    let deployment = context.deployment();
    let options = |label: &str| Options::new(label).env("GRIDAUTH_ISSUER", "http://127.0.0.1:1");
    let apps = [Demo::start(&deployment, &options("first")), Demo::start(&deployment, &options("second"))];
    let key = ProofKey::new();
    for _ in 0..4 {
        let proof = key.proof("POST", &token_url(&apps[0]), None);
        let answers = at_once(8, |number| ask(&apps[number % 2], &proof).status);
        let taken = answers.iter().filter(|status| **status == 200).count();
        assert!(taken == 1 && answers.iter().all(|status| [200, 400].contains(status)), "{answers:?}");
    }
}

fn a_bound_token_needs_a_proof(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let token = bound(app, &key);
    for path in ["/private", "/whoami", "/notes"] {
        app.send(&key.show(app, Request::get(path), &token)).expect(200);
        is_refused(&app.send(&shown(Request::get(path), &token)), "invalid_dpop_proof");
        let unknown = format!("{}x", &token[..token.len() - 1]);
        if unknown != token {
            is_refused(&app.send(&key.show(app, Request::get(path), &unknown)), "invalid_token");
        }
    }
    app.send(&key.show(app, Request::new("HEAD", "/private"), &token)).expect(200);
    app.send(&key.show(app, Request::get("/private?a=1"), &token)).expect(200);
    let denied = app.send(&key.show(app, Request::json("/notes", &json!({ "text": "a" })), &token));
    let denied = denied.expect_error(403, "insufficient_scope");
    let challenges = denied.headers_named("www-authenticate");
    assert!(challenges.len() == 1 && challenges[0].starts_with("DPoP realm=\""), "{denied:#}");
}

fn every_wrong_proof_is_refused_at_a_guard(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let token = bound(app, &key);
    let url = format!("{}/whoami", app.issuer);
    let ask = |proof: &str| app.send(&shown(Request::get("/whoami"), &token).header("DPoP", proof));
    for (what, claims) in wrong_claims("GET", &url, Some(&token)) {
        let answer = ask(&key.sign(&key.header(), &claims));
        assert_eq!(answer.status, 401, "{what}: {answer:#}");
        is_refused(&answer, "invalid_dpop_proof");
    }
    for ath in [json!(null), json!(""), json!("x"), json!(token)] {
        let mut claims = claims("GET", &url, Some(&token));
        claims["ath"] = ath;
        is_refused(&ask(&key.sign(&key.header(), &claims)), "invalid_dpop_proof");
    }
    // That of another token, and that of a token request.
    let other = bound(app, &key);
    is_refused(&ask(&key.proof("GET", &url, Some(&other))), "invalid_dpop_proof");
    is_refused(&ask(&key.proof("GET", &url, None)), "invalid_dpop_proof");
    for proof in ["", "x", &"A".repeat(9_000)] {
        is_refused(&ask(proof), "invalid_dpop_proof");
    }
    let twice = key.show(app, Request::get("/whoami"), &token);
    let proof = key.proof("GET", &url, Some(&token));
    is_refused(&app.send(&twice.header("DPoP", proof)), "invalid_dpop_proof");
    key.whoami(app, &token).expect(200);
}

fn a_bound_token_is_no_bearer_token(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let token = bound(app, &key);
    let url = format!("{}/whoami", app.issuer);
    let bare = app.send(&Request::get("/whoami").bearer(&token));
    is_refused(&bare, "invalid_token");
    let proof = key.proof("GET", &url, Some(&token));
    is_refused(&app.send(&Request::get("/whoami").bearer(&token).header("DPoP", proof)), "invalid_token");
}

fn an_unbound_token_is_no_dpop_token(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let token = Tokens::of(&token(app, "machine", &CREDENTIALS)).access;
    is_refused(&key.whoami(app, &token), "invalid_token");
    is_refused(&app.send(&shown(Request::get("/whoami"), &token)), "invalid_token");
    // A proof that nobody asked for does no harm.
    let proof = key.proof("GET", &format!("{}/whoami", app.issuer), Some(&token));
    app.send(&Request::get("/whoami").bearer(&token).header("DPoP", proof)).expect(200);
    app.send(&Request::get("/whoami").bearer(&token).header("DPoP", "x")).expect(200);
}

fn a_proof_counts_once_at_a_guard(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let token = bound(app, &key);
    let request = key.show(app, Request::get("/whoami"), &token);
    let answers = at_once(8, |_| app.send(&request).status);
    let taken = answers.iter().filter(|status| **status == 200).count();
    assert!(taken == 1 && answers.iter().all(|status| [200, 401].contains(status)), "{answers:?}");
    is_refused(&app.send(&request), "invalid_dpop_proof");
    key.whoami(app, &token).expect(200);
}

fn the_url_is_compared_in_its_normal_form(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let token = bound(app, &key);
    let url = format!("{}/whoami", app.issuer);
    for same in [
        url.replacen("http", "HTTP", 1),
        format!("{url}?a=1#b"),
        url.replace("whoami", "%77hoami"),
        url.replace("whoami", "x/../whoami"),
    ] {
        let proof = key.proof("GET", &same, Some(&token));
        app.send(&shown(Request::get("/whoami"), &token).header("DPoP", proof)).expect(200);
    }
    // The Host header of a request says nothing.
    let proof = key.proof("GET", "http://evil.example.com/whoami", Some(&token));
    let request = shown(Request::get("/whoami"), &token)
        .header("DPoP", proof)
        .header("X-Forwarded-Host", "evil.example.com");
    is_refused(&app.send(&request), "invalid_dpop_proof");
}

fn challenges_come_each_on_a_line_of_its_own(context: &Context) {
    let app = context.app();
    let answer = app.get("/private").expect(401);
    let challenges = answer.headers_named("www-authenticate");
    let metadata = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource\"", app.issuer);
    assert_eq!(challenges[0], format!("Bearer realm=\"{}\", {metadata}", app.issuer));
    assert!(challenges[1].starts_with(&format!("DPoP realm=\"{}\", algs=\"", app.issuer)), "{answer:#}");
    assert!(challenges.len() == 2 && !challenges[1].contains("error"), "{answer:#}");
    let answer = app.send(&Request::get("/private").bearer("x")).expect(401);
    let challenges = answer.headers_named("www-authenticate");
    assert!(challenges[0].contains("error=\"invalid_token\""), "{answer:#}");
    assert!(challenges.len() == 2 && !challenges[1].contains("error"), "{answer:#}");
}

fn the_scheme_of_a_bound_token_is_case_insensitive(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let token = bound(app, &key);
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let proof = key.proof("GET", &format!("{}/whoami", app.issuer), Some(&token));
        let request = Request::get("/whoami").header("Authorization", format!("{scheme} {token}"));
        app.send(&request.header("DPoP", proof)).expect(200);
    }
    for empty in ["DPoP", "DPoP ", "DPoP x"] {
        is_refused(&app.send(&Request::get("/whoami").header("Authorization", empty)), "invalid_token");
    }
}

fn password(app: &Demo, user: &User) -> Request {
    let form = [
        ("grant_type", "password"),
        ("username", &*user.username),
        ("password", &*user.password),
        ("scope", "notes.read"),
    ];
    as_client(app, "token", "demo", &form)
}

fn renewal(app: &Demo, client: &str, refresh: &str) -> Request {
    as_client(app, "token", client, &[("grant_type", "refresh_token"), ("refresh_token", refresh)])
}

fn refresh_tokens_of_public_clients_are_bound(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (key, thief) = (ProofKey::new(), ProofKey::new());
    let (_, refresh) = bound_tokens(&app.send(&key.with_proof(app, password(app, &user))));
    let refresh = refresh.unwrap();
    app.send(&renewal(app, "demo", &refresh)).expect_error(400, "invalid_grant");
    let stolen = thief.with_proof(app, renewal(app, "demo", &refresh));
    app.send(&stolen).expect_error(400, "invalid_grant");
    let (access, next) = bound_tokens(&app.send(&key.with_proof(app, renewal(app, "demo", &refresh))));
    key.whoami(app, &access).expect(200);
    // Within the grace window, too, only the key counts.
    app.send(&renewal(app, "demo", &refresh)).expect_error(400, "invalid_grant");
    let stolen = thief.with_proof(app, renewal(app, "demo", &refresh));
    app.send(&stolen).expect_error(400, "invalid_grant");
    let again = bound_tokens(&app.send(&key.with_proof(app, renewal(app, "demo", &refresh))));
    assert_eq!((again.0, again.1.as_ref()), (access, next.as_ref()));
    bound_tokens(&app.send(&key.with_proof(app, renewal(app, "demo", &next.unwrap()))));
    // One that was not bound is, from its first proof on.
    let refresh = Tokens::of(&app.send(&password(app, &user))).refresh().to_owned();
    let (_, next) = bound_tokens(&app.send(&key.with_proof(app, renewal(app, "demo", &refresh))));
    app.send(&renewal(app, "demo", &next.unwrap())).expect_error(400, "invalid_grant");
}

fn refresh_tokens_of_confidential_clients_are_not_bound(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (key, next) = (ProofKey::new(), ProofKey::new());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    let redemption = as_client(app, "token", "web", &request.redemption(&code));
    let (_, refresh) = bound_tokens(&app.send(&key.with_proof(app, redemption)));
    let renewed = app.send(&next.with_proof(app, renewal(app, "web", &refresh.unwrap())));
    let (access, _) = bound_tokens(&renewed);
    next.whoami(app, &access).expect(200);
    is_refused(&key.whoami(app, &access), "invalid_token");
}

fn a_code_can_be_bound_to_a_key(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (key, thief) = (ProofKey::new(), ProofKey::new());
    let request = CodeRequest::web().with("dpop_jkt", &key.thumbprint());
    let code = request.code(app, &user);
    let redemption = || as_client(app, "token", "web", &request.redemption(&code));
    app.send(&redemption()).expect_error(400, "invalid_grant");
    app.send(&thief.with_proof(app, redemption())).expect_error(400, "invalid_grant");
    let (access, _) = bound_tokens(&app.send(&key.with_proof(app, redemption())));
    key.whoami(app, &access).expect(200);
    for bad in ["x", &"A".repeat(42), &format!("{}=", "A".repeat(42)), &"A".repeat(44)] {
        CodeRequest::web().with("dpop_jkt", bad).refused(app, "invalid_request");
    }
}

fn a_client_may_be_registered_for_bound_tokens_alone(context: &Context) {
    let clients = json!([
        {"client_id": "strict", "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true,
         "grant_types": ["password", "refresh_token", "implicit"], "response_types": ["token"],
         "redirect_uris": ["https://strict.example.com/cb"], "scope": "notes.read"},
    ]);
    let app = &context.start(&Options::new("bound alone").seed(&json!({ "clients": clients })));
    let user = context.user_at(app);
    let form = [
        ("grant_type", "password"),
        ("client_id", "strict"),
        ("username", &*user.username),
        ("password", &*user.password),
    ];
    let request = || Request::form(app.endpoint("token"), &form);
    app.send(&request()).expect_error(400, "invalid_dpop_proof");
    let key = ProofKey::new();
    let (access, _) = bound_tokens(&app.send(&key.with_proof(app, request())));
    key.whoami(app, &access).expect(200);
    // No proof can be in an authorization request, so no token may come from there.
    let query = [("response_type", "token"), ("client_id", "strict")];
    let answer = app.send(&Request::query(&app.endpoint("authorize"), &query)).expect(303);
    let location = answer.header("location").unwrap();
    assert!(location.contains("error=invalid_request"), "{location}");
}

fn a_jwt_names_its_key(context: &Context) {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let app = &context.start(&Options::new("bound jwt").env("GRIDAUTH_ACCESS_TOKEN", "jwt"));
    let key = ProofKey::new();
    let token = bound(app, &key);
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["cnf"], json!({ "jkt": key.thumbprint() }));
    key.whoami(app, &token).expect(200);
    is_refused(&app.send(&Request::get("/whoami").bearer(&token)), "invalid_token");
    is_refused(&ProofKey::new().whoami(app, &token), "invalid_token");
}

fn introspection_names_the_key(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let described = introspect(app, &bound(app, &key));
    assert_eq!(described["cnf"], json!({ "jkt": key.thumbprint() }), "{described}");
    assert_eq!(described["token_type"], "DPoP", "{described}");
}

fn userinfo_takes_bound_tokens(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let key = ProofKey::new();
    let request = CodeRequest::web().with("scope", "openid");
    let code = request.code(app, &user);
    let redemption = as_client(app, "token", "web", &request.redemption(&code));
    let (access, _) = bound_tokens(&app.send(&key.with_proof(app, redemption)));
    let path = app.endpoint("userinfo");
    for request in [Request::get(&path), Request::post(&path).body("text/plain", "")] {
        app.send(&key.show(app, request.clone(), &access)).expect(200);
        is_refused(&app.send(&request.clone().bearer(&access)), "invalid_token");
        is_refused(&app.send(&shown(request, &access)), "invalid_dpop_proof");
    }
    let form = Request::form(&path, &[("access_token", &*access)]);
    is_refused(&app.send(&form), "invalid_token");
}

fn the_algorithms_are_in_the_metadata(context: &Context) {
    let metadata = context.app().get("/.well-known/oauth-authorization-server").expect(200).json();
    let algorithms = metadata["dpop_signing_alg_values_supported"].as_array().unwrap();
    for algorithm in ["ES256", "PS256", "EdDSA"] {
        assert!(algorithms.contains(&json!(algorithm)), "{algorithms:?}");
    }
    assert!(!algorithms.iter().any(|name| name == "none" || name == "HS256"), "{algorithms:?}");
}

fn scripts_of_other_origins_may_send_proofs(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let preflight = Request::new("OPTIONS", app.endpoint("token"))
        .header("Origin", "https://spa.example.com")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "dpop,content-type");
    let allowed = app.send(&preflight).expect(204);
    assert_eq!(allowed.header("access-control-allow-headers"), Some("dpop,content-type"), "{allowed:#}");
    let request = key.with_proof(app, as_client(app, "token", "machine", &CREDENTIALS));
    let answer = app.send(&request.header("Origin", "https://spa.example.com")).expect(200);
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("DPoP-Nonce"), "{answer:#}");
}

fn a_path_of_the_issuer_is_part_of_the_url(context: &Context) {
    let (app, key) = (context.https(), ProofKey::new());
    let request =
        || Request::form(app.endpoint("token"), &CREDENTIALS).basic("machine", &seed::secret("machine"));
    let (token, _) = bound_tokens(&app.send(&key.with_proof(app, request())));
    // The proxy in front may strip the path of the issuer or not.
    for url in [format!("{}/whoami", app.issuer), "https://id.example.com/whoami".to_owned()] {
        let proof = key.proof("GET", &url, Some(&token));
        app.send(&shown(Request::get("/whoami"), &token).header("DPoP", proof)).expect(200);
    }
    let local = format!("http://{}/whoami", app.client.address);
    let proof = key.proof("GET", &local, Some(&token));
    is_refused(
        &app.send(&shown(Request::get("/whoami"), &token).header("DPoP", proof)),
        "invalid_dpop_proof",
    );
}
