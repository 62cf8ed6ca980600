//! Guarded routes (RFC 6750).

use gridauth_conformance::oauth::{Tokens, password_tokens, token};
use gridauth_conformance::{Context, Request, Response, cases, record};
use serde_json::json;

cases! {
    "RFC 6750 2.1" => a_token_in_the_header_gives_access,
    "RFC 9110 11.1" => the_scheme_is_case_insensitive,
    "RFC 6750 3" => without_credentials_there_is_no_error_in_the_challenge,
    "RFC 6750 3.1" => a_bad_token_is_invalid_token,
    "RFC 6750 3.1" => insufficient_scope_names_the_scope_that_is_needed,
    "RFC 6750 3.1" => scopes_are_whole_words,
    "RFC 6750 2.2" => a_token_in_the_body_is_ignored,
    "RFC 6750 2.3" => a_token_in_the_query_is_ignored,
    "RFC 6750 2" => two_authorization_headers_give_no_access,
    "RFC 6750 2.1" => broken_headers_give_no_access,
    "RFC 6750 2.1" => a_header_that_is_not_text_counts_as_absent,
    "RFC 6750 3.1" => two_headers_of_which_one_is_not_text_are_malformed,
    "RFC 6750 3" => another_scheme_counts_as_no_credentials,
    "RFC 6750 2.1" => a_cookie_is_ignored,
    "RFC 6750 3" => a_challenge_is_well_formed,
    "DESIGN.md, guard" => a_guard_cannot_be_bypassed,
    "DESIGN.md, guard" => head_is_guarded_like_get,
    "RFC 6750 5.3" => a_rejection_is_not_cached,
    "RFC 6750 3.1" => a_token_of_another_server_is_refused,
}

const BAD: &str = "The access token provided is expired, revoked, malformed, or invalid for other reasons.";
const GUARDED: [(&str, &str); 4] =
    [("GET", "/private"), ("GET", "/whoami"), ("GET", "/notes"), ("POST", "/notes")];

/// The response to an invalid token: 401, `invalid_token` in challenge and body.
#[track_caller]
fn is_invalid_token(answer: &Response) {
    assert_eq!(answer.status, 401, "{answer:#}");
    let challenge = answer.challenge().unwrap();
    assert!(challenge.starts_with("Bearer realm=\""), "{challenge}");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert_eq!(answer.json(), json!({"error": "invalid_token", "error_description": BAD}));
}

/// The response to a request without credentials: 401, no error in the challenge.
#[track_caller]
fn is_without_credentials(answer: &Response) {
    assert_eq!(answer.status, 401, "{answer:#}");
    let challenge = answer.challenge().unwrap();
    assert!(challenge.starts_with("Bearer realm=\"") && challenge.ends_with('"'), "{challenge}");
    assert!(!challenge.contains("error"), "{challenge}");
    assert_eq!(answer.json(), json!({"error": "invalid_token", "error_description": BAD}));
}

fn a_token_in_the_header_gives_access(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read").access;
    for path in ["/private", "/whoami", "/notes"] {
        app.send(&Request::get(path).bearer(&access)).expect(200);
    }
}

fn the_scheme_is_case_insensitive(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        app.send(&Request::get("/private").header("Authorization", format!("{scheme} {access}"))).expect(200);
        app.send(&Request::get("/private").header("AUTHORIZATION", format!("{scheme}  {access}")))
            .expect(200);
    }
}

fn without_credentials_there_is_no_error_in_the_challenge(context: &Context) {
    for (method, path) in GUARDED {
        is_without_credentials(&context.app().send(&Request::new(method, path)));
    }
}

fn a_bad_token_is_invalid_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    let changed = format!("{}{}", &access[..access.len() - 1], if access.ends_with('A') { 'B' } else { 'A' });
    for bad in [
        "x",
        "gat_",
        &access[..access.len() - 1],
        &format!("{access}A"),
        &access[1..],
        &access.to_uppercase(),
        &changed,
        &format!("gat_{}", "A".repeat(64)),
        &"A".repeat(4000),
    ] {
        for (method, path) in GUARDED {
            is_invalid_token(&app.send(&Request::new(method, path).bearer(bad)));
        }
    }
}

fn insufficient_scope_names_the_scope_that_is_needed(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let needs = |method: &str, path: &str, scope: &str, needed: &str| {
        let access = password_tokens(app, &user, scope).access;
        let mut request = Request::new(method, path).bearer(&access);
        if method == "POST" {
            request = request.body("application/json", r#"{"text":"x"}"#);
        }
        let answer = app.send(&request).expect_error(403, "insufficient_scope");
        let challenge = answer.challenge().unwrap();
        assert!(challenge.starts_with("Bearer realm=\""), "{challenge}");
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.contains(&format!("scope=\"{needed}\"")), "{challenge}");
        assert_eq!(answer.json()["scope"], needed, "{answer:#}");
    };
    needs("GET", "/notes", "all", "notes.read");
    needs("GET", "/notes", "notes.write", "notes.read");
    needs("POST", "/notes", "notes.read", "notes.write");
    needs("POST", "/notes", "all", "notes.write");
}

fn scopes_are_whole_words(context: &Context) {
    let app = context.app();
    // `all` is a scope name like any other.
    let all = Tokens::of(&token(app, "machine", &[("grant_type", "client_credentials"), ("scope", "all")]));
    app.send(&Request::get("/notes").bearer(&all.access)).expect(403);
    app.send(&Request::get("/private").bearer(&all.access)).expect(200);
    // A token without scope is still a valid token.
    let none = Tokens::of(&token(app, "no-scope", &[("grant_type", "client_credentials")]));
    app.send(&Request::get("/private").bearer(&none.access)).expect(200);
    app.send(&Request::get("/notes").bearer(&none.access)).expect(403);
}

fn a_token_in_the_body_is_ignored(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    let body = [("access_token", access.as_str()), ("text", "x")];
    is_without_credentials(&app.send(&Request::form("/notes", &body)));
}

fn a_token_in_the_query_is_ignored(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    for path in ["/private", "/whoami", "/notes"] {
        is_without_credentials(&app.send(&Request::query(path, &[("access_token", &access)])));
    }
}

fn two_authorization_headers_give_no_access(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    for (method, path) in GUARDED {
        for other in
            [format!("Bearer {access}"), "Bearer x".to_owned(), "Basic d2ViOng=".to_owned(), String::new()]
        {
            for first in [true, false] {
                let mut request = Request::new(method, path).bearer(&access);
                let at = if first { 0 } else { 1 };
                request.headers.insert(at, ("Authorization".to_owned(), other.clone().into_bytes()));
                let answer = app.send(&request);
                assert!([400, 401].contains(&answer.status), "{answer:#}");
                let challenge = answer.challenge().unwrap_or_default();
                if answer.status == 400 {
                    assert!(challenge.contains("error=\"invalid_request\""), "{answer:#}");
                }
            }
        }
    }
}

fn broken_headers_give_no_access(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    let with = |text: String| text.into_bytes();
    for value in [
        b"Bearer".to_vec(),
        b"Bearer ".to_vec(),
        b"".to_vec(),
        b" ".to_vec(),
        b"Bearer \xff\xfe\xfd".to_vec(),
        b"Bearer \xc3\xa9".to_vec(),
        with(format!("Bearer {access} x")),
        with(format!("Bearer {access},")),
        with(format!("Bearer {access}, Bearer {access}")),
        with(format!("Bearer \"{access}\"")),
        with(format!("Bearer\t{access}")),
        with(format!("Bearer={access}")),
        with(format!("Bearer:{access}")),
        with(format!("Bearer Bearer {access}")),
        with(format!("BearerX {access}")),
        with(format!("Bearer{access}")),
        with(access.clone()),
        with(format!("Token {access}")),
        with(format!("Bearer token={access}")),
        with(format!("Bearer {access}\u{e9}")),
        with(format!("Bearer {access}=")),
    ] {
        let shown = String::from_utf8_lossy(&value).into_owned();
        let answer = app.send(&Request::get("/private").header("Authorization", value));
        assert!([400, 401].contains(&answer.status), "{shown}: {answer:#}");
        assert!(answer.challenge().is_some(), "{answer:#}");
    }
}

fn a_header_that_is_not_text_counts_as_absent(context: &Context) {
    let unreadable = Request::get("/private").header("Authorization", b"Bearer \xff\xfe".to_vec());
    is_without_credentials(&context.app().send(&unreadable));
}

/// RFC 6750 section 3.1. Rocket drops a header that is not text before anybody sees it.
fn two_headers_of_which_one_is_not_text_are_malformed(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    // The frameworks differ from here on.
    record::stop();
    let unreadable = b"Bearer \xff\xfe".to_vec();
    let good = format!("Bearer {access}").into_bytes();
    for [first, second] in [[&unreadable, &good], [&good, &unreadable]] {
        let request = Request::get("/private").header("Authorization", first.clone());
        let answer = app.send(&request.header("Authorization", second.clone()));
        match context.combination.framework.name {
            "rocket" => assert_eq!(answer.status, 200, "{answer:#}"),
            _ => drop(answer.expect_error(400, "invalid_request")),
        }
    }
}

fn another_scheme_counts_as_no_credentials(context: &Context) {
    for value in ["Basic d2ViOnNlY3JldA==", "Digest x", "DPoP x", "Negotiate"] {
        is_without_credentials(&context.app().send(&Request::get("/private").header("Authorization", value)));
    }
}

fn a_cookie_is_ignored(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    for cookie in [
        format!("access_token={access}"),
        format!("gridauth={access}"),
        format!("Authorization=Bearer {access}"),
    ] {
        is_without_credentials(&app.send(&Request::get("/private").header("Cookie", cookie)));
    }
    for name in ["X-Authorization", "Proxy-Authorization", "X-Forwarded-Authorization", "X-Access-Token"] {
        let request = Request::get("/private").header(name, format!("Bearer {access}"));
        is_without_credentials(&app.send(&request));
    }
}

fn a_challenge_is_well_formed(context: &Context) {
    let app = context.app();
    for answer in [app.get("/private"), app.send(&Request::get("/private").bearer("x"))] {
        let challenge = answer.challenge().unwrap();
        let mut rest = challenge.strip_prefix("Bearer ").expect("the scheme, a space");
        let mut names = Vec::new();
        loop {
            let (name, value) = rest.split_once("=\"").expect("name=\"");
            let (value, after) = value.split_once('"').expect("the quote that ends a value");
            assert!(!value.is_empty() && !value.contains('\\'), "{challenge}");
            assert!(!names.contains(&name), "a parameter occurs twice: {challenge}");
            names.push(name);
            match after.strip_prefix(", ") {
                Some(next) => rest = next,
                None => break assert_eq!(after, "", "{challenge}"),
            }
        }
        assert_eq!(names[0], "realm");
    }
}

fn a_guard_cannot_be_bypassed(context: &Context) {
    let app = context.app();
    for target in [
        "/private",
        "/private?",
        "/private?x=1",
        "//private",
        "/./private",
        "/x/../private",
        "/%70rivate",
        "/private/",
        "/private/.",
        "/PRIVATE",
        "/private;x=1",
        "/private%00",
        "/private%2f",
        "/notes/",
        "/notes//",
        "/%6eotes",
        "/whoami/",
        "http://127.0.0.1/private",
    ] {
        let answer = app.send(&Request::get(target));
        assert!([400, 401, 404].contains(&answer.status), "{target}: {answer:#}");
        assert!(!answer.text().contains("private page"), "{target}");
    }
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECTX"] {
        for name in ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL"] {
            let request = Request::new(method, "/private").header(name, "/health");
            let answer = app.send(&request);
            assert!([401, 405].contains(&answer.status), "{method}: {answer:#}");
        }
    }
}

fn head_is_guarded_like_get(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read").access;
    for path in ["/private", "/whoami", "/notes"] {
        let refused = app.send(&Request::new("HEAD", path)).expect(401);
        assert!(refused.body.is_empty() && refused.challenge().is_some());
        app.send(&Request::new("HEAD", path).bearer(&access)).expect(200);
    }
}

fn a_rejection_is_not_cached(context: &Context) {
    let app = context.app();
    for answer in [app.get("/private"), app.send(&Request::get("/private").bearer("x"))] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

fn a_token_of_another_server_is_refused(context: &Context) {
    // The other server has its own store and does not know the token.
    if context.combination.store.shared {
        return;
    }
    let user = context.user();
    let access = password_tokens(context.app(), &user, "all").access;
    is_invalid_token(&context.https().send(&Request::get("/private").bearer(&access)));
}
