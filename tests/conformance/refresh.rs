//! The refresh token grant (RFC 6749 section 6): rotation, reuse, the grace window.

use gridauth_conformance::oauth::{
    CodeRequest, Tokens, introspect, is_valid, password_tokens, refresh, token,
};
use gridauth_conformance::{Context, Demo, Request, cases};

cases! {
    "RFC 6749 6" => a_refresh_token_gives_new_tokens,
    "RFC 9700 4.14.2" => refresh_tokens_rotate_for_all_clients,
    "RFC 9700 4.14.2" => reuse_once_the_successor_was_used_revokes_the_grant,
    "RFC 9700 4.14.2" => reuse_from_further_back_revokes_the_grant,
    "DEMO_APP.md, Policies" => within_the_grace_window_the_same_successor_is_returned,
    "DEMO_APP.md, Policies" => the_successor_of_a_repetition_is_usable,
    "DEMO_APP.md, Start" => without_a_grace_window_a_repetition_is_reuse,
    "RFC 6749 6" => a_refresh_token_is_bound_to_its_client,
    "DESIGN.md, rules" => another_clients_refresh_token_changes_nothing,
    "RFC 6749 6" => the_scope_can_be_narrowed,
    "RFC 6749 6" => the_scope_cannot_be_widened,
    "RFC 6749 6" => a_narrowed_scope_does_not_narrow_the_grant,
    "RFC 6749 6" => a_refused_scope_does_not_rotate,
    "RFC 6749 6" => the_client_must_authenticate,
    "RFC 6749 6" => a_missing_refresh_token_is_invalid_request,
    "RFC 6749 6" => a_made_up_refresh_token_is_refused,
    "DESIGN.md, Refresh tokens" => a_forged_token_of_a_known_grant_does_nothing,
    "RFC 6749 6" => older_access_tokens_stay_valid,
    "RFC 6749 6" => the_user_and_client_stay_the_same,
    "DESIGN.md, Storage" => a_long_chain_keeps_working,
}

fn tokens(context: &Context, app: &Demo) -> Tokens {
    let user = context.user_at(app);
    password_tokens(app, &user, "notes.read notes.write")
}

#[track_caller]
fn renewed(app: &Demo, client: &str, token: &str) -> Tokens {
    Tokens::of(&refresh(app, client, token))
}

fn a_refresh_token_gives_new_tokens(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let second = renewed(app, "demo", first.refresh());
    assert_ne!(first.access, second.access);
    assert_ne!(first.refresh, second.refresh);
    assert!(is_valid(app, &second.access));
    assert_eq!((second.scope.as_str(), second.expires_in), ("notes.read notes.write", 3600));
}

fn refresh_tokens_rotate_for_all_clients(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for (client, uri) in [
        ("web", "https://client.example.com/cb"),
        ("poster", "https://poster.example.com/cb"),
        ("spa-refresh", "https://spa.example.com/cb"),
    ] {
        let first = CodeRequest::new(client, uri).tokens(app, &user);
        let second = renewed(app, client, first.refresh());
        assert_ne!(first.refresh, second.refresh, "{client}");
        renewed(app, client, second.refresh());
    }
}

fn reuse_once_the_successor_was_used_revokes_the_grant(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let second = renewed(app, "demo", first.refresh());
    let third = renewed(app, "demo", second.refresh());
    refresh(app, "demo", first.refresh()).expect_error(400, "invalid_grant");
    for gone in [&first, &second, &third] {
        assert!(!is_valid(app, &gone.access));
        assert_eq!(introspect(app, gone.refresh())["active"], false);
    }
    refresh(app, "demo", third.refresh()).expect_error(400, "invalid_grant");
}

fn reuse_from_further_back_revokes_the_grant(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let mut last = first.clone();
    for _ in 0..4 {
        last = renewed(app, "demo", last.refresh());
    }
    refresh(app, "demo", first.refresh()).expect_error(400, "invalid_grant");
    assert!(!is_valid(app, &last.access));
    refresh(app, "demo", last.refresh()).expect_error(400, "invalid_grant");
}

fn within_the_grace_window_the_same_successor_is_returned(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let second = renewed(app, "demo", first.refresh());
    for _ in 0..3 {
        let again = renewed(app, "demo", first.refresh());
        assert_eq!(
            (&again.access, &again.refresh, &again.scope),
            (&second.access, &second.refresh, &second.scope)
        );
        assert!(again.expires_in <= second.expires_in);
    }
    assert!(is_valid(app, &second.access));
}

fn the_successor_of_a_repetition_is_usable(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    renewed(app, "demo", first.refresh());
    let second = renewed(app, "demo", first.refresh());
    let third = renewed(app, "demo", second.refresh());
    // The second token has a grace window.
    let again = renewed(app, "demo", second.refresh());
    assert_eq!((again.access, again.refresh), (third.access.clone(), third.refresh.clone()));
    // The first is further back.
    refresh(app, "demo", first.refresh()).expect_error(400, "invalid_grant");
    assert!(!is_valid(app, &third.access));
}

fn without_a_grace_window_a_repetition_is_reuse(context: &Context) {
    let app = context.graceless();
    let first = tokens(context, app);
    let second = renewed(app, "demo", first.refresh());
    refresh(app, "demo", first.refresh()).expect_error(400, "invalid_grant");
    assert!(!is_valid(app, &second.access));
    refresh(app, "demo", second.refresh()).expect_error(400, "invalid_grant");
}

fn a_refresh_token_is_bound_to_its_client(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let web = CodeRequest::web().tokens(app, &user);
    for other in ["other", "poster", "spa-refresh", "demo"] {
        refresh(app, other, web.refresh()).expect_error(400, "invalid_grant");
    }
}

fn another_clients_refresh_token_changes_nothing(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let web = CodeRequest::web().tokens(app, &user);
    let second = renewed(app, "web", web.refresh());
    // Neither the current token nor a rotated one, which would be reuse if its own client sent it.
    let third = renewed(app, "web", second.refresh());
    for token in [web.refresh(), second.refresh(), third.refresh()] {
        refresh(app, "other", token).expect_error(400, "invalid_grant");
    }
    assert!(is_valid(app, &third.access));
    renewed(app, "web", third.refresh());
}

fn the_scope_can_be_narrowed(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let answer = token(
        app,
        "demo",
        &[("grant_type", "refresh_token"), ("refresh_token", first.refresh()), ("scope", "notes.read")],
    );
    let narrow = Tokens::of(&answer);
    assert_eq!(narrow.scope, "notes.read");
    assert_eq!(app.send(&Request::get("/notes").bearer(&narrow.access)).status, 200);
    let post = Request::json("/notes", &serde_json::json!({"text": "x"})).bearer(&narrow.access);
    app.send(&post).expect_error(403, "insufficient_scope");
    assert_eq!(introspect(app, &narrow.access)["scope"], "notes.read");
}

fn the_scope_cannot_be_widened(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    // The client may have `all`, but this grant does not.
    for scope in ["all", "notes.read all", "notes.read notes.write email", "\""] {
        let parameters =
            [("grant_type", "refresh_token"), ("refresh_token", first.refresh()), ("scope", scope)];
        token(app, "demo", &parameters).expect_error(400, "invalid_scope");
    }
}

fn a_narrowed_scope_does_not_narrow_the_grant(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let parameters =
        [("grant_type", "refresh_token"), ("refresh_token", first.refresh()), ("scope", "notes.write")];
    let narrow = Tokens::of(&token(app, "demo", &parameters));
    let whole = renewed(app, "demo", narrow.refresh());
    assert_eq!(whole.scope, "notes.read notes.write");
}

fn a_refused_scope_does_not_rotate(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let parameters = [("grant_type", "refresh_token"), ("refresh_token", first.refresh()), ("scope", "all")];
    token(app, "demo", &parameters).expect_error(400, "invalid_scope");
    let second = renewed(app, "demo", first.refresh());
    assert_eq!(second.refresh, renewed(app, "demo", first.refresh()).refresh);
}

fn the_client_must_authenticate(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let web = CodeRequest::web().tokens(app, &user);
    let body = [("grant_type", "refresh_token"), ("refresh_token", web.refresh()), ("client_id", "web")];
    app.send(&Request::form("/oauth/token", &body)).expect_error(401, "invalid_client");
    let wrong = Request::form("/oauth/token", &body[..2]).basic("web", "wrong secret 123");
    app.send(&wrong).expect_error(401, "invalid_client");
    renewed(app, "web", web.refresh());
}

fn a_missing_refresh_token_is_invalid_request(context: &Context) {
    for parameters in
        [&[("grant_type", "refresh_token")][..], &[("grant_type", "refresh_token"), ("refresh_token", "")]]
    {
        token(context.app(), "demo", parameters).expect_error(400, "invalid_request");
    }
}

fn a_made_up_refresh_token_is_refused(context: &Context) {
    for made_up in
        ["x", "gar_", "gar_AAAA", &format!("gar_{}", "A".repeat(86)), "é", "../..", &"A".repeat(5000)]
    {
        refresh(context.app(), "demo", made_up).expect_error(400, "invalid_grant");
    }
}

fn a_forged_token_of_a_known_grant_does_nothing(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let real = first.refresh();
    // An access token and a refresh token share the part that names the grant. Every resource server sees access tokens,
    // so that part must not be enough to end the grant.
    let shared = first.access[4..].bytes().zip(real[4..].bytes()).take_while(|(a, b)| a == b).count();
    let known = &first.access[4..4 + shared];
    let rest = &first.access[4 + shared..];
    for filler in ["A", "z", "_", rest] {
        let mut forged = format!("{}{known}", &real[..4]);
        while forged.len() < real.len() {
            forged.push_str(filler);
        }
        refresh(app, "demo", &forged[..real.len()]).expect_error(400, "invalid_grant");
        assert!(is_valid(app, &first.access));
    }
    renewed(app, "demo", real);
}

fn older_access_tokens_stay_valid(context: &Context) {
    let app = context.app();
    let first = tokens(context, app);
    let second = renewed(app, "demo", first.refresh());
    assert!(is_valid(app, &first.access) && is_valid(app, &second.access));
}

fn the_user_and_client_stay_the_same(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let first = CodeRequest::web().tokens(app, &user);
    let second = renewed(app, "web", first.refresh());
    let about = introspect(app, &second.access);
    assert_eq!((&about["username"], &about["client_id"]), (&user.username.into(), &"web".into()));
}

fn a_long_chain_keeps_working(context: &Context) {
    let app = context.app();
    let mut last = tokens(context, app);
    for _ in 0..40 {
        last = renewed(app, "demo", last.refresh());
    }
    assert!(is_valid(app, &last.access));
}
