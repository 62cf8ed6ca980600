//! The client credentials, password and implicit grants.

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::oauth::{
    CodeRequest, Redirect, Tokens, form_post, introspect, is_valid, password_tokens, token,
};
use gridauth_conformance::{Browser, Context, Request, cases, random};

cases! {
    "RFC 6749 4.4" => a_client_acts_for_itself,
    "RFC 6749 4.4.3" => client_credentials_give_no_refresh_token,
    "RFC 6749 4.4.2" => client_credentials_need_authentication,
    "RFC 6749 3.3" => client_credentials_scope_is_what_is_asked,
    "RFC 6749 3.3" => client_credentials_without_scope_get_the_whole_scope,
    "RFC 6749 5.2" => client_credentials_scope_beyond_the_client_is_refused,
    "RFC 6749 4.3" => a_password_becomes_tokens,
    "RFC 6749 4.3.2" => an_incomplete_password_request_is_refused,
    "RFC 6749 5.2" => a_wrong_password_is_invalid_grant,
    "RFC 6749 5.2" => an_unknown_user_reads_the_same,
    "RFC 6749 4.3.2" => a_password_is_any_text,
    "RFC 6749 4.3" => passwords_are_exact,
    "RFC 6749 3.3" => password_scope_is_what_is_asked,
    "RFC 6749 4.3.2" => a_confidential_client_may_use_the_password_grant,
    "RFC 6749 4.2" => implicit_gives_a_token_in_the_fragment,
    "RFC 6749 4.2.2" => implicit_gives_no_refresh_token,
    "RFC 6749 4.2.2.1" => implicit_returns_errors_in_the_fragment,
    "OAuth multiple response types" => implicit_never_uses_the_query,
    "OAuth form_post" => implicit_can_be_posted,
    "RFC 6749 4.2" => implicit_asks_for_consent,
    "RFC 6749 4.2" => implicit_is_not_at_the_token_endpoint,
}

const MACHINE: (&str, &str) = ("grant_type", "client_credentials");

fn a_client_acts_for_itself(context: &Context) {
    let app = context.app();
    let tokens = Tokens::of(&token(app, "machine", &[MACHINE]));
    assert_eq!(tokens.expires_in, 3600);
    let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
    assert_eq!((&whoami["sub"], &whoami["client_id"]), (&"machine".into(), &"machine".into()));
    let about = introspect(app, &tokens.access);
    assert_eq!((&about["active"], &about["client_id"]), (&true.into(), &"machine".into()));
    assert_ne!(tokens.access, Tokens::of(&token(app, "machine", &[MACHINE])).access);
}

fn client_credentials_give_no_refresh_token(context: &Context) {
    let app = context.app();
    assert_eq!(Tokens::of(&token(app, "machine", &[MACHINE])).refresh, None);
    // Not even to a client that may refresh.
    assert_eq!(Tokens::of(&token(app, "other", &[MACHINE])).refresh, None);
}

fn client_credentials_need_authentication(context: &Context) {
    let app = context.app();
    let request = |id: &str| Request::form("/oauth/token", &[MACHINE, ("client_id", id)]);
    app.send(&request("machine")).expect_error(401, "invalid_client");
    let public = app.send(&request("spa"));
    assert!([400, 401].contains(&public.status), "{public:#}");
    assert!(["invalid_client", "unauthorized_client"].contains(&&*public.member("error")), "{public:#}");
}

fn client_credentials_scope_is_what_is_asked(context: &Context) {
    let app = context.app();
    let tokens = Tokens::of(&token(app, "machine", &[MACHINE, ("scope", "notes.write")]));
    assert_eq!(tokens.scope, "notes.write");
    assert_eq!(app.send(&Request::get("/notes").bearer(&tokens.access)).status, 403);
    // A token named twice counts once; the order is the client's.
    let twice = Tokens::of(&token(app, "machine", &[MACHINE, ("scope", "all  notes.read all ")]));
    assert_eq!(twice.scope, "all notes.read");
}

fn client_credentials_without_scope_get_the_whole_scope(context: &Context) {
    let app = context.app();
    assert_eq!(Tokens::of(&token(app, "machine", &[MACHINE])).scope, "notes.read notes.write all");
    let none = token(app, "no-scope", &[MACHINE]).expect(200);
    assert_eq!(none.json()["scope"].as_str().unwrap_or_default(), "");
}

fn client_credentials_scope_beyond_the_client_is_refused(context: &Context) {
    let app = context.app();
    for scope in
        ["email", "notes.read email", "NOTES.READ", "notes.read,notes.write", "\"", "é", "notes.read\\"]
    {
        token(app, "machine", &[MACHINE, ("scope", scope)]).expect_error(400, "invalid_scope");
    }
    token(app, "no-scope", &[MACHINE, ("scope", "all")]).expect_error(400, "invalid_scope");
}

fn a_password_becomes_tokens(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = password_tokens(app, &user, "notes.read");
    assert_eq!((tokens.scope.as_str(), tokens.expires_in), ("notes.read", 3600));
    assert!(tokens.refresh.is_some());
    let about = introspect(app, &tokens.access);
    assert_eq!((&about["username"], &about["client_id"]), (&user.username.clone().into(), &"demo".into()));
}

fn an_incomplete_password_request_is_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (grant, name, password) =
        (("grant_type", "password"), ("username", &*user.username), ("password", &*user.password));
    for parameters in [
        &[grant, name][..],
        &[grant, password],
        &[grant],
        &[grant, ("username", ""), password],
        &[grant, name, ("password", "")],
    ] {
        token(app, "demo", parameters).expect_error(400, "invalid_request");
    }
}

fn a_wrong_password_is_invalid_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for wrong in
        ["wrong password", &user.password.to_uppercase(), &user.password[1..], &format!("{} ", user.password)]
    {
        let parameters = [("grant_type", "password"), ("username", &*user.username), ("password", wrong)];
        token(app, "demo", &parameters).expect_error(400, "invalid_grant");
    }
    password_tokens(app, &user, "all");
}

fn an_unknown_user_reads_the_same(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let answer = |name: &str| {
        token(app, "demo", &[("grant_type", "password"), ("username", name), ("password", "wrong password")])
    };
    let (known, unknown) = (answer(&user.username), answer(&random::unique("nobody")));
    assert_eq!((known.status, known.text()), (unknown.status, unknown.text()));
}

fn a_password_is_any_text(context: &Context) {
    let app = context.app();
    for password in [
        " leading and trailing ",
        "p&=+%41:;\"'<>\\/?#",
        "пароль ünïcödé 密码 🔑",
        "tab\tnewline\nreturn\rnull\0bell\x07",
        &"x".repeat(1024),
    ] {
        let name = random::unique("text");
        let fields = [("username", name.as_str()), ("password", password)];
        app.send(&Request::form("/sign_up", &fields)).expect(201);
        let parameters = [("grant_type", "password"), fields[0], fields[1]];
        Tokens::of(&token(app, "demo", &parameters));
    }
}

fn passwords_are_exact(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let upper = user.password.to_uppercase();
    for password in [&*upper, &format!(" {}", user.password), &format!("{} ", user.password)] {
        let parameters = [("grant_type", "password"), ("username", &*user.username), ("password", password)];
        token(app, "demo", &parameters).expect_error(400, "invalid_grant");
    }
}

fn password_scope_is_what_is_asked(context: &Context) {
    let (app, user) = (context.app(), context.user());
    assert_eq!(password_tokens(app, &user, "all notes.write").scope, "all notes.write");
    let fields = [("grant_type", "password"), ("username", &*user.username), ("password", &*user.password)];
    // The client of the seed has no default scope: it gets its whole scope.
    assert_eq!(Tokens::of(&token(app, "demo", &fields)).scope, "all notes.read notes.write");
    let mut beyond = fields.to_vec();
    beyond.push(("scope", "email"));
    token(app, "demo", &beyond).expect_error(400, "invalid_scope");
}

fn a_confidential_client_may_use_the_password_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let fields = [("grant_type", "password"), ("username", &*user.username), ("password", &*user.password)];
    for client in ["other", "poster"] {
        let tokens = Tokens::of(&token(app, client, &fields));
        assert_eq!(introspect(app, &tokens.access)["client_id"], client);
    }
    let mut without = fields.to_vec();
    without.push(("client_id", "other"));
    app.send(&Request::form("/oauth/token", &without)).expect_error(401, "invalid_client");
}

fn implicit_request() -> CodeRequest {
    CodeRequest::new("implicit", "https://implicit.example.com/cb")
        .with("response_type", "token")
        .with("state", "s&t")
        .without("code_challenge")
        .without("code_challenge_method")
}

fn implicit_gives_a_token_in_the_fragment(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let redirect = implicit_request().go_through(app, &user);
    assert!(redirect.query.is_empty(), "{redirect:?}");
    assert_eq!(redirect.in_fragment("state"), Some("s&t"));
    assert_eq!(redirect.in_fragment("iss"), Some(&*app.issuer));
    assert_eq!(redirect.in_fragment("token_type").map(str::to_lowercase).as_deref(), Some("bearer"));
    assert_eq!(redirect.in_fragment("expires_in"), Some("3600"));
    let access = redirect.in_fragment("access_token").unwrap();
    assert!(is_valid(app, access));
    assert_eq!(introspect(app, access)["username"], user.username);
    // RFC 6749 section 4.2.2: the scope is required if it differs from the requested one, and optional otherwise.
    let whole = implicit_request().without("scope").go_through(app, &user);
    assert_eq!(whole.in_fragment("scope"), Some("notes.read notes.write"));
}

fn implicit_gives_no_refresh_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let redirect = implicit_request().go_through(app, &user);
    assert_eq!(redirect.in_fragment("refresh_token"), None);
    assert_eq!(redirect.in_fragment("code"), None);
}

fn implicit_returns_errors_in_the_fragment(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let refused = Redirect::of(&implicit_request().with("scope", "nothing").open(app));
    assert_eq!(refused.in_fragment("error"), Some("invalid_scope"));
    assert_eq!((refused.in_fragment("state"), refused.in_fragment("iss")), (Some("s&t"), Some(&*app.issuer)));
    assert!(refused.query.is_empty(), "{refused:?}");
    let mut browser = Browser::new(app);
    let page = browser.authorize(&implicit_request().pairs());
    let page = browser.sign_in(&page, &user);
    let denied = Redirect::of(&browser.deny(&page));
    assert_eq!(denied.in_fragment("error"), Some("access_denied"));
    assert_eq!(denied.in_fragment("access_token"), None);
}

fn implicit_never_uses_the_query(context: &Context) {
    let refused = Redirect::of(&implicit_request().with("response_mode", "query").open(context.app()));
    let error = refused.get("error").or(refused.in_fragment("error"));
    assert_eq!(error, Some("invalid_request"), "{refused:?}");
}

fn implicit_can_be_posted(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = implicit_request().with("response_mode", "form_post");
    let (action, fields) = form_post(&Browser::new(app).go_through(&request.pairs(), &user));
    assert_eq!(action, "https://implicit.example.com/cb");
    let access = fields.iter().find(|(name, _)| name == "access_token").map(|(_, value)| value.as_str());
    assert!(is_valid(app, access.unwrap()));
}

fn implicit_asks_for_consent(context: &Context) {
    let user = context.user();
    let mut browser = Browser::new(context.app());
    let page = browser.authorize(&implicit_request().pairs());
    assert!(is_sign_in(&page));
    assert!(is_consent(&browser.sign_in(&page, &user)));
}

fn implicit_is_not_at_the_token_endpoint(context: &Context) {
    for kind in ["implicit", "token"] {
        token(context.app(), "implicit", &[("grant_type", kind)]).expect_error(400, "unsupported_grant_type");
    }
}
