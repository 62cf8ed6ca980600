//! Bad input on the application's own routes: never a 5xx, never a panic.

use std::io::Write;

use crate::http::{connect, post_form, read_answer, send};
use crate::process::Program;

const PATHS: [&str; 6] = ["/", "/sign_up", "/private", "/notes", "/whoami", "/health"];
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const JSON: &str = "content-type: application/json";
const MULTIPART: &str = "content-type: multipart/form-data; boundary=x";

/// A program with the user `israel`, and a header with a token that has every scope.
fn program() -> (Program, String) {
    let program = Program::start(&[("GRIDAUTH_STORE", "memory:")]);
    post_form(program.address, "/sign_up", "username=israel&password=imru");
    let scope = "all+notes.read+notes.write";
    let answer = post_form(program.address, "/", &format!("username=israel&password=imru&scope={scope}"));
    let bearer = format!("authorization: Bearer {}", answer.json()["access_token"].as_str().unwrap());
    (program, bearer)
}

/// Stops the program, and fails if it panicked or logged an error.
fn stop_cleanly(program: Program) {
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert!(!ended.log.contains("panicked") && !ended.log.contains("ERROR"), "{}", ended.log);
}

#[test]
fn methods() {
    let (program, bearer) = program();
    for path in PATHS {
        let allowed = match path {
            "/" | "/notes" => "GET, HEAD, POST",
            "/sign_up" => "POST",
            _ => "GET, HEAD",
        };
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            // With a token or without, an unknown method is 405.
            for headers in [&[][..], &[&*bearer][..]] {
                let answer = send(program.address, method, path, headers, b"");
                let has = allowed.split(", ").any(|own| own == method);
                assert_eq!(answer.status == 405, !has, "{method} {path}: {}", answer.status);
                if !has {
                    assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
                }
                if method == "HEAD" {
                    assert_eq!(answer.body, "", "{path}");
                } else if !has {
                    assert_eq!(answer.json()["error"], "invalid_request", "{method} {path}");
                }
            }
        }
        let (get, head) = (
            send(program.address, "GET", path, &[&bearer], b""),
            send(program.address, "HEAD", path, &[&bearer], b""),
        );
        if get.status == 200 {
            assert_eq!(head.status, 200);
            for name in ["content-type", "content-length", "cache-control"] {
                assert_eq!(get.header(name), head.header(name), "{path}: {name}");
            }
        }
    }
    stop_cleanly(program);
}

#[test]
fn bodies_of_all_kinds() {
    let (program, bearer) = program();
    let long = |length: usize| "x".repeat(length).into_bytes();
    let part = |name: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        b"username=israel&password=imru&username=x".to_vec(),
        b"username=&password=".to_vec(),
        b"username=israel".to_vec(),
        b"password=imru".to_vec(),
        b"username=a%00b&password=imru".to_vec(),
        b"username=%ff&password=%fe".to_vec(),
        b"username=%&password=%zz".to_vec(),
        b"\xff\xfe\0\x01".to_vec(),
        "username=é&password=ü&scope=\u{7}".as_bytes().to_vec(),
        format!("username={}&password=x", "a".repeat(256)).into_bytes(),
        format!("username=b&password={}", "x".repeat(1025)).into_bytes(),
        "a=b&".repeat(15_000).into_bytes(),
        "&".repeat(60_000).into_bytes(),
        "username=x&".repeat(5_000).into_bytes(),
        [part("username", "israel"), part("username", "x"), "--x--".to_owned()].concat().into_bytes(),
        part("username", "israel").into_bytes(),
        [part("", ""), part("\\\"", ""), "--x--".to_owned()].concat().into_bytes(),
        b"--x\r\n\r\n\r\n--x--\r\n".to_vec(),
        b"--x--".to_vec(),
        part("f", "x").repeat(1000).into_bytes(),
        b"{\"text\": \"\"}".to_vec(),
        b"{\"text\": 1}".to_vec(),
        b"{\"text\": \"\\ud800\"}".to_vec(),
        b"{".to_vec(),
        "[".repeat(60_000).into_bytes(),
        format!("{{\"text\": \"{}\"}}", "x".repeat(10_001)).into_bytes(),
        b"null".to_vec(),
        long(65_536),
        long(65_537),
        long(131_072),
        long(131_073),
        long(1_000_000),
    ];
    let types = [
        None,
        Some(FORM),
        Some(JSON),
        Some(MULTIPART),
        Some("content-type: multipart/form-data"),
        Some("content-type: multipart/form-data; boundary="),
        Some("content-type: multipart/form-data; boundary=\"\u{e9}\""),
        Some("content-type: text/plain"),
        Some("content-type: ;"),
        Some("content-type: application/x-www-form-urlencoded; charset=utf-16"),
    ];
    for path in PATHS {
        for body in &bodies {
            for content_type in types {
                let headers: Vec<&str> = content_type.into_iter().chain([&*bearer]).collect();
                // The sign-in would take a bearer token for client authentication.
                let headers = if path == "/" { &headers[..headers.len() - 1] } else { &headers };
                let answer = send(program.address, "POST", path, headers, body);
                let context =
                    format!("{path} {content_type:?} {:?}: {answer:?}", &body[..body.len().min(40)]);
                let longest = match path {
                    "/" | "/sign_up" => 65_536,
                    "/notes" => 131_072,
                    _ => usize::MAX,
                };
                match answer.status {
                    201 => assert_eq!(path, "/sign_up", "{context}"),
                    413 => assert!(body.len() > longest, "{context}"),
                    400 | 409 | 415 => assert!(body.len() <= longest, "{context}"),
                    405 => assert!(!matches!(path, "/" | "/sign_up" | "/notes"), "{context}"),
                    _ => panic!("{context}"),
                }
                if answer.status != 201 {
                    assert!(answer.json()["error"].is_string(), "{context}");
                }
            }
        }
    }
    stop_cleanly(program);
}

#[test]
fn names_and_passwords() {
    let (program, _) = program();
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    for (username, password, status) in [
        ("a", "imru", 201),
        ("a", "other", 409),
        (&*"é".repeat(255), "imru", 201),
        (&*"é".repeat(256), "imru", 400),
        ("tab\t", "imru", 400),
        ("null\0", "imru", 400),
        ("\u{85}", "imru", 400),
        ("", "imru", 400),
        ("b", "", 400),
        ("b", &*"x".repeat(1024), 201),
        ("c", &*"x".repeat(1025), 400),
        ("c", "any\0\n\u{1f600}", 201),
        (" ", "imru", 400),
        ("zero\u{200b}width", "imru", 400),
        ("d", "imr", 400),
        ("d", "    ", 201),
        ("name with / and ? and %", "imru", 201),
    ] {
        let form = format!("username={}&password={}&other=%zz", encode(username), encode(password));
        let answer = post_form(program.address, "/sign_up", &form);
        assert_eq!(answer.status, status, "{username:?}: {answer:?}");
        if status == 201 {
            assert_eq!(answer.json(), serde_json::json!({ "username": username }));
            let form = format!("username={}&password={}", encode(username), encode(password));
            assert_eq!(post_form(program.address, "/", &form).status, 200, "{username:?}");
        }
    }
    stop_cleanly(program);
}

#[test]
fn sign_in_answers_as_the_token_endpoint() {
    let (program, _) = program();
    let ok = "username=israel&password=imru";
    for (form, status, error) in [
        (format!("{ok}&grant_type=password"), 200, ""),
        (format!("{ok}&grant_type="), 200, ""),
        (format!("{ok}&client_id="), 200, ""),
        (format!("{ok}&client_id=demo&scope=notes.write"), 200, ""),
        (format!("{ok}&grant_type=client_credentials"), 400, "unsupported_grant_type"),
        (format!("{ok}&grant_type=refresh_token"), 400, "unsupported_grant_type"),
        (format!("{ok}&grant_type=password&grant_type=password"), 400, "invalid_request"),
        (format!("{ok}&client_id=demo&client_id=demo"), 400, "invalid_request"),
        (format!("{ok}&scope=more"), 400, "invalid_scope"),
        (format!("{ok}&scope=a%22b"), 400, "invalid_scope"),
        (format!("{ok}&client_id=nobody"), 401, "invalid_client"),
        (format!("{ok}&client_secret=x"), 401, "invalid_client"),
        ("username=israel&password=wrong".to_owned(), 400, "invalid_grant"),
        ("username=nobody&password=imru".to_owned(), 400, "invalid_grant"),
        ("username=israel".to_owned(), 400, "invalid_request"),
        ("password=imru".to_owned(), 400, "invalid_request"),
    ] {
        let answer = post_form(program.address, "/", &form);
        assert_eq!(answer.status, status, "{form}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{form}");
        if !error.is_empty() {
            assert_eq!(answer.json()["error"], error, "{form}");
        }
    }
    stop_cleanly(program);
}

#[test]
fn requests_that_are_not_http() {
    let (program, bearer) = program();
    let two = send(program.address, "GET", "/private", &[&bearer, &bearer], b"");
    assert_eq!((two.status, two.json()["error"].clone()), (400, "invalid_request".into()));
    let long = format!("authorization: Bearer {}", "x".repeat(20_000));
    assert_eq!(send(program.address, "GET", "/private", &[&long], b"").status, 401);
    for path in ["/%00", "/%ff", "/..%2f", "/private/", "//private", "/PRIVATE", "/private/x", "/?a=%zz&b"] {
        let answer = send(program.address, "GET", path, &[], b"");
        assert!(matches!(answer.status, 200 | 404), "{path}: {}", answer.status);
    }
    for raw in [
        "\0\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /private HTTP/1.1\r\nauthorization: Bearer \x01\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = connect(program.address);
        stream.write_all(raw.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert!((400..500).contains(&answer.status), "{raw:?}: {answer:?}");
    }
    stop_cleanly(program);
}
