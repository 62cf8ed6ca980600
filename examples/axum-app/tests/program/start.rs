//! Successful starts, and failed ones: the exit status, one line, no secret.

use std::net::TcpListener;

use tempfile::TempDir;

use crate::http::{post_form, send};
use crate::process::{Ended, Program, run};

/// Checks that a start failed with this status and one line. Returns the line.
fn failed(ended: &Ended, status: i32) -> &str {
    assert_eq!(ended.status.code(), Some(status), "{}", ended.log);
    assert_eq!(ended.output, "");
    assert_eq!(ended.log.lines().count(), 1, "{}", ended.log);
    assert!(!ended.log.contains("hush"), "{}", ended.log);
    ended.log.trim_end()
}

#[test]
fn it_announces_its_address_once_and_the_issuer_matches() {
    let program = Program::start(&[("GRIDAUTH_STORE", "memory:")]);
    assert_ne!(program.address.port(), 0);
    let metadata = send(program.address, "GET", "/.well-known/oauth-authorization-server", &[], b"").json();
    assert_eq!(metadata["issuer"], format!("http://{}", program.address));
    assert_eq!(send(program.address, "GET", "/health", &[], b"").body, "ok");
    let ended = program.stop();
    assert_eq!((ended.status.code(), ended.output.as_str()), (Some(0), ""));
}

#[test]
fn a_bad_value_is_status_2() {
    let directory = TempDir::new().unwrap();
    for (variable, value) in [
        ("GRIDAUTH_LISTEN", "hush"),
        ("GRIDAUTH_ISSUER", "https://hush.example.com/"),
        ("GRIDAUTH_STORE", "griddb://app:hush"),
        ("GRIDAUTH_STORE", "postgres://app:hush@db"),
        ("GRIDAUTH_SEED", "/nowhere"),
        ("GRIDAUTH_ACCESS_TOKEN", "hush"),
        ("GRIDAUTH_SECRET", "hush"),
        ("GRIDAUTH_SECRET_PREVIOUS", "hush"),
        ("GRIDAUTH_ACCESS_TOKEN_TTL", "0"),
        ("GRIDAUTH_REGISTRATION", "tokens:hush"),
        ("RUST_LOG", "a=hush"),
    ] {
        let ended = run(directory.path(), &[("GRIDAUTH_STORE", "memory:"), (variable, value)]);
        let line = failed(&ended, 2);
        assert!(line.starts_with(&format!("{variable}: ")) && line.contains("; it may be "), "{line}");
    }
}

#[test]
fn a_bad_seed_names_its_entry() {
    let directory = TempDir::new().unwrap();
    let seed = r#"{"clients": [{"client_id": "ok", "client_secret": "hush"},
        {"client_id": "spa", "client_secret": "hush", "redirect_uris": ["/cb"]}]}"#;
    std::fs::write(directory.path().join("seed.json"), seed).unwrap();
    let store = ("GRIDAUTH_STORE", "file:kept.db");
    let ended = run(directory.path(), &[store, ("GRIDAUTH_SEED", "seed.json")]);
    let line = failed(&ended, 2);
    assert!(
        line.starts_with("GRIDAUTH_SEED: ") && line.contains(r#"clients[1] "spa": redirect_uris: /cb: "#),
        "{line}"
    );
    assert!(!directory.path().join("kept.db").exists());
}

#[test]
fn a_store_that_cannot_be_opened_is_status_1_and_unchanged() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("foreign.db");
    for foreign in ["not a store", &"x".repeat(100_000)] {
        std::fs::write(&file, foreign).unwrap();
        let ended = run(directory.path(), &[("GRIDAUTH_STORE", "file:foreign.db")]);
        let line = failed(&ended, 1);
        assert!(line.starts_with("store file:foreign.db: "), "{line}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), foreign);
    }
    for (store, place) in [
        ("file:missing/deep/a.db", "store file:missing/deep/a.db: "),
        ("file:.", "store file:.: "),
        ("griddb://app:hush@127.0.0.1:1/cluster", "store griddb://127.0.0.1:1/cluster"),
    ] {
        let ended = run(directory.path(), &[("GRIDAUTH_STORE", store)]);
        let line = failed(&ended, 1);
        assert!(line.starts_with(place), "{line}");
    }
}

#[test]
fn a_store_that_another_process_has_open_is_status_1() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("shared.db");
    let store = format!("file:{}", path.display());
    let program = Program::start(&[("GRIDAUTH_STORE", &store)]);
    let ended = run(directory.path(), &[("GRIDAUTH_STORE", &store)]);
    let line = failed(&ended, 1);
    assert!(line.contains("store") && line.contains("shared.db"), "{line}");
    assert_eq!(program.stop().status.code(), Some(0));
}

#[test]
fn an_address_in_use_is_status_1() {
    let directory = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let variables = [("GRIDAUTH_STORE", "memory:"), ("GRIDAUTH_LISTEN", &*address)];
    let ended = run(directory.path(), &variables);
    let line = failed(&ended, 1);
    assert!(line.contains(&address), "{line}");
}

#[test]
fn the_default_store_is_a_file_in_the_working_directory() {
    let program = Program::start(&[]);
    assert!(program.directory.path().join("gridauth.db").is_file());
    assert_eq!(program.stop().status.code(), Some(0));
}

#[test]
fn the_demo_client_exists_only_without_a_seed() {
    let directory = TempDir::new().unwrap();
    let store = format!("file:{}", directory.path().join("kept.db").display());
    let seed = directory.path().join("seed.json");
    std::fs::write(&seed, r#"{"users": [{"username": "israel", "password": "imru"}]}"#).unwrap();
    let seed = seed.to_str().unwrap();
    let sign_in = "username=israel&password=imru";

    let program = Program::start(&[("GRIDAUTH_STORE", &store)]);
    assert_eq!(post_form(program.address, "/sign_up", sign_in).status, 201);
    let answer = post_form(program.address, "/", sign_in);
    assert_eq!((answer.status, &answer.json()["scope"]), (200, &"all".into()));
    let wider = post_form(program.address, "/", "username=israel&password=imru&scope=notes.read+all");
    assert_eq!(wider.json()["scope"], "notes.read all");
    let at_the_endpoint = format!("grant_type=password&client_id=demo&{sign_in}");
    assert_eq!(post_form(program.address, "/oauth/token", &at_the_endpoint).json()["scope"], "all");
    program.stop();

    let program = Program::start(&[("GRIDAUTH_STORE", &store), ("GRIDAUTH_SEED", seed)]);
    let answer = post_form(program.address, "/", sign_in);
    assert_eq!((answer.status, &answer.json()["error"]), (401, &"invalid_client".into()));
    program.stop();

    std::fs::write(
        seed,
        r#"{"clients": [{"client_id": "demo", "token_endpoint_auth_method": "none", "grant_types": ["password"],
            "scope": "openid notes.read notes.write"}]}"#,
    )
    .unwrap();
    for _ in 0..2 {
        let program = Program::start(&[("GRIDAUTH_STORE", &store), ("GRIDAUTH_SEED", seed)]);
        // A client of a seed gets its whole scope without `openid`, and survives the next start.
        assert_eq!(post_form(program.address, "/", sign_in).json()["scope"], "notes.read notes.write");
        program.stop();
    }
    // It also survives a start without a seed: the demo did not create it.
    let program = Program::start(&[("GRIDAUTH_STORE", &store)]);
    assert_eq!(post_form(program.address, "/", sign_in).json()["scope"], "notes.read notes.write");
    program.stop();
}
