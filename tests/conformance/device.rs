//! The device authorization grant (RFC 8628) and its page.

use std::time::Duration;

use gridauth_conformance::browser::{is_code_page, is_consent, is_sign_in};
use gridauth_conformance::case::{User, at_once};
use gridauth_conformance::html::Page;
use gridauth_conformance::oauth::{Tokens, as_client, is_valid, refresh, token};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, Response, cases};
use serde_json::Value;

cases! {
    "RFC 8628 3.1" => a_television_is_signed_in_with_a_code,
    "RFC 8628 3.2" => the_answer_has_both_codes_and_says_where_to_go,
    "RFC 8628 3.3.1" => the_link_with_the_code_asks_and_never_approves,
    "RFC 8628 6.1" => a_code_is_read_however_it_is_typed,
    "RFC 8628 5.4" => the_page_says_who_asks_from_where_for_what_and_warns,
    "DEMO_APP.md, Policies" => a_first_party_client_asks_too_and_nothing_is_remembered,
    "RFC 8628 3.5" => before_the_decision_the_device_waits_and_slows_down,
    "RFC 8628 3.5" => a_denial_is_told_to_the_device,
    "RFC 8628 3.5" => one_of_64_polls_gets_the_tokens,
    "RFC 8628 3.4" => a_device_code_is_bound_to_its_client,
    "RFC 8628 3.4" => a_device_code_that_is_none_is_refused,
    "RFC 8628 3.1" => bad_device_requests_are_refused,
    "DEMO_APP.md, Pages" => a_form_from_another_browser_decides_nothing,
    "DEMO_APP.md, Pages" => a_decision_without_csrf_token_decides_nothing,
    "DEMO_APP.md, Pages" => a_decision_is_made_once,
    "DEMO_APP.md, Policies" => a_session_that_is_ended_takes_its_devices_along,
    "OpenID Connect Core 3.1.3.3" => a_device_with_the_scope_openid_gets_an_id_token,
    "DEMO_APP.md, Policies" => twenty_wrong_codes_a_minute_from_one_source,
    "DEMO_APP.md, Policies" => twenty_wrong_codes_a_minute_of_one_person,
    "DEMO_APP.md, Policies" => device_starts_are_limited_by_their_forwarded_source_alone,
    "DEMO_APP.md, Policies" => scripts_may_start_and_never_see_the_page,
    "DESIGN.md, Storage" => another_process_knows_the_device,
}

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the server told a device.
struct Started {
    device_code: String,
    user_code: String,
    complete: String,
}

impl Started {
    #[track_caller]
    fn of(answer: &Response) -> Self {
        assert_eq!(answer.status, 200, "{answer:#}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let json = answer.json();
        let text =
            |member: &str| json[member].as_str().unwrap_or_else(|| panic!("no {member}: {json}")).to_owned();
        Self {
            device_code: text("device_code"),
            user_code: text("user_code"),
            complete: text("verification_uri_complete"),
        }
    }

    /// The link with the code, below the application's own address.
    fn link(&self, app: &Demo) -> String {
        let (_, query) = self.complete.split_once('?').unwrap();
        format!("{}?{query}", app.endpoint("device"))
    }
}

#[track_caller]
fn start(app: &Demo, client: &str) -> Started {
    Started::of(&app.send(&as_client(app, "device_authorization", client, &[("scope", "notes.read")])))
}

#[track_caller]
fn poll(app: &Demo, client: &str, device_code: &str) -> Response {
    token(app, client, &[("grant_type", DEVICE_CODE), ("device_code", device_code)])
}

/// Enters a code on the page, and signs in. Returns the question.
#[track_caller]
fn enter(browser: &mut Browser<'_>, user_code: &str, user: &User) -> Response {
    let path = browser.app.endpoint("device");
    let page = browser.get(&path).expect(200);
    assert!(is_code_page(&page), "{page:#}");
    let mut page = browser.submit(&page, &[("user_code", user_code)], None);
    if is_sign_in(&page) {
        page = browser.sign_in(&page, user);
    }
    assert!(is_consent(&page), "{page:#}");
    page
}

#[track_caller]
fn allow(app: &Demo, user_code: &str, user: &User) {
    let mut browser = Browser::new(app);
    let question = enter(&mut browser, user_code, user);
    let done = browser.allow(&question).expect(200);
    assert!(Page::read(done.text()).forms.is_empty(), "{done:#}");
}

fn a_television_is_signed_in_with_a_code(context: &Context) {
    for app in [context.app(), context.https()] {
        let user = context.user_at(app);
        let started = start(app, "tv");
        poll(app, "tv", &started.device_code).expect_error(400, "authorization_pending");
        allow(app, &started.user_code, &user);
        let tokens = Tokens::of(&poll(app, "tv", &started.device_code));
        assert_eq!(tokens.scope, "notes.read");
        assert!(is_valid(app, &tokens.access));
        let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
        assert_eq!(
            (&whoami["username"], &whoami["client_id"]),
            (&user.username.as_str().into(), &"tv".into())
        );
        let renewed = Tokens::of(&refresh(app, "tv", tokens.refresh()));
        assert!(is_valid(app, &renewed.access));
        // The code counts once, and its tokens live on.
        poll(app, "tv", &started.device_code).expect_error(400, "invalid_grant");
        assert!(is_valid(app, &renewed.access));
    }
}

fn the_answer_has_both_codes_and_says_where_to_go(context: &Context) {
    for app in [context.app(), context.https()] {
        let answer = app.send(&as_client(app, "device_authorization", "tv", &[])).expect(200);
        let json = answer.json();
        let page = format!("{}/oauth/device", app.issuer);
        assert_eq!(json["verification_uri"], page);
        let started = Started::of(&answer);
        assert_eq!(started.complete, format!("{page}?user_code={}", started.user_code));
        assert_eq!(json["interval"], 5);
        assert!(json["expires_in"].as_u64().is_some_and(|seconds| (60..=1800).contains(&seconds)), "{json}");
        let letters: Vec<char> = started.user_code.chars().filter(|c| *c != '-').collect();
        assert!(letters.len() == 8 && letters.iter().all(|c| "BCDFGHJKLMNPQRSTVWXZ".contains(*c)), "{json}");
    }
}

fn the_link_with_the_code_asks_and_never_approves(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    let mut browser = Browser::new(app);
    let page = browser.get(&started.link(app));
    assert!(is_sign_in(&page), "{page:#}");
    let page = browser.sign_in(&page, &user);
    assert!(is_consent(&page), "{page:#}");
    // Signed in by now.
    let page = browser.get(&started.link(app)).expect(200);
    assert!(is_consent(&page), "{page:#}");
    poll(app, "tv", &started.device_code).expect_error(400, "authorization_pending");
    // A link can carry no decision.
    let link = format!("{}&decision=allow", started.link(app));
    assert!(is_consent(&browser.get(&link).expect(200)));
    poll(app, "tv", &started.device_code).expect_error(400, "slow_down");
    browser.allow(&page).expect(200);
    Tokens::of(&poll(app, "tv", &started.device_code));
}

fn a_code_is_read_however_it_is_typed(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    let plain = started.user_code.replace('-', "");
    let mut browser = Browser::new(app);
    for typed in [
        started.user_code.clone(),
        started.user_code.to_lowercase(),
        plain.to_lowercase(),
        format!(" {} {} ", &plain[..4], &plain[4..]),
        plain.chars().flat_map(|c| [c, '-']).collect(),
    ] {
        let page = enter(&mut browser, &typed, &user);
        assert!(Page::read(page.text()).text.contains(&started.user_code), "{typed}: {page:#}");
    }
    for wrong in [&plain[..7], &format!("{plain}B"), &plain.replace(&plain[..1], "A")] {
        let page = browser.get(&app.endpoint("device"));
        let page = browser.submit(&page, &[("user_code", wrong)], None).expect(400);
        assert!(is_code_page(&page), "{page:#}");
    }
    let page = browser.get(&app.endpoint("device"));
    assert!(is_code_page(&browser.submit(&page, &[("user_code", "")], None).expect(400)));
}

fn the_page_says_who_asks_from_where_for_what_and_warns(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    let mut browser = Browser::new(app);
    let page = enter(&mut browser, &started.user_code, &user);
    let read = Page::read(page.text());
    for shown in [
        "Living room TV",
        "127.0.0.1",
        "Read your notes",
        "notes.read",
        &started.user_code,
        &user.username,
        "choose Deny",
    ] {
        assert!(read.text.contains(shown), "{shown:?} is not on the page: {}", read.text);
    }
    assert!(!read.text.contains("notes.write"), "{}", read.text);
    let buttons = [("decision".to_owned(), "allow".to_owned()), ("decision".to_owned(), "deny".to_owned())];
    assert_eq!(read.form().buttons, buttons);
    let german = browser.get(&format!("{}&ui_locales=de", started.link(app))).expect(200);
    assert!(Page::read(german.text()).text.contains("Dieses Gerät verbinden?"), "{german:#}");
}

fn a_first_party_client_asks_too_and_nothing_is_remembered(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    for _ in 0..2 {
        let started = start(app, "set-top-box");
        let question = enter(&mut browser, &started.user_code, &user);
        browser.allow(&question).expect(200);
        let tokens = Tokens::of(&poll(app, "set-top-box", &started.device_code));
        // It may not refresh.
        assert_eq!(tokens.refresh, None);
    }
}

fn before_the_decision_the_device_waits_and_slows_down(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    poll(app, "tv", &started.device_code).expect_error(400, "authorization_pending");
    poll(app, "tv", &started.device_code).expect_error(400, "slow_down");
    std::thread::sleep(Duration::from_millis(5_200));
    // It is ten seconds by now, and becomes fifteen.
    poll(app, "tv", &started.device_code).expect_error(400, "slow_down");
    // Once there is a decision, nothing is worth waiting for.
    allow(app, &started.user_code, &user);
    Tokens::of(&poll(app, "tv", &started.device_code));
}

fn a_denial_is_told_to_the_device(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    let mut browser = Browser::new(app);
    let question = enter(&mut browser, &started.user_code, &user);
    browser.deny(&question).expect(200);
    for _ in 0..2 {
        poll(app, "tv", &started.device_code).expect_error(400, "access_denied");
    }
    // Nobody else can allow it now.
    let page = browser.get(&started.link(app)).expect(400);
    assert!(is_code_page(&page), "{page:#}");
}

fn one_of_64_polls_gets_the_tokens(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    allow(app, &started.user_code, &user);
    let mut won = Vec::new();
    for answer in at_once(64, |_| poll(app, "tv", &started.device_code)) {
        match answer.status {
            200 => won.push(Tokens::of(&answer)),
            _ => drop(answer.expect_error(400, "invalid_grant")),
        }
    }
    assert_eq!(won.len(), 1, "polls that succeeded");
    assert!(is_valid(app, &won[0].access));
}

fn a_device_code_is_bound_to_its_client(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    poll(app, "set-top-box", &started.device_code).expect_error(400, "invalid_grant");
    allow(app, &started.user_code, &user);
    poll(app, "set-top-box", &started.device_code).expect_error(400, "invalid_grant");
    // It changed nothing.
    Tokens::of(&poll(app, "tv", &started.device_code));
}

fn a_device_code_that_is_none_is_refused(context: &Context) {
    let app = context.app();
    token(app, "tv", &[("grant_type", DEVICE_CODE)]).expect_error(400, "invalid_request");
    token(app, "tv", &[("grant_type", DEVICE_CODE), ("device_code", "")])
        .expect_error(400, "invalid_request");
    let twice = [("grant_type", DEVICE_CODE), ("device_code", "a"), ("device_code", "b")];
    token(app, "tv", &twice).expect_error(400, "invalid_request");
    let started = start(app, "tv");
    let other = start(app, "tv");
    // The row of one and the secret of the other.
    let mixed = format!("{}{}", &started.device_code[..47], &other.device_code[47..]);
    for wrong in ["x", &*started.user_code, &mixed, &started.device_code[..80], &"g".repeat(5_000)] {
        poll(app, "tv", wrong).expect_error(400, "invalid_grant");
    }
    let client = [("grant_type", DEVICE_CODE), ("device_code", &*started.device_code)];
    token(app, "web", &client).expect_error(400, "unauthorized_client");
}

fn bad_device_requests_are_refused(context: &Context) {
    let app = context.app();
    let send = |client: &str, parameters: &[(&str, &str)]| {
        app.send(&as_client(app, "device_authorization", client, parameters))
    };
    send("tv", &[("scope", "all")]).expect_error(400, "invalid_scope");
    send("tv", &[("scope", "notes.read  notes.write\u{e9}")]).expect_error(400, "invalid_scope");
    send("tv", &[("scope", "notes.read"), ("scope", "notes.write")]).expect_error(400, "invalid_request");
    send("web", &[]).expect_error(400, "unauthorized_client");
    // The demo has no type of authorization details (RFC 9396).
    send("tv", &[("authorization_details", r#"[{"type": "payment"}]"#)])
        .expect_error(400, "invalid_authorization_details");
    let path = app.endpoint("device_authorization");
    app.send(&Request::form(&path, &[("client_id", "nobody")])).expect_error(401, "invalid_client");
    app.send(&Request::form(&path, &[("client_id", "set-top-box")])).expect_error(401, "invalid_client");
    app.send(&Request::form(&path, &[])).expect_error(401, "invalid_client");
    app.send(&Request::form(&path, &[]).basic("set-top-box", "wrong secret"))
        .expect_error(401, "invalid_client");
    app.send(&Request::post(&path).body("application/json", "{}")).expect_error(400, "invalid_request");
    app.send(&Request::get(&path)).expect(405);
    app.send(&Request::get(format!("{}?user_code=a&user_code=b", app.endpoint("device")))).expect(400);
}

fn a_form_from_another_browser_decides_nothing(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    let mut browser = Browser::new(app);
    let question = enter(&mut browser, &started.user_code, &user);
    let other_user = context.user();
    let mut other = Browser::new(app);
    for answer in [other.allow(&question), {
        enter(&mut other, &started.user_code, &other_user);
        other.allow(&question)
    }] {
        assert!(answer.status >= 400, "{answer:#}");
    }
    poll(app, "tv", &started.device_code).expect_error(400, "authorization_pending");
    // The question about one device is not about another.
    let second = start(app, "tv");
    let sent = Page::read(question.text());
    let fields = sent.form().filled(&[("device_request", &second.user_code)], Some(("decision", "allow")));
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = browser.send(Request::form(app.endpoint("device"), &fields));
    assert!(answer.status >= 400, "{answer:#}");
    poll(app, "tv", &second.device_code).expect_error(400, "authorization_pending");
}

fn a_decision_without_csrf_token_decides_nothing(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    let mut browser = Browser::new(app);
    enter(&mut browser, &started.user_code, &user);
    let path = app.endpoint("device");
    for fields in [
        &[("decision", "allow"), ("user_code", &*started.user_code)][..],
        &[("decision", "allow"), ("device_request", &*started.user_code)],
        &[("decision", "allow"), ("device_request", &*started.user_code), ("csrf", "x")],
        &[("decision", "allow"), ("user_code", &*started.user_code), ("csrf", "")],
        &[("decision", "allow")],
    ] {
        let answer = browser.send(Request::form(&path, fields));
        assert!(answer.status == 400 || answer.status == 403, "{answer:#}");
    }
    let fields = [("decision", "allow"), ("device_request", &*started.user_code), ("csrf", "x")];
    browser.send(Request::form(&path, &fields).header("Sec-Fetch-Site", "cross-site")).expect(400);
    poll(app, "tv", &started.device_code).expect_error(400, "authorization_pending");
}

fn a_decision_is_made_once(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let started = start(app, "tv");
    let mut browser = Browser::new(app);
    let question = enter(&mut browser, &started.user_code, &user);
    assert!(is_consent(&browser.submit(&question, &[], None).expect(200)));
    poll(app, "tv", &started.device_code).expect_error(400, "authorization_pending");
    // A form that is sent twice does no harm.
    browser.allow(&question).expect(200);
    browser.allow(&question).expect(200);
    browser.deny(&question).expect(400);
    let tokens = Tokens::of(&poll(app, "tv", &started.device_code));
    assert!(is_valid(app, &tokens.access));
}

fn a_session_that_is_ended_takes_its_devices_along(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let [polled, waiting] = [(); 2].map(|()| start(app, "tv"));
    let mut browser = Browser::new(app);
    for started in [&polled, &waiting] {
        let question = enter(&mut browser, &started.user_code, &user);
        browser.allow(&question).expect(200);
    }
    let tokens = Tokens::of(&poll(app, "tv", &polled.device_code));
    let page = browser.get(&app.endpoint("end_session")).expect(200);
    browser.allow(&page).expect(200);
    assert!(!is_valid(app, &tokens.access));
    poll(app, "tv", &waiting.device_code).expect_error(400, "invalid_grant");
}

fn a_device_with_the_scope_openid_gets_an_id_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let parameters = [("scope", "openid notes.read")];
    let started = Started::of(&app.send(&as_client(app, "device_authorization", "tv", &parameters)));
    allow(app, &started.user_code, &user);
    let answer = poll(app, "tv", &started.device_code).expect(200).json();
    assert!(answer["id_token"].as_str().is_some_and(|token| token.split('.').count() == 3), "{answer}");
    let started = start(app, "tv");
    allow(app, &started.user_code, &user);
    assert_eq!(poll(app, "tv", &started.device_code).expect(200).json().get("id_token"), None::<&Value>);
}

fn trusting(context: &Context, label: &str) -> Demo {
    context.start(&Options::new(label).env("GRIDAUTH_TRUSTED_PROXIES", "127.0.0.1"))
}

/// Enters a code in a browser at this address.
#[track_caller]
fn enter_from(browser: &mut Browser<'_>, address: &str, code: &str) -> Response {
    let path = browser.app.endpoint("device");
    let page = browser.get(&path);
    let fields = Page::read(page.text()).form().filled(&[("user_code", code)], None);
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.send(Request::form(path, &fields).header("X-Forwarded-For", address))
}

fn twenty_wrong_codes_a_minute_from_one_source(context: &Context) {
    // Without a proxy, so the source is loopback.
    let app = context.start(&Options::new("wrong user codes"));
    let started = start(&app, "tv");
    for number in 0..20 {
        // Each in a browser of its own, some by a link.
        let mut browser = Browser::new(&app);
        let answer = match number % 2 {
            0 => enter_from(&mut browser, "192.0.2.1", "BBBB-BBBB"),
            _ => browser.get(&format!("{}?user_code=bcdf-bcdf", app.endpoint("device"))),
        };
        assert!(is_code_page(&answer.expect(400)));
    }
    let answer = Browser::new(&app).get(&started.link(&app)).expect(429);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds) && is_code_page(&answer), "{answer:#}");
    // The device itself is not kept waiting.
    poll(&app, "tv", &started.device_code).expect_error(400, "authorization_pending");
}

fn twenty_wrong_codes_a_minute_of_one_person(context: &Context) {
    let app = trusting(context, "wrong user codes of a person");
    let user = context.user_at(&app);
    let started = start(&app, "tv");
    let mut browser = Browser::new(&app);
    enter(&mut browser, &started.user_code, &user);
    for number in 0..20 {
        enter_from(&mut browser, &format!("198.51.100.{number}"), "BBBB-BBBB").expect(400);
    }
    enter_from(&mut browser, "198.51.100.200", &started.user_code).expect(429);
    // Another person, and somebody who is not signed in, are not concerned.
    let answer = enter_from(&mut Browser::new(&app), "198.51.100.200", &started.user_code).expect(200);
    assert!(is_sign_in(&answer), "{answer:#}");
}

fn device_starts_are_limited_by_their_forwarded_source_alone(context: &Context) {
    let app = trusting(context, "device starts");
    let request =
        |address: &str| as_client(&app, "device_authorization", "tv", &[]).header("X-Forwarded-For", address);
    let answers: Vec<Response> = (0..100).map(|_| app.send(&request("192.0.2.1"))).collect();
    assert!(answers.iter().take(20).all(|answer| answer.status == 200));
    let refused = answers.iter().find(|answer| answer.status != 200).expect("one is refused");
    assert_eq!(refused.status, 429, "{refused:#}");
    app.send(&request("192.0.2.2")).expect(200);
    // A direct peer on loopback is nobody in particular.
    let direct = context.app();
    for _ in 0..100 {
        direct.send(&as_client(direct, "device_authorization", "tv", &[])).expect(200);
    }
}

fn scripts_may_start_and_never_see_the_page(context: &Context) {
    let app = context.app();
    let request =
        as_client(app, "device_authorization", "tv", &[]).header("Origin", "https://spa.example.com");
    assert_eq!(app.send(&request).expect(200).header("access-control-allow-origin"), Some("*"));
    let started = start(app, "tv");
    let link = Request::get(started.link(app)).header("Origin", "https://spa.example.com");
    assert_eq!(app.send(&link).expect(200).header("access-control-allow-origin"), None);
    // An image of another site guesses nothing.
    let image = Request::get(started.link(app))
        .header("Sec-Fetch-Dest", "image")
        .header("Sec-Fetch-Site", "cross-site");
    assert!(is_code_page(&app.send(&image).expect(200)));
}

fn another_process_knows_the_device(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let app = Demo::start(&deployment, &Options::new("a device starts"));
    let user = context.user_at(&app);
    let started = start(&app, "tv");
    poll(&app, "tv", &started.device_code).expect_error(400, "authorization_pending");
    app.kill();
    let app = Demo::start(&deployment, &Options::new("a device goes on"));
    // What it was told about its interval is kept.
    poll(&app, "tv", &started.device_code).expect_error(400, "slow_down");
    allow(&app, &started.user_code, &user);
    app.kill();
    let app = Demo::start(&deployment, &Options::new("a device has its tokens"));
    let tokens = Tokens::of(&poll(&app, "tv", &started.device_code));
    assert!(is_valid(&app, &tokens.access));
}
