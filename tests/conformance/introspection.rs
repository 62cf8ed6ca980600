//! Introspection (RFC 7662).

use gridauth_conformance::oauth::{
    CodeRequest, Tokens, as_client, introspect, password_tokens, refresh, token,
};
use gridauth_conformance::{Context, Demo, Request, Response, cases};
use serde_json::json;

cases! {
    "RFC 7662 2.2" => a_valid_token_is_described,
    "RFC 7662 2.2" => iat_and_exp_match_the_lifetime,
    "RFC 7662 2.2" => an_invalid_token_is_inactive_and_nothing_else,
    "RFC 7662 2.1" => a_refresh_token_is_described_too,
    "RFC 7662 2.1" => the_caller_must_authenticate,
    "DEMO_APP.md, Routes" => a_public_client_cannot_introspect,
    "DEMO_APP.md, Seed file" => a_client_sees_its_own_tokens_only,
    "DEMO_APP.md, Seed file" => a_resource_server_sees_every_token,
    "RFC 7662 2.1" => the_token_parameter_is_required,
    "RFC 7662 2.1" => the_token_type_hint_is_only_a_hint,
    "RFC 7662 2.1" => a_bearer_token_does_not_authenticate_the_caller,
    "RFC 7662 4" => responses_are_not_cached,
}

#[track_caller]
fn ask(app: &Demo, client: &str, parameters: &[(&str, &str)]) -> Response {
    app.send(&as_client(app, "introspect", client, parameters))
}

fn a_valid_token_is_described(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = CodeRequest::web().with("scope", "notes.read notes.write").tokens(app, &user);
    let about = introspect(app, &tokens.access);
    assert_eq!(about["active"], true);
    assert_eq!(about["scope"], "notes.read notes.write");
    assert_eq!(about["client_id"], "web");
    let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
    assert_eq!((&about["sub"], &about["username"]), (&whoami["sub"], &json!(user.username)));
    assert_eq!(about["iss"], app.issuer);
    assert_eq!(about["token_type"].as_str().map(str::to_lowercase).as_deref(), Some("bearer"));
    let machine = Tokens::of(&token(app, "no-scope", &[("grant_type", "client_credentials")]));
    let about = introspect(app, &machine.access);
    assert_eq!(about["active"], true);
    assert_eq!(about["scope"].as_str().unwrap_or_default(), "");
    assert_eq!((&about["sub"], about.get("username")), (&json!("no-scope"), None));
}

fn iat_and_exp_match_the_lifetime(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let about = introspect(app, &password_tokens(app, &user, "all").access);
    let (issued, expires) = (about["iat"].as_i64().unwrap(), about["exp"].as_i64().unwrap());
    assert_eq!(expires - issued, 3600);
    // Whole seconds since 1970, not milliseconds.
    assert!((1_750_000_000..100_000_000_000).contains(&issued), "{issued}");
}

fn an_invalid_token_is_inactive_and_nothing_else(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = password_tokens(app, &user, "all");
    app.send(&as_client(app, "revoke", "demo", &[("token", tokens.refresh())])).expect(200);
    let code = CodeRequest::web().code(app, &user);
    let forged = format!("{}x", &tokens.access[..tokens.access.len() - 1]);
    for token in [&*tokens.access, tokens.refresh(), &code, &forged, "x", "é", &"A".repeat(5000)] {
        assert_eq!(introspect(app, token), json!({"active": false}));
    }
}

fn a_refresh_token_is_described_too(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = password_tokens(app, &user, "all notes.read");
    let about = introspect(app, tokens.refresh());
    assert_eq!((&about["active"], &about["client_id"]), (&true.into(), &"demo".into()));
    assert_eq!(about["scope"], "all notes.read");
    // A rotated refresh token is inactive.
    let next = Tokens::of(&refresh(app, "demo", tokens.refresh()));
    assert_eq!(introspect(app, next.refresh())["active"], true);
    assert_eq!(introspect(app, tokens.refresh()), json!({"active": false}));
    // Introspection is not use: the grace window stays open.
    assert_eq!(Tokens::of(&refresh(app, "demo", tokens.refresh())).refresh, next.refresh);
}

fn the_caller_must_authenticate(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    let token = [("token", access.as_str())];
    app.send(&Request::form("/oauth/introspect", &token)).expect_error(401, "invalid_client");
    let wrong = Request::form("/oauth/introspect", &token).basic("resource-server", "wrong secret 123");
    app.send(&wrong).expect_error(401, "invalid_client");
    let named = [token[0], ("client_id", "resource-server")];
    app.send(&Request::form("/oauth/introspect", &named)).expect_error(401, "invalid_client");
    ask(app, "poster", &token).expect(200);
}

fn a_public_client_cannot_introspect(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    ask(app, "demo", &[("token", &access)]).expect_error(401, "invalid_client");
}

fn a_client_sees_its_own_tokens_only(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let web = CodeRequest::web().tokens(app, &user);
    assert_eq!(ask(app, "web", &[("token", &web.access)]).expect(200).json()["active"], true);
    assert_eq!(ask(app, "web", &[("token", web.refresh())]).expect(200).json()["active"], true);
    for token in [&*web.access, web.refresh()] {
        assert_eq!(ask(app, "other", &[("token", token)]).expect(200).json(), json!({"active": false}));
    }
}

fn a_resource_server_sees_every_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for tokens in [CodeRequest::web().tokens(app, &user), password_tokens(app, &user, "all")] {
        assert_eq!(introspect(app, &tokens.access)["active"], true);
    }
}

fn the_token_parameter_is_required(context: &Context) {
    for parameters in [&[][..], &[("token", "")], &[("token_type_hint", "access_token")]] {
        ask(context.app(), "resource-server", parameters).expect_error(400, "invalid_request");
    }
}

fn the_token_type_hint_is_only_a_hint(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = password_tokens(app, &user, "all");
    for token in [&*tokens.access, tokens.refresh()] {
        for hint in ["access_token", "refresh_token", "unknown", ""] {
            let answer = ask(app, "resource-server", &[("token", token), ("token_type_hint", hint)]);
            assert_eq!(answer.expect(200).json()["active"], true, "{hint}");
        }
    }
}

fn a_bearer_token_does_not_authenticate_the_caller(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    let request = Request::form("/oauth/introspect", &[("token", &access)]).bearer(&access);
    app.send(&request).expect_error(401, "invalid_client");
}

fn responses_are_not_cached(context: &Context) {
    let answer = ask(context.app(), "resource-server", &[("token", "x")]).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
