//! Revocation (RFC 7009).

use gridauth_conformance::oauth::{
    CodeRequest, Tokens, as_client, introspect, is_valid, password_tokens, refresh, token,
};
use gridauth_conformance::{Context, Demo, Request, Response, cases};

cases! {
    "RFC 7009 2.1" => an_access_token_is_revoked_alone,
    "RFC 7009 2.1" => revoking_a_refresh_token_revokes_its_access_tokens,
    "RFC 7009 2.1" => a_rotated_refresh_token_still_ends_the_grant,
    "RFC 7009 2.2" => an_unknown_token_is_200,
    "RFC 7009 2.2" => revoking_twice_is_200,
    "RFC 7009 2.1" => another_clients_token_stays_valid,
    "RFC 7009 2.1" => a_public_client_revokes_its_own,
    "RFC 7009 2.1" => the_client_must_authenticate,
    "RFC 7009 2.1" => the_token_parameter_is_required,
    "RFC 7009 2.1" => the_token_type_hint_is_only_a_hint,
    "RFC 7009 2.2" => the_response_reveals_nothing,
    "RFC 7009 2.1" => the_only_access_token_of_a_machine_is_revoked,
    "RFC 6749 4.1.2" => a_code_can_be_revoked,
}

#[track_caller]
fn revoke(app: &Demo, client: &str, parameters: &[(&str, &str)]) -> Response {
    app.send(&as_client(app, "revoke", client, parameters))
}

fn an_access_token_is_revoked_alone(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let first = password_tokens(app, &user, "all");
    let second = Tokens::of(&refresh(app, "demo", first.refresh()));
    revoke(app, "demo", &[("token", &first.access)]).expect(200);
    assert!(!is_valid(app, &first.access));
    assert_eq!(introspect(app, &first.access)["active"], false);
    assert!(is_valid(app, &second.access));
    Tokens::of(&refresh(app, "demo", second.refresh()));
}

fn revoking_a_refresh_token_revokes_its_access_tokens(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let first = password_tokens(app, &user, "all");
    let second = Tokens::of(&refresh(app, "demo", first.refresh()));
    let other = password_tokens(app, &user, "all");
    revoke(app, "demo", &[("token", second.refresh())]).expect(200);
    assert!(!is_valid(app, &first.access) && !is_valid(app, &second.access));
    refresh(app, "demo", second.refresh()).expect_error(400, "invalid_grant");
    refresh(app, "demo", first.refresh()).expect_error(400, "invalid_grant");
    assert!(is_valid(app, &other.access), "another grant of the same user and client stays valid");
}

fn a_rotated_refresh_token_still_ends_the_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let first = password_tokens(app, &user, "all");
    let second = Tokens::of(&refresh(app, "demo", first.refresh()));
    revoke(app, "demo", &[("token", first.refresh())]).expect(200);
    assert!(!is_valid(app, &second.access));
    refresh(app, "demo", second.refresh()).expect_error(400, "invalid_grant");
}

fn an_unknown_token_is_200(context: &Context) {
    let app = context.app();
    for token in ["x", "gat_x", "gar_x", &format!("gat_{}", "A".repeat(64)), "é", &"A".repeat(5000)] {
        revoke(app, "demo", &[("token", token)]).expect(200);
        revoke(app, "web", &[("token", token)]).expect(200);
    }
}

fn revoking_twice_is_200(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = password_tokens(app, &user, "all");
    for token in [&*tokens.access, &tokens.access, tokens.refresh(), tokens.refresh(), &tokens.access] {
        revoke(app, "demo", &[("token", token)]).expect(200);
    }
}

fn another_clients_token_stays_valid(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let web = CodeRequest::web().tokens(app, &user);
    for other in ["other", "poster", "demo", "resource-server"] {
        for token in [&*web.access, web.refresh()] {
            revoke(app, other, &[("token", token)]).expect_error(400, "invalid_grant");
        }
    }
    assert!(is_valid(app, &web.access));
    Tokens::of(&refresh(app, "web", web.refresh()));
}

fn a_public_client_revokes_its_own(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = CodeRequest::new("spa-refresh", "https://spa.example.com/cb").tokens(app, &user);
    revoke(app, "spa-refresh", &[("token", tokens.refresh())]).expect(200);
    assert!(!is_valid(app, &tokens.access));
}

fn the_client_must_authenticate(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let web = CodeRequest::web().tokens(app, &user);
    let body = [("token", web.access.as_str()), ("client_id", "web")];
    app.send(&Request::form("/oauth/revoke", &body)).expect_error(401, "invalid_client");
    app.send(&Request::form("/oauth/revoke", &body[..1])).expect_error(401, "invalid_client");
    let wrong = Request::form("/oauth/revoke", &body[..1]).basic("web", "wrong secret 123");
    app.send(&wrong).expect_error(401, "invalid_client");
    let bearer = Request::form("/oauth/revoke", &body[..1]).bearer(&web.access);
    app.send(&bearer).expect_error(401, "invalid_client");
    assert!(is_valid(app, &web.access));
}

fn the_token_parameter_is_required(context: &Context) {
    for parameters in [&[][..], &[("token", "")], &[("token_type_hint", "access_token")]] {
        revoke(context.app(), "demo", parameters).expect_error(400, "invalid_request");
    }
}

fn the_token_type_hint_is_only_a_hint(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for hint in ["access_token", "refresh_token", "unknown", ""] {
        let tokens = password_tokens(app, &user, "all");
        revoke(app, "demo", &[("token", &tokens.access), ("token_type_hint", hint)]).expect(200);
        assert!(!is_valid(app, &tokens.access), "{hint}");
        revoke(app, "demo", &[("token", tokens.refresh()), ("token_type_hint", hint)]).expect(200);
        refresh(app, "demo", tokens.refresh()).expect_error(400, "invalid_grant");
    }
}

fn the_response_reveals_nothing(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = password_tokens(app, &user, "all");
    let known = revoke(app, "demo", &[("token", tokens.refresh())]).expect(200);
    let unknown = revoke(app, "demo", &[("token", tokens.refresh())]).expect(200);
    assert_eq!(known.body, unknown.body);
    assert_eq!(known.header("cache-control"), Some("no-store"));
}

fn the_only_access_token_of_a_machine_is_revoked(context: &Context) {
    let app = context.app();
    let tokens = Tokens::of(&token(app, "machine", &[("grant_type", "client_credentials")]));
    revoke(app, "machine", &[("token", &tokens.access)]).expect(200);
    assert!(!is_valid(app, &tokens.access));
}

fn a_code_can_be_revoked(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    revoke(app, "web", &[("token", &code)]).expect(200);
    request.redeem(app, &code).expect_error(400, "invalid_grant");
    // Another client cannot revoke it.
    let code = request.code(app, &user);
    revoke(app, "other", &[("token", &code)]).expect_error(400, "invalid_grant");
    Tokens::of(&request.redeem(app, &code));
}
