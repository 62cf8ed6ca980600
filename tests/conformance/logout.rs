//! The end of a session: RP-Initiated, Back-Channel and Front-Channel Logout.

#![expect(clippy::disallowed_methods, reason = "the processes under test have the system's clock")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::case::User;
use gridauth_conformance::http::{decode, encode};
use gridauth_conformance::oauth::{CodeRequest, Redirect, is_valid};
use gridauth_conformance::seed::WEB_CB;
use gridauth_conformance::{Browser, Context, Demo, Options, Request, Response, cases, random};
use serde_json::{Value, json};

cases! {
    "RP-Initiated Logout 2" => a_hint_of_the_session_signs_out,
    "RP-Initiated Logout 2" => without_a_hint_a_page_asks,
    "RP-Initiated Logout 3" => the_browser_goes_only_where_the_client_registered,
    "DEMO_APP.md, Policies" => a_post_from_another_site_is_repeated,
    "DEMO_APP.md, Policies" => the_end_of_a_session_ends_its_grants_without_offline_access,
    "Front-Channel Logout 3" => clients_are_told_in_frames,
    "Back-Channel Logout 2.5" => a_client_is_told_until_it_answers,
    "Back-Channel Logout 2.8" => a_client_that_refuses_is_told_once,
    "DEMO_APP.md, Policies" => a_client_is_told_after_a_restart,
    "DEMO_APP.md, Policies" => a_bad_logout_uri_is_a_bad_seed,
    "RP-Initiated Logout 2.1" => the_metadata_names_what_is_on,
}

const BYE: &str = "https://client.example.com/bye";

/// A seed with one user and the first-party client `web`, whose metadata has these members too.
fn seed(user: &User, more: &Value) -> Value {
    let mut client = json!({
        "client_id": "web", "client_secret": random::secret_of("web"), "redirect_uris": [WEB_CB],
        "grant_types": ["authorization_code", "refresh_token"], "gridauth_first_party": true,
        "scope": "openid offline_access notes.read", "post_logout_redirect_uris": [BYE],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        client[name] = value.clone();
    }
    json!({"users": [{"username": user.username, "password": user.password}], "clients": [client]})
}

fn start(context: &Context, user: &User, more: &Value) -> Demo {
    context.start(&Options::new("logout").seed(&seed(user, more)))
}

/// A browser in which the user is signed in, and the token response of the client.
fn sign_in<'a>(app: &'a Demo, user: &User, scope: &str) -> (Browser<'a>, Value) {
    let mut browser = Browser::new(app);
    let tokens = tokens(&mut browser, user, scope);
    (browser, tokens)
}

fn tokens(browser: &mut Browser<'_>, user: &User, scope: &str) -> Value {
    let request = CodeRequest::web().with("scope", scope);
    let back = Redirect::of(&browser.go_through(&request.pairs(), user));
    let code = back.get("code").unwrap_or_else(|| panic!("no code: {back:?}")).to_owned();
    let redemption = Request::form(browser.app.endpoint("token"), &request.redemption(&code));
    browser.app.send(&redemption.basic("web", &random::secret_of("web"))).expect(200).json()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

fn end_session(browser: &mut Browser<'_>, parameters: &[(&str, &str)]) -> Response {
    let path = browser.app.endpoint("end_session");
    browser.send(Request::query(&path, parameters))
}

#[track_caller]
fn assert_signed_in(browser: &mut Browser<'_>, expected: bool) {
    let page = browser.authorize(&CodeRequest::web().with("scope", "openid").pairs());
    assert_eq!(page.status == 303, expected, "{page:#}");
    assert!(expected || is_sign_in(&page), "{page:#}");
}

fn a_hint_of_the_session_signs_out(context: &Context) {
    let user = User::new();
    let app = start(context, &user, &json!({}));
    let (mut browser, tokens) = sign_in(&app, &user, "openid");
    let (mut elsewhere, _) = sign_in(&app, &user, "openid");
    let hint = text(&tokens, "id_token");
    let request = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "a b&c")];
    let back = Redirect::of(&end_session(&mut browser, &request));
    assert_eq!((back.uri.as_str(), back.get("state")), (BYE, Some("a b&c")));
    assert_signed_in(&mut browser, false);
    assert_signed_in(&mut elsewhere, true);
    // The hint is of another session: the user is asked, and a POST of the same site is as good as a GET.
    let path = app.endpoint("end_session");
    let page = elsewhere.send(Request::form(&path, &request));
    assert!(is_consent(&page), "{page:#}");
    let back = Redirect::of(&elsewhere.allow(&page));
    assert_eq!((back.uri.as_str(), back.get("state")), (BYE, Some("a b&c")));
    assert_signed_in(&mut elsewhere, false);
}

fn without_a_hint_a_page_asks(context: &Context) {
    let user = User::new();
    let app = start(context, &user, &json!({}));
    let (mut browser, _) = sign_in(&app, &user, "openid");
    for parameters in [&[][..], &[("client_id", "web"), ("post_logout_redirect_uri", BYE)]] {
        let page = end_session(&mut browser, parameters);
        assert!(page.text().contains(r#"value="allow""#), "{page:#}");
        let stayed = browser.deny(&page);
        assert_eq!(stayed.status, 200, "{stayed:#}");
        assert_signed_in(&mut browser, true);
    }
    let page = end_session(&mut browser, &[]);
    // Another browser cannot send the form.
    let (mut other, _) = sign_in(&app, &user, "openid");
    other.allow(&page).expect(200);
    assert_signed_in(&mut other, true);
    assert_signed_in(&mut browser, true);
    browser.allow(&page).expect(200);
    assert_signed_in(&mut browser, false);
    assert_signed_in(&mut other, true);
}

fn the_browser_goes_only_where_the_client_registered(context: &Context) {
    let user = User::new();
    let app = start(context, &user, &json!({}));
    let (mut browser, tokens) = sign_in(&app, &user, "openid");
    let hint = text(&tokens, "id_token");
    let (signed, _) = hint.rsplit_once('.').unwrap_or_default();
    let (forged, huge) = (format!("{signed}.{}", "A".repeat(342)), "x".repeat(17 * 1024));
    for bad in [
        &[("post_logout_redirect_uri", BYE)][..],
        &[("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")],
        &[("id_token_hint", hint), ("post_logout_redirect_uri", &format!("{BYE}/"))],
        &[("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", hint), ("client_id", "other")],
        &[("client_id", "nobody"), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", &forged), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", "no token"), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", hint), ("id_token_hint", hint)],
        &[("id_token_hint", &huge)],
    ] {
        let page = end_session(&mut browser, bad).expect(400);
        assert_eq!(page.header("location"), None, "{page:#}");
        assert!(page.headers_named("content-type")[0].starts_with("text/html"), "{page:#}");
    }
    assert_signed_in(&mut browser, true);
}

fn a_post_from_another_site_is_repeated(context: &Context) {
    let user = User::new();
    let app = start(context, &user, &json!({}));
    let (mut browser, tokens) = sign_in(&app, &user, "openid");
    let path = app.endpoint("end_session");
    let long = "s".repeat(8 * 1024);
    for state in ["s", long.as_str()] {
        let hint = text(&tokens, "id_token");
        let form = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", state)];
        // The browser sends no cookie with it.
        let again = app.send(&Request::form(&path, &form).header("Sec-Fetch-Site", "cross-site"));
        if state.len() == 1 {
            assert_eq!(again.status, 303, "{again:#}");
            let (to, query) = again.header("location").and_then(|to| to.split_once('?')).unwrap_or_default();
            assert_eq!((to, decode(query)), (&*path, decode(&encode(&form))));
        } else {
            assert_eq!(again.status, 200, "{again:#}");
            assert!(again.text().contains(state), "the page sends it again");
        }
        assert!(again.headers_named("set-cookie").iter().all(|cookie| !cookie.starts_with("gridauth=")));
    }
    assert_signed_in(&mut browser, true);
}

fn the_end_of_a_session_ends_its_grants_without_offline_access(context: &Context) {
    let user = User::new();
    let app = start(context, &user, &json!({}));
    let (mut browser, online) = sign_in(&app, &user, "openid notes.read");
    let offline = tokens(&mut browser, &user, "openid offline_access notes.read");
    let (_, elsewhere) = sign_in(&app, &user, "openid notes.read");
    end_session(&mut browser, &[("id_token_hint", text(&online, "id_token"))]).expect(200);
    assert!(!is_valid(&app, text(&online, "access_token")));
    assert!(is_valid(&app, text(&offline, "access_token")));
    assert!(is_valid(&app, text(&elsewhere, "access_token")));
}

fn clients_are_told_in_frames(context: &Context) {
    let user = User::new();
    let more = json!({
        "frontchannel_logout_uri": "https://client.example.com/out?a=1", "frontchannel_logout_session_required": true,
    });
    let app = start(context, &user, &more);
    let (mut browser, tokens) = sign_in(&app, &user, "openid");
    let hint = text(&tokens, "id_token");
    let page = end_session(&mut browser, &[("id_token_hint", hint), ("post_logout_redirect_uri", BYE)]);
    assert_eq!(page.status, 200, "{page:#}");
    let claims = claims(hint);
    let added = encode(&[("iss", text(&claims, "iss")), ("sid", text(&claims, "sid"))]).replace('&', "&amp;");
    let frame = format!("src=\"https://client.example.com/out?a=1&amp;{added}\"");
    assert!(page.text().contains(&frame) && page.text().matches("<iframe").count() == 1, "{page:#}");
    assert!(page.text().contains(BYE), "{page:#}");
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-src https://client.example.com;"), "{policy}");
    assert_signed_in(&mut browser, false);
}

/// A client's back-channel endpoint: answers with these states, the last one again and again.
struct Endpoint {
    uri: String,
    calls: Receiver<(Instant, Vec<(String, String)>)>,
}

impl Endpoint {
    fn new(answers: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/out", listener.local_addr().unwrap());
        let (told, calls) = channel();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { return };
                let status = answers[number.min(answers.len() - 1)];
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let Some(body) = read_form(&mut stream) else { continue };
                let _ =
                    write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                if told.send((Instant::now(), decode(&body))).is_err() {
                    return;
                }
            }
        });
        Self { uri, calls }
    }

    /// The logout token of the next call.
    #[track_caller]
    fn next(&self) -> (Instant, String) {
        let (at, form) = self.calls.recv_timeout(Duration::from_secs(40)).expect("a call");
        assert_eq!(form.len(), 1, "{form:?}");
        assert_eq!(form[0].0, "logout_token");
        (at, form[0].1.clone())
    }

    #[track_caller]
    fn assert_quiet(&self, time: Duration) {
        assert_eq!(self.calls.recv_timeout(time).map(drop), Err(RecvTimeoutError::Timeout));
    }
}

fn read_form(stream: &mut impl Read) -> Option<String> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length:")
                    .and_then(|length| length.trim().parse().ok())
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return head.starts_with("POST /out ").then(|| body.to_owned());
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A logout token as Back-Channel Logout section 2.4 has it, about the session of this ID token.
#[track_caller]
fn assert_logout_token(token: &str, id_token: &str) {
    let (header, own, session) = (part(token, 0), claims(token), claims(id_token));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &part(id_token, 0)["alg"]));
    for name in ["iss", "aud", "sub", "sid"] {
        assert_eq!(own[name], session[name], "{name}");
    }
    let lifetime = own["exp"].as_i64().zip(own["iat"].as_i64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lifetime, Some(120), "{own}");
    assert_eq!(own["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    assert!(own["jti"].is_string() && own.get("nonce").is_none(), "{own}");
}

fn a_client_is_told_until_it_answers(context: &Context) {
    let (user, client) = (User::new(), Endpoint::new(&[503, 500, 200]));
    let app = start(context, &user, &json!({"backchannel_logout_uri": client.uri}));
    let (mut browser, tokens) = sign_in(&app, &user, "openid");
    let hint = text(&tokens, "id_token");
    let begin = Instant::now();
    end_session(&mut browser, &[("id_token_hint", hint)]).expect(200);
    let (first, token) = client.next();
    assert!(first.duration_since(begin) < Duration::from_secs(5));
    assert_logout_token(&token, hint);
    let (second, again) = client.next();
    assert_logout_token(&again, hint);
    assert!(claims(&again)["jti"] != claims(&token)["jti"]);
    let (third, _) = client.next();
    let pauses = [second.duration_since(first), third.duration_since(second)];
    assert!(pauses[0] >= Duration::from_millis(4500) && pauses[1] > pauses[0], "{pauses:?}");
    client.assert_quiet(Duration::from_secs(3));
}

fn a_client_that_refuses_is_told_once(context: &Context) {
    let (user, client) = (User::new(), Endpoint::new(&[400]));
    let app = start(context, &user, &json!({"backchannel_logout_uri": client.uri}));
    let (mut browser, tokens) = sign_in(&app, &user, "openid");
    end_session(&mut browser, &[("id_token_hint", text(&tokens, "id_token"))]).expect(200);
    client.next();
    // A session in which the client got no ID token is none of its business.
    let (mut browser, _) = sign_in(&app, &user, "notes.read");
    let page = end_session(&mut browser, &[]);
    browser.allow(&page).expect(200);
    client.assert_quiet(Duration::from_secs(7));
}

fn a_client_is_told_after_a_restart(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let (user, client) = (User::new(), Endpoint::new(&[503, 204]));
    let deployment = context.deployment();
    let options = Options::new("logout").seed(&seed(&user, &json!({"backchannel_logout_uri": client.uri})));
    let app = Demo::start(&deployment, &options);
    let (mut browser, tokens) = sign_in(&app, &user, "openid");
    let hint = text(&tokens, "id_token").to_owned();
    end_session(&mut browser, &[("id_token_hint", &hint)]).expect(200);
    client.next();
    // Time to note the failure; otherwise the next try comes when the lease has passed.
    std::thread::sleep(Duration::from_secs(1));
    app.kill();
    let _again = Demo::start(&deployment, &options);
    let (_, token) = client.next();
    assert_eq!(
        (&claims(&token)["sub"], &claims(&token)["sid"]),
        (&claims(&hint)["sub"], &claims(&hint)["sid"])
    );
    client.assert_quiet(Duration::from_secs(3));
}

fn a_bad_logout_uri_is_a_bad_seed(context: &Context) {
    for (member, bad) in [
        ("backchannel_logout_uri", json!("http://client.example.com/out")),
        ("backchannel_logout_uri", json!("com.example.app:/out")),
        ("frontchannel_logout_uri", json!("https://other.example.com/out")),
        ("post_logout_redirect_uris", json!(["javascript:alert(1)"])),
    ] {
        let seed = seed(&User::new(), &json!({ member: bad }));
        let exit = Demo::start_refused(&context.deployment(), &Options::new("a bad seed").seed(&seed));
        assert_eq!((exit.status.code(), &*exit.stdout), (Some(2), ""), "{}", exit.stderr);
        let last = exit.stderr.lines().last().unwrap_or_default();
        for told in ["GRIDAUTH_SEED", "clients[0] \"web\"", member] {
            assert!(last.contains(told), "{told} is not in {last}");
        }
    }
}

fn the_metadata_names_what_is_on(context: &Context) {
    let app = context.app();
    let metadata = app.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert!(text(&metadata, "end_session_endpoint").ends_with("/oauth/end_session"));
    for member in [
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
    ] {
        assert_eq!(metadata[member], true, "{member}");
    }
}
