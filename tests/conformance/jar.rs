//! Request objects: authorization requests that the client has signed (RFC 9101, OpenID Connect Core section 6).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::env::{Clock, SystemClock};
use gridauth::jose::{Algorithm, KeySet, PrivateKey};
use gridauth_conformance::browser::is_sign_in;
use gridauth_conformance::oauth::{CodeRequest, Redirect, Tokens, as_client};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, Response, cases, record, seed};
use serde_json::{Value, json};

cases! {
    "RFC 9101 5" => a_signed_request_leads_to_a_code,
    "RFC 9101 6.3" => only_what_is_inside_counts,
    "RFC 9101 6.2" => an_object_that_cannot_be_believed_is_refused,
    "RFC 9101 10.5" => a_client_may_demand_that_its_requests_are_signed,
    "OpenID Connect Registration 2" => a_client_may_demand_an_algorithm,
    "RFC 9126 3" => an_object_may_be_pushed,
    "OpenID Connect Core 6.2" => an_object_may_be_at_a_registered_url,
    "RFC 9101 9.2" => the_metadata_says_what_is_read,
}

/// A demo whose clients `web` and `strict` have keys, and `plain` has none.
struct Setup {
    app: Demo,
    key: PrivateKey,
    rsa: PrivateKey,
    /// How often the URL in `request_uris` was asked.
    site: Site,
}

fn jwks(keys: &[&PrivateKey]) -> Value {
    KeySet::new(keys.iter().map(|key| key.public().clone())).to_jwks()
}

fn setup(context: &Context, label: &str) -> Setup {
    let key = PrivateKey::generate(Algorithm::Es256).unwrap();
    let rsa = PrivateKey::generate(Algorithm::Ps256).unwrap();
    let site = Site::open();
    let mut seed = seed::of(&["web", "other", "spa-refresh"]);
    seed["clients"][0]["jwks"] = jwks(&[&key, &rsa]);
    seed["clients"][0]["request_uris"] =
        json!([site.url("/object"), site.url("/missing"), site.url("/away")]);
    let mut strict = seed["clients"][0].clone();
    strict["client_id"] = json!("strict");
    strict["require_signed_request_object"] = json!(true);
    strict["request_object_signing_alg"] = json!("ES256");
    strict["client_secret"] = json!(seed::secret("web"));
    seed["clients"].as_array_mut().unwrap().push(strict);
    let app = context.start(&Options::new(label).seed(&seed));
    Setup { app, key, rsa, site }
}

fn now() -> i64 {
    SystemClock.now().as_secs()
}

impl Setup {
    /// The claims of a good object for this request.
    fn claims(&self, request: &CodeRequest) -> Value {
        let mut claims = json!({ "iss": request.client_id, "aud": self.app.issuer, "exp": now() + 300 });
        for (name, value) in request.pairs() {
            claims[name] = json!(value);
        }
        claims
    }

    fn sign(&self, claims: &Value) -> String {
        gridauth::jose::sign(&self.key, "oauth-authz-req+jwt", claims).unwrap()
    }

    fn open(&self, parameters: &[(&str, &str)]) -> Response {
        Browser::new(&self.app).authorize(parameters)
    }
}

fn by_value<'a>(client: &'a str, object: &'a str) -> [(&'a str, &'a str); 2] {
    [("client_id", client), ("request", object)]
}

fn compact(header: &Value, claims: &str, key: Option<&PrivateKey>) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.map(|key| URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()).unwrap()));
    format!("{input}.{}", signature.unwrap_or_default())
}

fn a_signed_request_leads_to_a_code(context: &Context) {
    let setup = &setup(context, "signed requests");
    let user = context.user_at(&setup.app);
    let request = CodeRequest::web().with("state", "s&t");
    for object in [
        setup.sign(&setup.claims(&request)),
        gridauth::jose::sign(&setup.rsa, "JWT", &setup.claims(&request)).unwrap(),
        compact(&json!({ "alg": "ES256" }), &setup.claims(&request).to_string(), Some(&setup.key)),
    ] {
        let mut browser = Browser::new(&setup.app);
        let back = Redirect::of(&browser.go_through(&by_value("web", &object), &user));
        assert_eq!((&*back.uri, back.get("state")), (seed::WEB_CB, Some("s&t")));
        assert_eq!(Tokens::of(&request.redeem(&setup.app, back.get("code").unwrap())).scope, "notes.read");
        // As a POST, too.
        let posted = Request::form(setup.app.endpoint("authorize"), &by_value("web", &object));
        assert_eq!(browser.send(posted).status, 303);
    }
    // Plain requests stay possible.
    request.code(&setup.app, &user);
}

fn only_what_is_inside_counts(context: &Context) {
    let setup = &setup(context, "differing requests");
    let user = context.user_at(&setup.app);
    let request = CodeRequest::web().with("state", "inside");
    let object = setup.sign(&setup.claims(&request));
    let beside = [
        ("scope", "notes.read notes.write"),
        ("state", "beside"),
        ("redirect_uri", "https://evil.example.com/cb"),
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("code_challenge", "beside"),
        ("prompt", "none"),
    ];
    let all = [&by_value("web", &object)[..], &beside].concat();
    let back = Redirect::of(&Browser::new(&setup.app).go_through(&all, &user));
    assert_eq!((&*back.uri, back.get("state")), (seed::WEB_CB, Some("inside")));
    assert_eq!(Tokens::of(&request.redeem(&setup.app, back.get("code").unwrap())).scope, "notes.read");
    // The client is the one outside.
    for client in ["other", "spa-refresh", "nobody"] {
        let page = setup.open(&by_value(client, &object));
        assert_ne!(page.status, 200, "{page:#}");
    }
    let page = setup.open(&[("request", &*object)]);
    assert_eq!(page.status, 400, "{page:#}");
    let twice = [("client_id", "web"), ("request", &*object), ("request", &*object)];
    assert_eq!(setup.open(&twice).status, 400);
    // A wrong request inside is refused, whatever is beside it.
    let evil =
        setup.sign(&setup.claims(&request.clone().with("redirect_uri", "https://evil.example.com/cb")));
    assert_eq!(
        setup.open(&[&by_value("web", &evil)[..], &[("redirect_uri", seed::WEB_CB)]].concat()).status,
        400
    );
    let lacking = setup.sign(&setup.claims(&request.without("response_type")));
    let all = [&by_value("web", &lacking)[..], &[("response_type", "code")]].concat();
    Redirect::of(&setup.open(&all)).expect_error("invalid_request");
}

fn an_object_that_cannot_be_believed_is_refused(context: &Context) {
    let setup = &setup(context, "bad request objects");
    let other = PrivateKey::generate(Algorithm::Es256).unwrap();
    let good = setup.claims(&CodeRequest::web());
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        setup.sign(&claims)
    };
    let issuer = &setup.app.issuer;
    let with = |header: Value| compact(&header, &good.to_string(), Some(&setup.key));
    let objects = [
        changed("client_id", json!("other")),
        changed("client_id", json!(7)),
        changed("iss", json!("other")),
        changed("iss", json!(issuer)),
        changed("aud", json!("https://other.example.com")),
        changed("aud", json!(format!("{issuer}/"))),
        changed("aud", json!([])),
        changed("exp", json!(now() - 1)),
        changed("exp", json!("soon")),
        changed("nbf", json!(now() + 300)),
        changed("iat", json!(now() + 300)),
        changed("request", json!("a.b.c")),
        changed("request_uri", json!("https://client.example.com/r")),
        changed("scope", json!(null)),
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "AAAA.AAAA.AAAA.AAAA.AAAA".to_owned(),
        "\u{e9}".to_owned(),
        compact(&json!({ "alg": "none" }), &good.to_string(), None),
        compact(&json!({ "alg": "none" }), &good.to_string(), Some(&setup.key)),
        compact(&json!({ "alg": "ES256" }), &good.to_string(), Some(&other)),
        compact(&json!({ "alg": "ES256" }), &good.to_string(), None),
        with(json!({ "alg": "RS256" })),
        with(json!({ "alg": "HS256" })),
        with(json!({ "alg": "ES256", "typ": "client-authentication+jwt" })),
        with(json!({ "alg": "ES256", "jwk": other.public().to_jwk() })),
        with(json!({ "alg": "ES256", "crit": ["exp"] })),
        compact(&json!({ "alg": "ES256" }), "[]", Some(&setup.key)),
    ];
    for object in &objects {
        let beside =
            [&by_value("web", object)[..], &[("redirect_uri", seed::WEB_CB), ("state", "beside")]].concat();
        let back = Redirect::of(&setup.open(&beside)).expect_error("invalid_request_object");
        assert_eq!(back.get("state"), Some("beside"));
        let evil =
            [&by_value("web", object)[..], &[("redirect_uri", "https://evil.example.com/cb")]].concat();
        assert_eq!(setup.open(&evil).status, 400, "{object:.60}");
        let push = as_client(&setup.app, "par", "web", &by_value("web", object));
        setup.app.send(&push).expect_error(400, "invalid_request_object");
    }
    // A client without keys.
    let claims = setup.claims(&CodeRequest::new("other", seed::WEB_CB));
    let object = setup.sign(&claims);
    Redirect::of(&setup.open(&by_value("other", &object))).expect_error("invalid_request_object");
}

fn a_client_may_demand_that_its_requests_are_signed(context: &Context) {
    let setup = &setup(context, "demanding clients");
    let user = context.user_at(&setup.app);
    let request = CodeRequest::new("strict", seed::WEB_CB).with("state", "s&t");
    let back = Redirect::of(&setup.open(&request.pairs())).expect_error("invalid_request");
    assert_eq!(back.get("state"), Some("s&t"));
    let secret = seed::secret("web");
    let push = |parameters: &[(&str, &str)]| {
        setup.app.send(&Request::form(setup.app.endpoint("par"), parameters).basic("strict", &secret))
    };
    push(&request.pairs()).expect_error(400, "invalid_request");
    let object = setup.sign(&setup.claims(&request));
    let back = Redirect::of(&Browser::new(&setup.app).go_through(&by_value("strict", &object), &user));
    assert!(back.get("code").is_some(), "{back:?}");
    let reference = push(&by_value("strict", &object)).expect(201).member("request_uri");
    let pushed = [("client_id", "strict"), ("request_uri", &*reference)];
    let back = Redirect::of(&Browser::new(&setup.app).go_through(&pushed, &user));
    assert!(back.get("code").is_some(), "{back:?}");
}

fn a_client_may_demand_an_algorithm(context: &Context) {
    let setup = &setup(context, "algorithms");
    let claims = setup.claims(&CodeRequest::new("strict", seed::WEB_CB));
    let by_rsa = gridauth::jose::sign(&setup.rsa, "JWT", &claims).unwrap();
    Redirect::of(&setup.open(&by_value("strict", &by_rsa))).expect_error("invalid_request_object");
    assert!(is_sign_in(&setup.open(&by_value("strict", &setup.sign(&claims)))));
}

fn an_object_may_be_pushed(context: &Context) {
    let setup = &setup(context, "pushed objects");
    let user = context.user_at(&setup.app);
    let request = CodeRequest::web().with("state", "inside");
    let object = setup.sign(&setup.claims(&request));
    let beside = [&by_value("web", &object)[..], &[("state", "beside"), ("scope", "all")]].concat();
    let push = as_client(&setup.app, "par", "web", &beside);
    let reference = setup.app.send(&push).expect(201).member("request_uri");
    let pushed = [("client_id", "web"), ("request_uri", &*reference)];
    let back = Redirect::of(&Browser::new(&setup.app).go_through(&pushed, &user));
    assert_eq!(back.get("state"), Some("inside"));
    Tokens::of(&request.redeem(&setup.app, back.get("code").unwrap()));
}

/// A host on loopback that serves one object.
#[derive(Clone)]
struct Site {
    address: String,
    object: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let site = Self { address, object: Arc::default(), asked: Arc::default() };
        let own = site.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut line = String::new();
                if BufReader::new(&stream).read_line(&mut line).is_err() {
                    continue;
                }
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = own.object.lock().unwrap().clone();
                let answer = match path.as_str() {
                    "/object" => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()),
                    "/away" => "HTTP/1.1 302 Found\r\nLocation: /object\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                    _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                };
                own.asked.lock().unwrap().push(path);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        site
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn an_object_may_be_at_a_registered_url(context: &Context) {
    // The port of the host differs on each framework.
    record::stop();
    let setup = &setup(context, "requests by reference");
    let user = context.user_at(&setup.app);
    let request = CodeRequest::web().with("state", "inside");
    *setup.site.object.lock().unwrap() = setup.sign(&setup.claims(&request));
    let url = setup.site.url("/object");
    let by_reference =
        |url: &str| setup.open(&[("client_id", "web"), ("request_uri", url), ("redirect_uri", seed::WEB_CB)]);
    let mut browser = Browser::new(&setup.app);
    let back = Redirect::of(&browser.go_through(&[("client_id", "web"), ("request_uri", &*url)], &user));
    assert_eq!(back.get("state"), Some("inside"));
    Tokens::of(&request.redeem(&setup.app, back.get("code").unwrap()));
    assert_eq!(setup.site.asked(), 1, "the forms carry the object");
    for path in ["/missing", "/away"] {
        Redirect::of(&by_reference(&setup.site.url(path))).expect_error("invalid_request_uri");
    }
    let asked = setup.site.asked();
    for other in [
        setup.site.url("/other"),
        setup.site.url("/object?x"),
        setup.site.url(""),
        "https://127.0.0.1:1/".to_owned(),
    ] {
        Redirect::of(&by_reference(&other)).expect_error("invalid_request_uri");
    }
    // A client that has registered none.
    let other = [("client_id", "other"), ("request_uri", &*url)];
    Redirect::of(&setup.open(&other)).expect_error("invalid_request_uri");
    assert_eq!(setup.site.asked(), asked, "any other is not fetched");
    *setup.site.object.lock().unwrap() = "x".repeat(20_000);
    Redirect::of(&by_reference(&url)).expect_error("invalid_request_uri");
    *setup.site.object.lock().unwrap() =
        compact(&json!({ "alg": "none" }), &setup.claims(&request).to_string(), None);
    Redirect::of(&by_reference(&url)).expect_error("invalid_request_object");
}

fn the_metadata_says_what_is_read(context: &Context) {
    for app in [context.app(), context.https()] {
        let metadata = app.get(&format!("/.well-known/oauth-authorization-server{}", app.base)).json();
        assert_eq!(metadata["request_parameter_supported"], true);
        assert_eq!(metadata["request_uri_parameter_supported"], true);
        assert_eq!(metadata["require_request_uri_registration"], true);
        assert_eq!(metadata["require_signed_request_object"], false);
        let algorithms = metadata["request_object_signing_alg_values_supported"].as_array().unwrap();
        assert!(
            algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")),
            "{algorithms:?}"
        );
    }
}
