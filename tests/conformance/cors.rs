//! Scripts of other origins (DEMO_APP.md, Policies): they call the endpoints that are made for them, and no page.

use gridauth_conformance::oauth::as_client;
use gridauth_conformance::{Context, Request, Response, cases};

cases! {
    "DEMO_APP.md, Policies" => scripts_of_every_origin_may_ask_for_tokens,
    "DEMO_APP.md, Policies" => a_script_can_read_a_refusal,
    "DEMO_APP.md, Policies" => a_script_can_read_that_its_body_was_too_long,
    "DEMO_APP.md, Policies" => the_routes_of_the_application_are_not_open_to_scripts,
    "DEMO_APP.md, Policies" => pages_and_introspection_are_not_open_to_scripts,
}

const ORIGIN: &str = "https://spa.example.com";
const METADATA: &str = "/.well-known/oauth-authorization-server";

fn preflight(path: &str, method: &str) -> Request {
    Request::new("OPTIONS", path)
        .header("Origin", ORIGIN)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", "authorization,content-type")
}

#[track_caller]
fn is_open(answer: &Response) {
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:#}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:#}");
}

#[track_caller]
fn is_closed(answer: &Response) {
    let names = answer.headers.iter().map(|(name, _)| name);
    assert_eq!(names.filter(|name| name.starts_with("access-control")).count(), 0, "{answer:#}");
}

fn scripts_of_every_origin_may_ask_for_tokens(context: &Context) {
    let app = context.app();
    for (path, method, methods) in
        [("/oauth/token", "POST", "POST"), ("/oauth/revoke", "POST", "POST"), (METADATA, "GET", "GET, HEAD")]
    {
        let answer = app.send(&preflight(path, method)).expect(204);
        is_open(&answer);
        assert_eq!(answer.header("access-control-allow-methods"), Some(methods), "{answer:#}");
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, Some("authorization,content-type"), "{answer:#}");
    }
    let request = as_client(app, "token", "machine", &[("grant_type", "client_credentials")]);
    is_open(&app.send(&request.header("Origin", ORIGIN)).expect(200));
    is_open(&app.send(&Request::get(METADATA).header("Origin", ORIGIN)).expect(200));
}

fn a_script_can_read_a_refusal(context: &Context) {
    let app = context.app();
    let form = [("grant_type", "client_credentials"), ("client_id", "nobody")];
    for (request, status) in [
        (Request::form("/oauth/token", &form), 401),
        (Request::form("/oauth/token", &form[1..]), 400),
        (Request::form("/oauth/revoke", &form[1..]), 401),
        (Request::new("PUT", "/oauth/token"), 405),
    ] {
        let answer = app.send(&request.header("Origin", ORIGIN)).expect(status);
        is_open(&answer);
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        assert!(exposed.contains("WWW-Authenticate") && exposed.contains("DPoP-Nonce"), "{answer:#}");
    }
}

fn a_script_can_read_that_its_body_was_too_long(context: &Context) {
    let app = context.app();
    let long = "a".repeat(70_000);
    for path in ["/oauth/token", "/oauth/revoke"] {
        let request = Request::form(path, &[("client_id", &*long)]).header("Origin", ORIGIN);
        is_open(&app.send(&request).expect(413));
    }
    for path in ["/oauth/introspect", "/", "/sign_up"] {
        is_closed(
            &app.send(&Request::form(path, &[("username", &*long)]).header("Origin", ORIGIN)).expect(413),
        );
    }
}

fn the_routes_of_the_application_are_not_open_to_scripts(context: &Context) {
    let app = context.app();
    let user = context.user();
    let form = [("username", &*user.username), ("password", &*user.password)];
    is_closed(&app.send(&Request::form("/", &form).header("Origin", ORIGIN)).expect(200));
    is_closed(&app.send(&Request::form("/", &form[..1]).header("Origin", ORIGIN)).expect(400));
    is_closed(&app.send(&Request::get("/private").header("Origin", ORIGIN)).expect(401));
}

fn pages_and_introspection_are_not_open_to_scripts(context: &Context) {
    let app = context.app();
    for path in ["/oauth/authorize", "/oauth/introspect"] {
        let refused = app.send(&preflight(path, "POST")).expect(405);
        let asked = app.send(&Request::post(path).header("Origin", ORIGIN));
        for answer in [refused, asked] {
            is_closed(&answer);
        }
    }
}
