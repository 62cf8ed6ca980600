//! Pushed authorization requests (RFC 9126).

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::case::{User, at_once};
use gridauth_conformance::oauth::{CodeRequest, Redirect, Tokens, as_client, whoami};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, Response, cases, record, seed};
use serde_json::{Value, json};

cases! {
    "RFC 9126 2" => a_pushed_request_leads_to_a_code,
    "RFC 9126 2.1" => a_client_authenticates_as_at_the_token_endpoint,
    "RFC 9126 2.1" => a_push_is_checked_as_a_request_is,
    "RFC 9126 2.3" => bad_pushes_are_refused,
    "RFC 9126 4" => a_request_is_used_once_and_looked_at_often,
    "RFC 9126 7.3" => a_reference_of_another_client_or_of_nobody_is_refused,
    "RFC 9126 4" => what_is_beside_the_reference_does_not_count,
    "RFC 9126 6" => a_client_may_demand_that_its_requests_are_pushed,
    "RFC 9126 5" => the_metadata_names_the_endpoint,
    "DEMO_APP.md, Policies" => scripts_of_every_origin_may_push,
    "RFC 9126 7.3" => one_of_64_decisions_counts,
    "DEMO_APP.md, Policies" => pushes_are_limited_per_source,
    "DESIGN.md, Storage" => a_request_is_used_once_by_two_processes,
}

#[track_caller]
fn push(app: &Demo, client: &str, parameters: &[(&str, &str)]) -> Response {
    app.send(&as_client(app, "par", client, parameters))
}

/// The parameters of a request without the client, which `as_client` adds where it does not authenticate by a header.
fn parameters(request: &CodeRequest) -> Vec<(&str, &str)> {
    let mut pairs = request.pairs();
    if seed::client(&request.client_id).auth != seed::Auth::Basic {
        pairs.retain(|(name, _)| *name != "client_id");
    }
    pairs
}

/// The reference of a request.
#[track_caller]
fn pushed(app: &Demo, request: &CodeRequest) -> String {
    push(app, &request.client_id, &parameters(request)).expect(201).member("request_uri")
}

/// What a browser brings.
fn visit<'a>(client: &'a str, reference: &'a str) -> [(&'a str, &'a str); 2] {
    [("client_id", client), ("request_uri", reference)]
}

/// Nobody but the user is told.
#[track_caller]
fn is_refused(page: &Response) {
    assert_eq!(page.status, 400, "{page:#}");
    assert_eq!(page.header("location"), None, "{page:#}");
    assert!(page.text().contains("request_uri"), "{page:#}");
}

fn a_pushed_request_leads_to_a_code(context: &Context) {
    for app in [context.app(), context.https()] {
        let user = context.user_at(app);
        for (client, redirect_uri) in [
            ("web", seed::WEB_CB),
            ("poster", "https://poster.example.com/cb"),
            ("spa-refresh", "https://spa.example.com/cb"),
        ] {
            let request = CodeRequest::new(client, redirect_uri).with("state", "s&t");
            let answer = push(app, client, &parameters(&request)).expect(201);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:#}");
            let expires_in = answer.json()["expires_in"].as_u64().unwrap();
            assert!((5..=600).contains(&expires_in), "{expires_in}");
            let reference = answer.member("request_uri");
            assert!(reference.starts_with("urn:ietf:params:oauth:request_uri:"), "{reference}");
            let back = Redirect::of(&Browser::new(app).go_through(&visit(client, &reference), &user));
            assert_eq!((&*back.uri, back.get("state")), (redirect_uri, Some("s&t")));
            assert_eq!(back.get("iss"), Some(&*app.issuer));
            let tokens = Tokens::of(&request.redeem(app, back.get("code").unwrap()));
            assert_eq!(tokens.scope, "notes.read");
            assert_eq!(whoami(app, &tokens.access), 200);
        }
    }
}

fn a_client_authenticates_as_at_the_token_endpoint(context: &Context) {
    let app = context.app();
    let request = CodeRequest::web();
    let form = request.pairs();
    let path = app.endpoint("par");
    app.send(&Request::form(&path, &form)).expect_error(401, "invalid_client");
    let wrong = app.send(&Request::form(&path, &form).basic("web", "wrong"));
    assert!(wrong.header("www-authenticate").is_some(), "{wrong:#}");
    wrong.expect_error(401, "invalid_client");
    app.send(&Request::form(&path, &form).basic("web", "wrong")).expect_error(401, "invalid_client");
    let other = as_client(app, "par", "other", &form);
    app.send(&other).expect_error(400, "invalid_request");
    // By another method than the registered one, and by two.
    let secret = seed::secret("web");
    let posted = [&form[..], &[("client_secret", &secret)]].concat();
    app.send(&Request::form(&path, &posted)).expect_error(401, "invalid_client");
    app.send(&Request::form(&path, &posted).basic("web", &secret)).expect_error(400, "invalid_request");
    let unknown = request.clone().with("client_id", "nobody");
    app.send(&Request::form(&path, &unknown.pairs())).expect_error(401, "invalid_client");
}

fn a_push_is_checked_as_a_request_is(context: &Context) {
    let app = context.app();
    for (name, value, error) in [
        ("redirect_uri", "https://evil.example.com/cb", "invalid_request"),
        ("redirect_uri", "https://client.example.com/cb/", "invalid_request"),
        ("response_type", "", "invalid_request"),
        ("response_type", "magic", "unsupported_response_type"),
        ("response_type", "token", "unauthorized_client"),
        ("response_mode", "magic", "invalid_request"),
        ("scope", "all", "invalid_scope"),
        ("scope", "notes.read \"", "invalid_scope"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("prompt", "none login", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("id_token_hint", "x", "invalid_request"),
        ("request", "x", "invalid_request_object"),
        ("registration", "{}", "registration_not_supported"),
        ("request_uri", "https://c.example/r", "invalid_request"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request"),
    ] {
        let request = CodeRequest::web().with(name, value);
        push(app, "web", &request.pairs()).expect_error(400, error);
    }
    // PKCE is demanded of public clients.
    let request = CodeRequest::new("spa", "http://127.0.0.1:8000/cb").without("code_challenge");
    push(app, "spa", &parameters(&request.without("code_challenge_method")))
        .expect_error(400, "invalid_request");
}

fn bad_pushes_are_refused(context: &Context) {
    let app = context.app();
    let path = app.endpoint("par");
    let secret = seed::secret("web");
    for method in ["GET", "PUT", "DELETE"] {
        app.send(&Request::new(method, &path)).expect(405);
    }
    for (body, status) in [
        (&b""[..], 400),
        (b"client_id=web&client_id=web", 400),
        (b"response_type=code&scope=notes.read&scope=notes.read", 400),
        (b"response_type=%", 400),
        (b"response_type=%ff", 400),
        (b"state=%00", 400),
    ] {
        let request = Request::raw_form(&path, body).basic("web", &secret);
        let answer = app.send(&request);
        assert_eq!(answer.status, status, "{answer:#}");
        assert_eq!(answer.json()["error"], "invalid_request");
    }
    app.send(&Request::json(&path, &json!({})).basic("web", &secret)).expect_error(400, "invalid_request");
    app.send(&Request::multipart(&path, &CodeRequest::web().pairs()).basic("web", &secret))
        .expect_error(400, "invalid_request");
    let long = "x".repeat(20_000);
    push(app, "web", &CodeRequest::web().with("state", &long).pairs()).expect_error(400, "invalid_request");
    let huge = "x".repeat(70_000);
    let answer =
        app.send(&as_client(app, "par", "web", &CodeRequest::web().with("state", &huge).pairs()).may_fail());
    assert_eq!(answer.status, 413, "{answer:#}");
    let many: Vec<(String, &str)> = (0..200).map(|number| (number.to_string(), "x")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    push(app, "web", &many).expect_error(400, "invalid_request");
}

fn a_request_is_used_once_and_looked_at_often(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let reference = pushed(app, &request);
    let mut browser = Browser::new(app);
    for _ in 0..3 {
        assert!(is_sign_in(&browser.authorize(&visit("web", &reference))));
        assert!(is_sign_in(&Browser::new(app).authorize(&visit("web", &reference))));
    }
    let page = browser.authorize(&visit("web", &reference));
    let page = browser.sign_in(&page, &user);
    // A page loaded twice.
    assert!(is_consent(&browser.authorize(&visit("web", &reference))));
    let back = Redirect::of(&browser.allow(&page));
    Tokens::of(&request.redeem(app, back.get("code").unwrap()));
    is_refused(&browser.authorize(&visit("web", &reference)));
    is_refused(&browser.allow(&page));
    is_refused(&Browser::new(app).authorize(&visit("web", &reference)));
    // A refusal uses it up, too.
    let wider = CodeRequest::web().with("scope", "notes.read notes.write");
    let reference = pushed(app, &wider);
    let page = browser.authorize(&visit("web", &reference));
    Redirect::of(&browser.deny(&page)).expect_error("access_denied");
    is_refused(&browser.authorize(&visit("web", &reference)));
}

fn a_reference_of_another_client_or_of_nobody_is_refused(context: &Context) {
    let app = context.app();
    let reference = pushed(app, &CodeRequest::web());
    // It has the same redirect URI.
    let mut texts = Vec::new();
    let prefix = "urn:ietf:params:oauth:request_uri:";
    for (client, reference) in [
        ("other", reference.clone()),
        ("spa-refresh", reference.clone()),
        ("web", format!("{reference}A")),
        ("web", reference[..reference.len() - 1].to_owned()),
        ("web", prefix.to_owned()),
        ("web", format!("{prefix}{}", "x".repeat(43))),
        ("web", format!("{prefix}{}", "x".repeat(3000))),
        ("web", format!("{prefix}\u{e9}\u{1f600}")),
    ] {
        let page = Browser::new(app).authorize(&visit(client, &reference));
        is_refused(&page);
        texts.push(page.text().to_owned());
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "a refusal tells why");
    let page = app.get(&format!("/oauth/authorize?request_uri={reference}"));
    assert_eq!(page.status, 400, "{page:#}");
    let twice = [("client_id", "web"), ("request_uri", &*reference), ("request_uri", &*reference)];
    assert_eq!(Browser::new(app).authorize(&twice).status, 400);
    let both = [("client_id", "web"), ("request_uri", &*reference), ("request", "a.b.c")];
    assert_eq!(Browser::new(app).authorize(&both).status, 400);
    // It is still good.
    assert!(is_sign_in(&Browser::new(app).authorize(&visit("web", &reference))));
}

fn what_is_beside_the_reference_does_not_count(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().with("state", "inside");
    let reference = pushed(app, &request);
    let beside = [
        ("scope", "notes.read notes.write"),
        ("state", "beside"),
        ("redirect_uri", "https://evil.example.com/cb"),
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("code_challenge", "beside"),
    ];
    let all = [&visit("web", &reference)[..], &beside].concat();
    let back = Redirect::of(&Browser::new(app).go_through(&all, &user));
    assert_eq!((&*back.uri, back.get("state")), (seed::WEB_CB, Some("inside")));
    assert_eq!(Tokens::of(&request.redeem(app, back.get("code").unwrap())).scope, "notes.read");
}

/// A seed with a client that has to push its requests.
fn pushing() -> Value {
    let mut seed = seed::of(&["web", "other"]);
    seed["clients"][0]["require_pushed_authorization_requests"] = json!(true);
    seed
}

fn a_client_may_demand_that_its_requests_are_pushed(context: &Context) {
    let app = &context.start(&Options::new("must push").seed(&pushing()));
    let user = context.user_at(app);
    let request = CodeRequest::web().with("state", "s&t");
    let back = request.refused(app, "invalid_request");
    assert_eq!(back.get("state"), Some("s&t"));
    let posted = Request::form(app.endpoint("authorize"), &request.pairs());
    Redirect::of(&app.send(&posted)).expect_error("invalid_request");
    let reference = pushed(app, &request);
    let back = Redirect::of(&Browser::new(app).go_through(&visit("web", &reference), &user));
    Tokens::of(&request.redeem(app, back.get("code").unwrap()));
    // Another client need not.
    CodeRequest::new("other", seed::WEB_CB).code(app, &user);
}

fn the_metadata_names_the_endpoint(context: &Context) {
    for app in [context.app(), context.https()] {
        let metadata = app.get(&format!("/.well-known/oauth-authorization-server{}", app.base)).json();
        let endpoint = format!("{}/oauth/par", app.issuer);
        assert_eq!(metadata["pushed_authorization_request_endpoint"], endpoint);
        assert_eq!(metadata["require_pushed_authorization_requests"], false);
    }
}

fn scripts_of_every_origin_may_push(context: &Context) {
    let app = context.app();
    let path = app.endpoint("par");
    let preflight = Request::new("OPTIONS", &path)
        .header("Origin", "https://spa.example.com")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "content-type");
    let answer = app.send(&preflight).expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:#}");
    let request = CodeRequest::new("spa-refresh", "https://spa.example.com/cb");
    for (parameters, status) in [(request.pairs(), 201), (vec![("client_id", "spa-refresh")], 400)] {
        let push = Request::form(&path, &parameters).header("Origin", "https://spa.example.com");
        let answer = app.send(&push).expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:#}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:#}");
    }
}

/// A user who has been asked for consent, in a browser of their own at each process.
fn asked<'a>(apps: &[&'a Demo], user: &User, reference: &str) -> Vec<(Browser<'a>, Response)> {
    let ask = |app: &&'a Demo| {
        let mut browser = Browser::new(app);
        let page = browser.authorize(&visit("web", reference));
        let page = browser.sign_in(&page, user);
        assert!(is_consent(&page), "{page:#}");
        (browser, page)
    };
    apps.iter().map(ask).collect()
}

/// Everybody allows at once. Returns the code, which only one of them gets.
#[track_caller]
fn race(asked: &[(Browser<'_>, Response)], times: usize) -> String {
    let answers = at_once(times, |number| {
        let (browser, page) = &asked[number % asked.len()];
        Browser { app: browser.app, cookies: browser.cookies.clone() }.allow(page)
    });
    let mut codes = Vec::new();
    for answer in answers {
        if answer.status == 303 {
            let back = Redirect::of(&answer);
            match back.get("code") {
                Some(code) => codes.push(code.to_owned()),
                None => assert_eq!(back.get("error"), Some("invalid_request_uri"), "{back:?}"),
            }
        } else {
            is_refused(&answer);
        }
    }
    assert_eq!(codes.len(), 1, "decisions that counted");
    codes.remove(0)
}

fn one_of_64_decisions_counts(context: &Context) {
    record::stop();
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let asked = asked(&[app], &user, &pushed(app, &request));
    let code = race(&asked, 64);
    Tokens::of(&request.redeem(app, &code));
}

fn pushes_are_limited_per_source(context: &Context) {
    record::stop();
    let options =
        Options::new("limited pushes").env("GRIDAUTH_TRUSTED_PROXIES", "127.0.0.1").env("RUST_LOG", "info");
    let app = &context.start(&options);
    let request = CodeRequest::new("spa-refresh", "https://spa.example.com/cb");
    let push = |from: &str| {
        let push = Request::form(app.endpoint("par"), &request.pairs());
        app.send(&push.header("X-Forwarded-For", from))
    };
    let refused = (0..1_100).map(|_| push("192.0.2.7")).find(|answer| answer.status != 201);
    let refused = refused.expect("a limit");
    assert_eq!(refused.status, 429, "{refused:#}");
    assert!(refused.header("retry-after").is_some(), "{refused:#}");
    push("192.0.2.8").expect(201);
}

fn a_request_is_used_once_by_two_processes(context: &Context) {
    if !context.combination.store.shared {
        return;
    }
    record::stop();
    let deployment = context.deployment();
    let secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let start = |label: &str| {
        Demo::start(
            &deployment,
            &Options::new(label)
                .env("GRIDAUTH_SECRET", secret)
                .env("GRIDAUTH_ISSUER", "https://id.example.com"),
        )
    };
    let apps = [&start("first of two"), &start("second of two")];
    let user = context.user_at(apps[0]);
    let request = CodeRequest::web();
    let reference = pushed(apps[0], &request);
    let asked = asked(&apps, &user, &reference);
    let code = race(&asked, 16);
    Tokens::of(&request.redeem(apps[1], &code));
}
