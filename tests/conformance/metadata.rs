//! Authorization server metadata (RFC 8414): what it lists works, and what it does not list does not exist.

use std::collections::BTreeSet;

use gridauth_conformance::case::HTTPS_ISSUER;
use gridauth_conformance::{Context, Demo, Request, cases};
use serde_json::{Map, Value};

cases! {
    "RFC 8414 3.3" => the_issuer_is_exactly_the_configured_one,
    "RFC 8414 2" => every_required_member_is_there,
    "RFC 8414 2" => endpoints_are_the_issuer_followed_by_their_paths,
    "RFC 8414 2" => every_endpoint_that_is_listed_answers,
    "RFC 8414 2" => every_member_has_the_right_type,
    "RFC 8414 3.1" => an_issuer_with_a_path_has_the_well_known_part_before_it,
    "RFC 8414 3.2" => it_is_json_for_get_and_head_only,
    "RFC 8414 2" => the_grant_types_are_those_that_are_implemented,
    "RFC 8414 2" => the_scopes_are_those_of_the_demo,
    "RFC 8414 2" => client_authentication_methods_are_listed_for_each_endpoint,
    "RFC 7636 6.2" => s256_is_the_only_challenge_method,
    "RFC 9207 3" => the_issuer_parameter_is_announced,
    "DEMO_APP.md, Routes" => what_is_not_implemented_is_not_listed_and_answers_404,
    "DEMO_APP.md, Routes" => paths_are_exact,
    "DESIGN.md, rules" => a_host_header_changes_nothing,
}

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// Optional members, and the paths that exist if and only if the member is there.
const OPTIONAL: [(&str, &str); 6] = [
    ("device_authorization_endpoint", "/oauth/device_authorization"),
    ("pushed_authorization_request_endpoint", "/oauth/par"),
    ("registration_endpoint", "/oauth/register"),
    ("userinfo_endpoint", "/oauth/userinfo"),
    ("jwks_uri", "/oauth/jwks"),
    ("end_session_endpoint", "/oauth/end_session"),
];

#[track_caller]
fn metadata(app: &Demo) -> Map<String, Value> {
    let path = format!("{WELL_KNOWN}{}", app.base);
    match app.get(&path).expect(200).json() {
        Value::Object(metadata) => metadata,
        other => panic!("not an object: {other}"),
    }
}

#[track_caller]
fn list(metadata: &Map<String, Value>, member: &str) -> BTreeSet<String> {
    let values = metadata.get(member).and_then(Value::as_array).unwrap_or_else(|| panic!("no list {member}"));
    let set: BTreeSet<String> = values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    assert_eq!(set.len(), values.len(), "{member} has a duplicate");
    set
}

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn the_issuer_is_exactly_the_configured_one(context: &Context) {
    let app = context.app();
    assert_eq!(metadata(app)["issuer"], format!("http://{}", app.client.address));
    assert_eq!(metadata(context.https())["issuer"], HTTPS_ISSUER);
}

fn every_required_member_is_there(context: &Context) {
    let metadata = metadata(context.app());
    for member in ["issuer", "authorization_endpoint", "token_endpoint", "response_types_supported"] {
        assert!(metadata.contains_key(member), "{member}");
    }
}

fn endpoints_are_the_issuer_followed_by_their_paths(context: &Context) {
    for app in [context.app(), context.https()] {
        let metadata = metadata(app);
        for (member, path) in [
            ("authorization_endpoint", "/oauth/authorize"),
            ("token_endpoint", "/oauth/token"),
            ("revocation_endpoint", "/oauth/revoke"),
            ("introspection_endpoint", "/oauth/introspect"),
        ] {
            assert_eq!(metadata[member], format!("{}{path}", app.issuer), "{member}");
        }
    }
}

fn every_endpoint_that_is_listed_answers(context: &Context) {
    for app in [context.app(), context.https()] {
        for (member, url) in metadata(app) {
            if !member.ends_with("_endpoint") && member != "jwks_uri" {
                continue;
            }
            let rest = url.as_str().unwrap().strip_prefix(&app.issuer).expect("below the issuer");
            let answer = app.get(&format!("{}{rest}", app.base));
            assert_ne!(answer.status, 404, "{member}: {answer:#}");
        }
    }
}

fn every_member_has_the_right_type(context: &Context) {
    for (member, value) in metadata(context.app()) {
        let right = match member.as_str() {
            name if name.ends_with("_supported")
                && (name.contains("_parameter_") || name.contains("channel_logout_")) =>
            {
                value.is_boolean()
            }
            name if name.ends_with("_supported") => {
                value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
            }
            name if name.starts_with("require_") => value.is_boolean(),
            _ => value.as_str().is_some_and(|text| !text.is_empty()),
        };
        assert!(right, "{member}: {value}");
    }
}

fn an_issuer_with_a_path_has_the_well_known_part_before_it(context: &Context) {
    let app = context.https();
    app.get(&format!("{WELL_KNOWN}/tenant")).expect(200);
    // That would be the metadata of another issuer, https://id.example.com.
    app.get(WELL_KNOWN).expect(404);
    app.get(&format!("/tenant{WELL_KNOWN}")).expect(404);
    context.app().get(&format!("{WELL_KNOWN}/tenant")).expect(404);
}

fn it_is_json_for_get_and_head_only(context: &Context) {
    let app = context.app();
    let answer = app.get(WELL_KNOWN).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let head = app.send(&Request::new("HEAD", WELL_KNOWN)).expect(200);
    assert_eq!(head.header("content-type"), Some("application/json"));
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        app.send(&Request::new(method, WELL_KNOWN)).expect(405);
    }
}

fn the_grant_types_are_those_that_are_implemented(context: &Context) {
    let metadata = metadata(context.app());
    let grants = list(&metadata, "grant_types_supported");
    for grant in [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ] {
        assert!(grants.contains(grant), "{grant}");
    }
    let types = list(&metadata, "response_types_supported");
    assert!(types.is_superset(&set(&["code", "token"])), "{types:?}");
    let modes = ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"];
    assert_eq!(list(&metadata, "response_modes_supported"), set(&modes));
    // A grant type that is not listed is not supported.
    for grant in
        ["urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange"]
    {
        if !grants.contains(grant) {
            let request = Request::form("/oauth/token", &[("grant_type", grant), ("client_id", "demo")]);
            context.app().send(&request).expect_error(400, "unsupported_grant_type");
        }
    }
}

fn the_scopes_are_those_of_the_demo(context: &Context) {
    assert_eq!(
        list(&metadata(context.app()), "scopes_supported"),
        set(&[
            "all",
            "notes.read",
            "notes.write",
            "openid",
            "profile",
            "email",
            "address",
            "phone",
            "offline_access",
        ])
    );
}

fn client_authentication_methods_are_listed_for_each_endpoint(context: &Context) {
    let metadata = metadata(context.app());
    let methods =
        ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];
    let all = set(&methods);
    assert!(list(&metadata, "token_endpoint_auth_methods_supported").is_superset(&all));
    assert!(list(&metadata, "revocation_endpoint_auth_methods_supported").is_superset(&all));
    let introspection = list(&metadata, "introspection_endpoint_auth_methods_supported");
    assert!(introspection.is_superset(&set(&["client_secret_basic", "client_secret_post"])));
    // RFC 7662 section 2.1: the caller must authenticate.
    assert!(!introspection.contains("none"));
}

fn s256_is_the_only_challenge_method(context: &Context) {
    assert_eq!(list(&metadata(context.app()), "code_challenge_methods_supported"), set(&["S256"]));
}

fn the_issuer_parameter_is_announced(context: &Context) {
    assert_eq!(metadata(context.app())["authorization_response_iss_parameter_supported"], true);
}

fn what_is_not_implemented_is_not_listed_and_answers_404(context: &Context) {
    let app = context.app();
    let metadata = metadata(app);
    for (member, path) in OPTIONAL {
        let listed = metadata.contains_key(member);
        for method in ["GET", "POST"] {
            let answer = app.send(&Request::new(method, path));
            assert_eq!(answer.status != 404, listed, "{method} {path}: {answer:#}");
        }
    }
    if !metadata.contains_key("device_authorization_endpoint") {
        app.get("/oauth/device").expect(404);
    }
    if !metadata.contains_key("registration_endpoint") {
        app.get("/oauth/register/web").expect(404);
    }
    if !metadata.contains_key("jwks_uri") {
        app.get("/.well-known/openid-configuration").expect(404);
    }
}

fn paths_are_exact(context: &Context) {
    for path in [
        "/oauth",
        "/oauth/",
        "/oauth/token/",
        "/oauth/Token",
        "/oauth//token",
        "/oauth/authorize/",
        "/oauth/authorize/x",
        "/oauth/%74oken/x",
        "/.well-known",
        "/.well-known/oauth-authorization-server/",
        "/private/",
        "/private/x",
        "/no-such-page",
    ] {
        context.app().get(path).expect(404);
    }
}

fn a_host_header_changes_nothing(context: &Context) {
    let app = context.app();
    let plain = app.get(WELL_KNOWN).expect(200).json();
    let request = Request::get(WELL_KNOWN)
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-Proto", "https")
        .header("Forwarded", "host=evil.example;proto=https");
    assert_eq!(app.send(&request).expect(200).json(), plain);
    let wire = format!("GET {WELL_KNOWN} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    let answer = app.client.exchange(wire.as_bytes(), false).unwrap().expect(200);
    assert_eq!(answer.json(), plain);
}
