//! Stopping: requests in flight finish, idle connections are closed at once.

use std::io::{Read, Write};
use std::time::Duration;

use crate::http::{connect, read_answer};
use crate::process::Program;

const FORM: &str = "username=israel&password=imru";

/// A sign-up request that ends in the middle of its body.
fn half_a_request() -> String {
    format!(
        "POST /sign_up HTTP/1.1\r\nhost: app\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{}",
        FORM.len(),
        &FORM[..10]
    )
}

#[test]
fn idle_connections_are_closed_at_once_and_requests_in_flight_are_finished() {
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(&[("GRIDAUTH_STORE", "memory:")]);
        // One connection is kept alive after a request, one has never been used, one is in the middle of a request.
        let mut used = connect(program.address);
        used.write_all(b"GET /health HTTP/1.1\r\nhost: app\r\n\r\n").unwrap();
        assert_eq!(read_answer(&mut used).body, "ok");
        let mut unused = connect(program.address);
        let mut busy = connect(program.address);
        busy.write_all(half_a_request().as_bytes()).unwrap();
        // The server has taken the one before when it answers this one.
        let mut last = connect(program.address);
        last.write_all(b"GET /health HTTP/1.1\r\nhost: app\r\n\r\n").unwrap();
        assert_eq!(read_answer(&mut last).status, 200);

        program.signal(signal);
        let mut end = [0; 1];
        for idle in [&mut used, &mut unused, &mut last] {
            assert_eq!(idle.read(&mut end).unwrap(), 0);
        }
        assert!(program.is_running(), "the program did not wait for the request in flight");
        busy.write_all(&FORM.as_bytes()[10..]).unwrap();
        let answer = read_answer(&mut busy);
        assert_eq!((answer.status, answer.header("connection")), (201, Some("close")));
        let ended = program.end();
        assert_eq!((ended.status.code(), ended.output.as_str()), (Some(0), ""));
    }
}

#[test]
#[ignore = "takes ten seconds, the time that a request in flight is given"]
fn a_request_that_never_ends_is_cut_off() {
    let mut program = Program::start(&[("GRIDAUTH_STORE", "memory:")]);
    let mut busy = connect(program.address);
    busy.write_all(half_a_request().as_bytes()).unwrap();
    // The server has taken the one before when it answers this one.
    assert_eq!(crate::http::send(program.address, "GET", "/health", &[], b"").status, 200);
    program.signal("-TERM");
    std::thread::sleep(Duration::from_secs(5));
    assert!(program.is_running(), "the request in flight was cut off at once");
    assert_eq!(program.end().status.code(), Some(0));
    let mut rest = Vec::new();
    let _ = busy.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

#[test]
fn what_was_answered_survives_kill_9() {
    let directory = tempfile::TempDir::new().unwrap();
    let store = format!("file:{}", directory.path().join("kept.db").display());
    let program = Program::start(&[("GRIDAUTH_STORE", &store)]);
    let post = crate::http::post_form;
    assert_eq!(post(program.address, "/sign_up", FORM).status, 201);
    let token = post(program.address, "/", &format!("{FORM}&scope=notes.read+notes.write")).json();
    let bearer = format!("authorization: Bearer {}", token["access_token"].as_str().unwrap());
    let json = "content-type: application/json";
    let note = crate::http::send(program.address, "POST", "/notes", &[&bearer, json], br#"{"text": "kept"}"#);
    assert_eq!(note.status, 201);
    program.signal("-KILL");
    assert_eq!(program.end().status.code(), None);

    let program = Program::start(&[("GRIDAUTH_STORE", &store)]);
    let notes = crate::http::send(program.address, "GET", "/notes", &[&bearer], b"").json();
    assert_eq!(notes, serde_json::json!([note.json()]));
    assert_eq!(post(program.address, "/sign_up", FORM).status, 409);
}
