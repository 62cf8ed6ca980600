//! Routes that need a recent sign-in (RFC 9470).

use std::thread;
use std::time::Duration;

use gridauth_conformance::case::User;
use gridauth_conformance::oauth::{
    CodeRequest, Redirect, Tokens, as_client, password_tokens, refresh, token,
};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, Response, cases};

use crate::proofs::{ProofKey, bound_tokens};

cases! {
    "RFC 9470 3" => a_recent_sign_in_opens_the_vault,
    "RFC 9470 3" => an_old_sign_in_does_not,
    "RFC 9470 4" => the_client_gets_a_more_recent_sign_in,
    "DEMO_APP.md, Routes" => a_token_without_a_user_does_not_open_the_vault,
    "RFC 6750 3" => the_vault_is_guarded_like_any_route,
    "RFC 9470 3" => a_bound_token_is_told_under_its_scheme,
}

/// A demo whose vault opens for this many seconds.
fn vault(context: &Context, max_age: &str) -> Demo {
    context.start(&Options::new("vault").env("GRIDAUTH_STEP_UP_MAX_AGE", max_age))
}

#[track_caller]
fn ask(app: &Demo, token: &str) -> Response {
    app.send(&Request::get("/vault").bearer(token))
}

/// 401 that asks for a sign-in of at most this age.
#[track_caller]
fn needs_sign_in(answer: &Response, max_age: &str) {
    assert_eq!(answer.status, 401, "{answer:#}");
    assert_eq!(answer.json()["error"], "insufficient_user_authentication", "{answer:#}");
    let challenges = answer.headers_named("www-authenticate");
    assert!(challenges[0].starts_with("Bearer realm=\""), "{answer:#}");
    let told = challenges.iter().find(|challenge| challenge.contains("error=\""));
    let told = told.unwrap_or_else(|| panic!("{answer:#}"));
    assert!(told.contains("error=\"insufficient_user_authentication\""), "{answer:#}");
    assert!(told.contains(&format!("max_age=\"{max_age}\"")), "{answer:#}");
}

fn a_recent_sign_in_opens_the_vault(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let by_password = password_tokens(app, &user, "notes.read").access;
    let by_code = CodeRequest::web().tokens(app, &user).access;
    for token in [by_password, by_code] {
        let answer = ask(app, &token).expect(200);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{answer:#}");
        assert!(!answer.text().is_empty());
        app.send(&Request::new("HEAD", "/vault").bearer(&token)).expect(200);
    }
}

fn an_old_sign_in_does_not(context: &Context) {
    let app = &vault(context, "1");
    let user = context.user_at(app);
    let tokens = password_tokens(app, &user, "notes.read");
    thread::sleep(Duration::from_millis(2_100));
    needs_sign_in(&ask(app, &tokens.access), "1");
    // A new token is no new sign-in.
    let renewed = Tokens::of(&refresh(app, "demo", tokens.refresh()));
    needs_sign_in(&ask(app, &renewed.access), "1");
    // Other routes stay open.
    app.send(&Request::get("/private").bearer(&renewed.access)).expect(200);
}

fn the_client_gets_a_more_recent_sign_in(context: &Context) {
    let app = &vault(context, "2");
    let user: User = context.user_at(app);
    let mut browser = Browser::new(app);
    let request = CodeRequest::web();
    let first = Redirect::of(&browser.go_through(&request.pairs(), &user));
    let tokens = Tokens::of(&request.redeem(app, first.get("code").unwrap()));
    thread::sleep(Duration::from_millis(3_100));
    needs_sign_in(&ask(app, &tokens.access), "2");
    // The session alone is not enough for a request with the challenge's max_age: the user signs in again.
    let request = CodeRequest::web().with("max_age", "2");
    let again = Redirect::of(&browser.go_through(&request.pairs(), &user));
    let tokens = Tokens::of(&request.redeem(app, again.get("code").unwrap()));
    ask(app, &tokens.access).expect(200);
}

fn a_token_without_a_user_does_not_open_the_vault(context: &Context) {
    let app = context.app();
    let tokens = Tokens::of(&token(app, "machine", &[("grant_type", "client_credentials")]));
    needs_sign_in(&ask(app, &tokens.access), "300");
}

fn the_vault_is_guarded_like_any_route(context: &Context) {
    let app = context.app();
    let answer = app.get("/vault").expect(401);
    let challenge = answer.challenge().unwrap();
    assert!(
        challenge.starts_with(&format!("Bearer realm=\"{}\", resource_metadata=", app.issuer)),
        "{answer:#}"
    );
    app.send(&Request::get("/vault").bearer("x")).expect_error(401, "invalid_token");
    let answer = app.send(&Request::post("/vault")).expect(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{answer:#}");
}

fn a_bound_token_is_told_under_its_scheme(context: &Context) {
    let (app, key) = (context.app(), ProofKey::new());
    let form = [("grant_type", "client_credentials")];
    let (token, _) = bound_tokens(&app.send(&key.with_proof(app, as_client(app, "token", "machine", &form))));
    let answer = app.send(&key.show(app, Request::get("/vault"), &token));
    needs_sign_in(&answer, "300");
    let challenges = answer.headers_named("www-authenticate");
    assert!(challenges.len() == 2 && challenges[1].starts_with("DPoP realm=\""), "{answer:#}");
    assert!(!challenges[0].contains("error") && challenges[1].contains("error=\""), "{answer:#}");
}
