//! Request objects: authorization requests that the client has signed (RFC 9101, OpenID Connect Core section 6).

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::Response;
use gridauth::engine::{PushedRequests, SignedRequests};
use gridauth::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Reach};
use gridauth::jose::{Algorithm, KeySet, PrivateKey};
use gridauth::model::ClientBuilder;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::provider::*;
use crate::support::*;

/// Knows what is at each URL, and counts who asks.
#[derive(Clone, Default)]
struct Host {
    at: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    asked: Arc<AtomicUsize>,
    reaches: Arc<Mutex<Vec<Reach>>>,
}

impl Host {
    fn has(&self, url: &str, body: impl Into<Vec<u8>>) {
        self.at.lock().unwrap().insert(url.to_owned(), body.into());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[gridauth::async_trait]
impl Fetch for Host {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.reaches.lock().unwrap().push(request.reach());
        let mut url = request.url().clone();
        url.set_fragment(None);
        let body = self.at.lock().unwrap().get(url.as_str()).cloned();
        let status = if body.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        let body = body.unwrap_or_default();
        if body.len() > request.max_body() {
            return Err(FetchError::TooLarge);
        }
        Ok(FetchResponse::new(status, &HeaderMap::new(), body.into()))
    }
}

/// A provider whose client `web` has a key.
struct Setup {
    server: Server,
    key: PrivateKey,
    host: Host,
}

async fn setup() -> Setup {
    setup_with(|web| web).await
}

async fn setup_with(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Setup {
    let (host, key) = (Host::default(), PrivateKey::generate(Algorithm::Es256).unwrap());
    let fetch = host.clone();
    let server = provider_with(|builder| {
        let builder = builder.signed_requests(SignedRequests::new()).pushed_requests(PushedRequests::new());
        builder.signed_responses().fetch(fetch)
    })
    .await;
    put_web(&server, |web| change(web.metadata("jwks", jwks(&[&key])))).await;
    Setup { server, key, host }
}

fn jwks(keys: &[&PrivateKey]) -> Value {
    KeySet::new(keys.iter().map(|key| key.public().clone())).to_jwks()
}

impl Setup {
    /// The claims of a good request object.
    fn claims(&self) -> Value {
        let uri = request("code", &[("state", "inside")]);
        let query = uri.split_once('?').unwrap().1;
        let mut claims = json!({ "iss": "web", "aud": ISSUER, "exp": self.now() + 300 });
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            claims[&*name] = json!(value);
        }
        claims
    }

    fn now(&self) -> i64 {
        self.server.auth.clock().now().as_secs()
    }

    fn sign(&self, claims: &Value) -> String {
        gridauth::jose::sign(&self.key, "oauth-authz-req+jwt", claims).unwrap()
    }

    /// The claims with changes; `null` removes one.
    fn changed(&self, changes: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        claims
    }

    async fn open(&self, object: &str) -> Response {
        self.server.get(&uri(&[("request", object)]), None).await
    }
}

/// A request with nothing but the client and these parameters.
fn uri(more: &[(&str, &str)]) -> String {
    let pairs = [("client_id", "web")].into_iter().chain(more.iter().copied());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth/authorize?{query}")
}

fn compact(header: &Value, claims: &str, key: Option<&PrivateKey>) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.map(|key| URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()).unwrap()));
    format!("{input}.{}", signature.unwrap_or_default())
}

#[tokio::test]
async fn a_signed_request_leads_to_a_code() {
    let setup = setup().await;
    let object = setup.sign(&setup.claims());
    let browser = setup.server.sign_in(&uri(&[("request", &object)])).await;
    assert_eq!(location_parameter(&browser.page, "state").as_deref(), Some("inside"));
    let code = location_parameter(&browser.page, "code").unwrap();
    let (status, tokens) = setup.server.token(&redeem(&code)).await;
    assert_eq!(status, 200, "{tokens}");
    // The application's parameters as JSON.
    let claims = setup.changed(&json!({
        "max_age": 300, "claims": { "id_token": { "acr": { "essential": true, "value": "1" } } }, "prompt": "none",
    }));
    let back = setup.server.get(&uri(&[("request", &setup.sign(&claims))]), Some(&browser.cookie)).await;
    assert!(location_parameter(&back, "code").is_some(), "{}", location(&back));
    // Plain requests stay possible.
    let back = setup.server.get(&request("code", &[]), Some(&browser.cookie)).await;
    assert!(location_parameter(&back, "code").is_some());
}

/// RFC 9101 section 6.3: what is beside the object does not count, even if the object lacks it.
#[tokio::test]
async fn only_what_is_inside_counts() {
    let setup = setup().await;
    let object = setup.sign(&setup.claims());
    for (name, value) in [
        ("state", "beside"),
        ("scope", "openid notes.write"),
        ("redirect_uri", "https://evil.example.com/cb"),
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("nonce", "beside"),
        ("code_challenge", "beside"),
        ("prompt", "none"),
        ("max_age", "soon"),
        ("registration", "{}"),
    ] {
        let browser = setup.server.sign_in(&uri(&[("request", &object), (name, value)])).await;
        let back = location(&browser.page);
        assert!(back.starts_with(&format!("{REDIRECT}?")) && back.contains("state=inside"), "{name}: {back}");
        let (_, tokens) =
            setup.server.token(&redeem(&location_parameter(&browser.page, "code").unwrap())).await;
        assert_eq!(tokens["scope"], "openid notes.read", "{name}");
    }
    for (missing, error) in
        [("response_type", "invalid_request"), ("code_challenge_method", "invalid_request")]
    {
        let object = setup.sign(&setup.changed(&json!({ missing: null })));
        let beside = [("request", &*object), ("response_type", "code"), ("code_challenge_method", "S256")];
        assert_eq!(error_of(&setup.server.get(&uri(&beside), None).await), error, "{missing}");
    }
    let missing = setup.sign(&setup.changed(&json!({ "redirect_uri": null, "scope": "admin" })));
    let back = setup.open(&missing).await;
    assert_eq!(
        (error_of(&back), location_parameter(&back, "state")),
        ("invalid_scope".into(), Some("inside".into()))
    );
    let evil = setup.sign(&setup.changed(&json!({ "redirect_uri": "https://evil.example.com/cb" })));
    assert_eq!(setup.open(&evil).await.status(), 400);
}

#[tokio::test]
async fn an_object_that_cannot_be_believed_is_refused() {
    let setup = setup().await;
    let (now, other) = (setup.now(), PrivateKey::generate(Algorithm::Es256).unwrap());
    let changes = [
        json!({ "client_id": "spa" }),
        json!({ "client_id": null, "iss": null }),
        json!({ "client_id": ["web"] }),
        json!({ "iss": "spa" }),
        json!({ "iss": ISSUER }),
        json!({ "iss": 7 }),
        json!({ "aud": "https://other.example.com" }),
        json!({ "aud": format!("{ISSUER}/") }),
        json!({ "aud": [] }),
        json!({ "aud": { "iss": ISSUER } }),
        json!({ "exp": now }),
        json!({ "exp": now - 1 }),
        json!({ "exp": "tomorrow" }),
        json!({ "exp": [now + 300] }),
        json!({ "nbf": now + 61 }),
        json!({ "nbf": "now" }),
        json!({ "iat": now + 61 }),
        json!({ "request": "a.b.c" }),
        json!({ "request_uri": "https://client.example.com/r" }),
        json!({ "request_uri": "urn:ietf:params:oauth:request_uri:x" }),
        json!({ "state": "a\u{0}b" }),
    ];
    let mut objects: Vec<String> = changes.iter().map(|change| setup.sign(&setup.changed(change))).collect();
    let claims = setup.claims().to_string();
    let es256 = json!({ "alg": "ES256" });
    let with = |header: Value| compact(&header, &claims, Some(&setup.key));
    objects.extend([
        String::from("x"),
        "a.b.c".to_owned(),
        "..".to_owned(),
        "x".repeat(9_000),
        compact(&es256, &claims, Some(&other)),
        compact(&es256, &claims, None),
        compact(&json!({ "alg": "none" }), &claims, None),
        compact(&json!({ "alg": "None" }), &claims, None),
        compact(&json!({ "alg": "none" }), &claims, Some(&setup.key)),
        with(json!({ "alg": "HS256" })),
        with(json!({ "alg": "RS256" })),
        with(json!({ "alg": "ES256", "kid": "another" })),
        with(json!({ "alg": "ES256", "typ": "client-authentication+jwt" })),
        with(json!({ "alg": "ES256", "typ": "logout+jwt" })),
        with(json!({ "alg": "ES256", "crit": ["exp"] })),
        with(json!({ "alg": "ES256", "jwk": other.public().to_jwk() })),
        with(json!({ "alg": "ES256", "jku": "https://evil.example.com/jwks" })),
        compact(&es256, "[]", Some(&setup.key)),
        compact(&es256, "null", Some(&setup.key)),
        compact(&es256, r#"{"client_id":"web","client_id":"web"}"#, Some(&setup.key)),
        compact(&es256, &format!("{}1{}", "[".repeat(4000), "]".repeat(4000)), Some(&setup.key)),
        compact(
            &es256,
            &format!(r#"{{"client_id":"web","claims":{}1{}}}"#, "[".repeat(200), "]".repeat(200)),
            Some(&setup.key),
        ),
        // An encrypted one.
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA".to_owned(),
    ]);
    for object in &objects {
        let back = setup.open(object).await;
        assert_eq!(error_of(&back), "invalid_request_object", "{object:.80}");
        // Nothing inside is believed.
        assert_eq!(location_parameter(&back, "state"), None);
        // A push tells the client itself.
        let push = [("request", object.as_str()), ("client_id", "web")];
        let answered =
            setup.server.post("/oauth/par", &[("authorization", &basic("web", "web-secret"))], &push).await;
        let (status, said) = answer(answered);
        assert_eq!((status, said["error"].as_str()), (400, Some("invalid_request_object")), "{object:.80}");
    }
    // Where the parameters beside it say, if the client has registered that.
    let beside =
        [("request", "x"), ("state", "beside"), ("response_mode", "form_post"), ("redirect_uri", REDIRECT)];
    let told = parameters(&setup.server.get(&uri(&beside), None).await);
    assert_eq!((&*told["error"], &*told["state"]), ("invalid_request_object", "beside"));
    let evil = [("request", "x"), ("redirect_uri", "https://evil.example.com/cb")];
    assert_eq!(setup.server.get(&uri(&evil), None).await.status(), 400);
}

/// Every kind of key that a client may have, and the one algorithm that a client holds itself to.
#[tokio::test]
async fn the_key_decides_the_algorithm() {
    let setup = setup().await;
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm).unwrap();
        for only in [None, Some(algorithm.name()), Some("another")] {
            put_web(&setup.server, |web| {
                let web = web.metadata("jwks", jwks(&[&key]));
                only.map_or(web.clone(), |only| web.metadata("request_object_signing_alg", json!(only)))
            })
            .await;
            let object = gridauth::jose::sign(&key, "JWT", &setup.claims()).unwrap();
            let page = setup.open(&object).await;
            match only {
                Some("another") => assert_eq!(error_of(&page), "invalid_request_object", "{algorithm}"),
                _ => assert_eq!(page.status(), 200, "{algorithm} {only:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_client_without_keys_cannot_sign_and_one_whose_keys_cannot_be_had_waits() {
    let setup = setup().await;
    put_web(&setup.server, |web| web).await;
    let object = setup.sign(&setup.claims());
    assert_eq!(error_of(&setup.open(&object).await), "invalid_request_object");
    let url = "https://client.example.com/jwks";
    put_web(&setup.server, |web| web.metadata("jwks_uri", json!(url))).await;
    assert_eq!(error_of(&setup.open(&object).await), "temporarily_unavailable");
    setup.host.has(url, jwks(&[&setup.key]).to_string());
    setup.server.advance(11);
    assert_eq!(setup.open(&object).await.status(), 200);
}

/// The pages carry the object, and their forms come back after it has expired.
#[tokio::test]
async fn an_object_may_expire_while_the_user_signs_in() {
    let setup = setup_with(|web| web.first_party(false)).await;
    let object = setup.sign(&setup.changed(&json!({ "exp": setup.now() + 60 })));
    let link = uri(&[("request", &object)]);
    let page = setup.server.get(&link, None).await;
    setup.server.advance(600);
    assert_eq!(error_of(&setup.server.get(&link, None).await), "invalid_request_object");
    let form = cookie(&page).unwrap();
    let consent = setup.server.submit_sign_in(&page, &form, "israel", "imru").await;
    assert_eq!(consent.status(), 200, "{}", text(&consent));
    let browser = Browser { cookie: format!("{form}; {}", cookie(&consent).unwrap()), page: consent };
    let back = browser.allow(&setup.server).await;
    assert!(location_parameter(&back, "code").is_some(), "{}", location(&back));
    // But not for ever.
    setup.server.advance(1300);
    assert_eq!(error_of(&browser.allow(&setup.server).await), "invalid_request_object");
}

#[tokio::test]
async fn an_object_may_be_pushed() {
    let setup = setup().await;
    let object = setup.sign(&setup.changed(&json!({ "exp": setup.now() + 10 })));
    let push = async |more: &[(&str, &str)]| {
        let form: Vec<(&str, &str)> = [("request", object.as_str()), ("client_id", "web")]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        answer(
            setup.server.post("/oauth/par", &[("authorization", &basic("web", "web-secret"))], &form).await,
        )
    };
    let (status, said) =
        push(&[("state", "beside"), ("scope", "admin"), ("redirect_uri", "https://evil.example.com")]).await;
    assert_eq!(status, 201, "{said}");
    // It has been checked, so it need not last.
    setup.server.advance(30);
    let link = uri(&[("request_uri", &string(&said, "request_uri"))]);
    let browser = setup.server.sign_in(&link).await;
    assert_eq!(location_parameter(&browser.page, "state").as_deref(), Some("inside"));
    assert_eq!(push(&[("request_uri", "https://client.example.com/r")]).await.1["error"], "invalid_request");
}

/// What the client demands holds for what is sent, pushed, and carried by a page that was shown before.
#[tokio::test]
async fn a_client_may_demand_that_its_requests_are_signed() {
    let setup = setup().await;
    let plain = request("code", &[]);
    let shown = setup.server.get(&plain, None).await;
    let key = jwks(&[&setup.key]);
    put_web(&setup.server, |web| {
        web.metadata("jwks", key).metadata("require_signed_request_object", json!(true))
    })
    .await;
    let back = setup.server.get(&plain, None).await;
    assert_eq!(
        (error_of(&back), location_parameter(&back, "state")),
        ("invalid_request".into(), Some("xyz".into()))
    );
    let form = cookie(&shown).unwrap();
    assert_eq!(
        error_of(&setup.server.submit_sign_in(&shown, &form, "israel", "imru").await),
        "invalid_request"
    );
    let query = plain.split_once('?').unwrap().1.to_owned();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    let credentials = basic("web", "web-secret");
    let pushed = setup.server.post("/oauth/par", &[("authorization", &credentials)], &pairs).await;
    assert_eq!(answer(pushed).1["error"], "invalid_request");
    let object = setup.sign(&setup.claims());
    assert_eq!(setup.open(&object).await.status(), 200);
    let push = [("request", object.as_str()), ("client_id", "web")];
    let (status, said) =
        answer(setup.server.post("/oauth/par", &[("authorization", &credentials)], &push).await);
    assert_eq!(status, 201, "{said}");
    assert_eq!(
        setup.server.get(&uri(&[("request_uri", &string(&said, "request_uri"))]), None).await.status(),
        200
    );

    // A server that reads no request objects cannot do it.
    let without = provider().await;
    put_web(&without, |web| web.metadata("require_signed_request_object", json!(true))).await;
    assert_eq!(without.get(&plain, None).await.status(), 400);
    let strict = provider_with(|builder| builder.signed_requests(SignedRequests::new().required())).await;
    assert_eq!(error_of(&strict.get(&plain, None).await), "invalid_request");
}

/// OpenID Connect Core section 6.2.
#[tokio::test]
async fn an_object_may_be_at_a_url_that_the_client_has_registered() {
    const URL: &str = "https://client.example.com/requests/1";
    let setup = setup_with(|web| web.first_party(false).metadata("request_uris", json!([URL]))).await;
    let object = setup.sign(&setup.claims());
    let link = uri(&[("request_uri", URL)]);
    assert_eq!(error_of(&setup.server.get(&link, None).await), "invalid_request_uri");
    setup.host.has(URL, format!("{object}\n"));
    let asked = setup.host.asked();
    let browser = setup.server.sign_in(&link).await;
    let back = browser.allow(&setup.server).await;
    assert_eq!(location_parameter(&back, "state").as_deref(), Some("inside"));
    // The forms carry the object: it was fetched once.
    assert_eq!(setup.host.asked(), asked + 1);
    assert_eq!(*setup.host.reaches.lock().unwrap(), [Reach::Anywhere, Reach::Anywhere]);

    // With the hash of the object as its fragment.
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{object}\n")));
    let cookies = Some(&*browser.cookie);
    for (fragment, is_right) in
        [(hash, true), (URL_SAFE_NO_PAD.encode([0; 32]), false), ("v2".to_owned(), true)]
    {
        let link = uri(&[("request_uri", &format!("{URL}#{fragment}"))]);
        let back = setup.server.get(&link, cookies).await;
        match is_right {
            true => assert!(location_parameter(&back, "code").is_some(), "{fragment}"),
            false => assert_eq!(error_of(&back), "invalid_request_uri", "{fragment}"),
        }
    }
    // Nobody is asked for another URL.
    let asked = setup.host.asked();
    for other in [
        "https://client.example.com/requests/2",
        "https://client.example.com/requests/1?x",
        "https://client.example.com/requests/1/",
        "https://CLIENT.example.com/requests/1",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "x",
        "#",
    ] {
        assert_eq!(
            error_of(&setup.server.get(&uri(&[("request_uri", other)]), None).await),
            "invalid_request_uri",
            "{other}"
        );
    }
    let both = uri(&[("request_uri", URL), ("request", &object)]);
    assert_eq!(error_of(&setup.server.get(&both, None).await), "invalid_request");
    assert_eq!(setup.host.asked(), asked);
    // What is there is no request object, or too long.
    for bad in
        [String::new(), "{}".to_owned(), "x".repeat(20_000), compact(&json!({ "alg": "none" }), "{}", None)]
    {
        setup.host.has(URL, bad);
        let error = error_of(&setup.server.get(&link, None).await);
        assert!(["invalid_request_object", "invalid_request_uri"].contains(&&*error), "{error}");
    }
    // A client that registered itself.
    setup.host.has(URL, object);
    setup.host.reaches.lock().unwrap().clear();
    let key = jwks(&[&setup.key]);
    put_web(&setup.server, |web| {
        web.self_registered(true).metadata("jwks", key).metadata("request_uris", json!([URL]))
    })
    .await;
    assert_eq!(setup.server.get(&link, None).await.status(), 200);
    assert_eq!(*setup.host.reaches.lock().unwrap(), [Reach::Public]);
}

#[tokio::test]
async fn a_server_may_take_objects_by_value_only_or_not_at_all() {
    let by_value =
        provider_with(|builder| builder.signed_requests(SignedRequests::new().by_reference(false))).await;
    let reference = uri(&[("request_uri", "https://client.example.com/r")]);
    assert_eq!(error_of(&by_value.get(&reference, None).await), "request_uri_not_supported");
    let document = answer(by_value.get("/.well-known/openid-configuration", None).await).1;
    assert_eq!(document["request_parameter_supported"], true);
    assert_eq!(document["request_uri_parameter_supported"], false);
    assert_eq!(
        document["request_object_signing_alg_values_supported"],
        json!(["RS256", "PS256", "ES256", "EdDSA"])
    );
    assert_eq!(document["require_signed_request_object"], false);
    assert_eq!(document["require_request_uri_registration"], Value::Null);

    // Pushed ones alone.
    let pushed = provider_with(|builder| builder.pushed_requests(PushedRequests::new())).await;
    assert_eq!(error_of(&pushed.get(&reference, None).await), "request_uri_not_supported");
    assert_eq!(
        error_of(&pushed.get(&uri(&[("request", "x"), ("response_type", "code")]), None).await),
        "request_not_supported"
    );
}
