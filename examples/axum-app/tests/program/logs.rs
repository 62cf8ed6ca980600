//! The log of a whole run at trace level contains none of the secrets that the run used.

use serde_json::Value;

use crate::http::{post_form, send};
use crate::process::Program;

const SEED: &str = r#"{
    "users": [{"username": "israel", "password": "hush-password"}],
    "clients": [
        {"client_id": "web", "client_secret": "hush-secret", "scope": "notes.read notes.write",
         "grant_types": ["password", "refresh_token", "client_credentials"], "gridauth_resource_server": true},
        {"client_id": "demo", "token_endpoint_auth_method": "none", "scope": "notes.read",
         "grant_types": ["password", "refresh_token"]}
    ]
}"#;

/// `web:hush-secret` and `web:hush-wrong` in base64.
const RIGHT: &str = "d2ViOmh1c2gtc2VjcmV0";
const WRONG: &str = "d2ViOmh1c2gtd3Jvbmc=";

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap()
}

#[test]
fn no_secret_is_logged_at_trace_level() {
    let directory = tempfile::TempDir::new().unwrap();
    let seed = directory.path().join("seed.json");
    std::fs::write(&seed, SEED).unwrap();
    let store = format!("file:{}", directory.path().join("kept.db").display());
    let program = Program::start(&[
        ("RUST_LOG", "trace"),
        ("GRIDAUTH_STORE", &store),
        ("GRIDAUTH_SEED", seed.to_str().unwrap()),
    ]);
    let address = program.address;
    let form = "content-type: application/x-www-form-urlencoded";
    let basic = format!("authorization: Basic {RIGHT}");
    let as_web = |path: &str, body: &str| send(address, "POST", path, &[form, &basic], body.as_bytes());

    post_form(address, "/sign_up", "username=miriam&password=hush-other");
    post_form(address, "/sign_up", "username=miriam&password=hush-again&password=hush-twice");
    post_form(address, "/", "username=israel&password=hush-wrong");
    post_form(address, "/", "username=israel&password=hush-%00");
    send(
        address,
        "POST",
        "/",
        &[form, &format!("authorization: Basic {WRONG}")],
        b"username=israel&password=hush",
    );
    send(address, "POST", "/", &["content-type: application/json"], br#"{"password": "hush-json"}"#);
    let first = post_form(address, "/", "username=israel&password=hush-password").json();
    let second = as_web("/oauth/token", "grant_type=password&username=israel&password=hush-password").json();
    let own = as_web("/oauth/token", "grant_type=client_credentials").json();
    let refresh = format!("grant_type=refresh_token&refresh_token={}", text(&second, "refresh_token"));
    let third = as_web("/oauth/token", &refresh).json();
    for token in [&first, &second, &third, &own] {
        let token = text(token, "access_token");
        as_web("/oauth/introspect", &format!("token={token}"));
        for path in ["/private", "/notes", "/whoami"] {
            send(address, "GET", path, &[&format!("authorization: Bearer {token}")], b"");
        }
        send(address, "GET", &format!("/private?access_token={token}"), &[], b"");
        send(address, "GET", "/private", &[&format!("authorization: Bearer {token}x")], b"");
        send(address, "GET", "/private", &[&format!("authorization: {token}")], b"");
    }
    let bearer = format!("authorization: Bearer {}", text(&third, "access_token"));
    let note = br#"{"text": "hush-note"}"#;
    assert_eq!(
        send(address, "POST", "/notes", &[&bearer, "content-type: application/json"], note).status,
        201
    );
    send(
        address,
        "POST",
        "/notes",
        &[&bearer, "content-type: application/json"],
        br#"{"text": ["hush-note"]}"#,
    );
    as_web("/oauth/revoke", &format!("token={}", text(&third, "refresh_token")));

    let log = program.stop().log;
    assert!(log.contains("DEBUG"), "the log is not verbose: {log}");
    let mut secrets = vec!["hush-", RIGHT, WRONG];
    for answer in [&first, &second, &third, &own] {
        secrets.extend(["access_token", "refresh_token"].iter().filter_map(|name| answer[name].as_str()));
    }
    assert_eq!(secrets.len(), 3 + 7);
    for secret in secrets {
        // Half of a secret would make the rest guessable.
        let half = &secret[secret.len() / 2..];
        for looked_for in [secret, half] {
            assert!(!log.contains(looked_for), "{looked_for} is in the log:\n{log}");
        }
    }
}
