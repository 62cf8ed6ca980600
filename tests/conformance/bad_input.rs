//! Bad input at every endpoint and guard: an error of the right kind, never a crash, never a redirect elsewhere.
//!
//! The suite checks every response for 5xx and echoed secrets, and at the end the logs for panics.

use gridauth_conformance::case::User;
use gridauth_conformance::oauth::{CodeRequest, Tokens, as_client, is_valid, password_tokens, token};
use gridauth_conformance::{Context, Demo, Request, Response, cases, seed};

cases! {
    "RFC 6749 3.2" => a_broken_form_is_invalid_request,
    "RFC 6749 3.2" => a_repeated_parameter_is_refused_everywhere,
    "RFC 6749 3.2" => a_body_that_is_not_a_form_is_refused_everywhere,
    "RFC 6749 3.1" => a_broken_query_is_an_error_page,
    "RFC 6749 A" => control_characters_in_every_field_are_refused,
    "RFC 6749 A" => control_characters_in_every_authorization_field_are_refused,
    "DEMO_APP.md, Routes" => control_characters_in_the_applications_own_forms_are_refused,
    "RFC 9110 5.5" => control_characters_in_an_authorization_header_give_no_access,
    "issue 2 section 7" => a_hundred_thousand_parameters_are_refused,
    "issue 2 section 7" => many_parameters_are_refused,
    "issue 2 section 7" => many_parameters_do_not_get_past_a_guard,
    "RFC 9110 15.5.14" => a_body_over_the_limit_is_413,
    "RFC 9110 15.5.14" => a_chunked_body_over_the_limit_is_413,
    "issue 2 section 7" => long_values_are_accepted_or_refused,
    "issue 2 section 7" => two_authorization_headers_are_refused,
    "issue 2 section 7" => broken_multipart_is_refused,
    "issue 2 section 7" => broken_cookies_do_no_harm,
    "RFC 9112 3" => broken_requests_do_no_harm,
    "RFC 9112 6" => smuggled_requests_are_not_answered,
    "RFC 9112 9" => a_connection_serves_several_requests,
    "RFC 9110 8.6" => head_has_no_body,
    "issue 2 section 7" => bytes_that_are_not_utf8_are_refused,
    "issue 2 section 7" => a_form_with_odd_separators_is_read_or_refused,
    "issue 2 section 7" => the_server_keeps_running,
}

/// Bodies that are not a form, percent-encoded or raw.
const BROKEN: &[&[u8]] = &[
    b"a=%",
    b"a=%4",
    b"a=%zz",
    b"a=%u0041",
    b"%=x",
    b"a=%ff",
    b"a=%c3%28",
    b"a=\xff\xfe",
    b"\xc3\x28=x",
    b"a=%00",
    b"a=\0",
    b"a%00b=x",
    b"a=%0a",
    b"a=%0d%0aSet-Cookie:%20x=1",
    b"a=%1b[31m",
    b"a=%7f",
    b"a=%c2%85",
    b"a=%ed%a0%80",
    b"a=%f4%90%80%80",
    b"a=%c0%af",
];

const FORM_ENDPOINTS: [&str; 3] = ["token", "revoke", "introspect"];

fn a_broken_form_is_invalid_request(context: &Context) {
    let app = context.app();
    for endpoint in FORM_ENDPOINTS {
        for broken in BROKEN {
            let mut body = b"grant_type=client_credentials&token=x&".to_vec();
            body.extend_from_slice(broken);
            let request =
                Request::raw_form(app.endpoint(endpoint), body).basic("machine", &seed::secret("machine"));
            app.send(&request).expect_error(400, "invalid_request");
            let alone = Request::raw_form(app.endpoint(endpoint), *broken);
            let answer = app.send(&alone);
            assert!([400, 401].contains(&answer.status), "{answer:#}");
        }
    }
    for path in ["/", "/oauth/authorize"] {
        for broken in BROKEN {
            let answer = app.send(&Request::raw_form(path, *broken)).expect(400);
            assert_eq!(answer.header("location"), None);
        }
    }
    // Signing up ignores other fields, so one of its own is broken.
    for broken in BROKEN.iter().filter_map(|broken| broken.strip_prefix(b"a=")) {
        let own = [b"password=a+good+password&username=".as_slice(), broken].concat();
        app.send(&Request::raw_form("/sign_up", own)).expect_error(400, "invalid_request");
    }
}

/// A valid request to each endpoint and route that takes a form. Whatever is wrong with it is added by a case.
fn good_forms() -> Vec<Request> {
    let secret = seed::secret("machine");
    let mut forms: Vec<Request> = [
        ("token", &[("grant_type", "client_credentials"), ("scope", "notes.read")][..]),
        ("revoke", &[("token", "x"), ("token_type_hint", "access_token")]),
        ("introspect", &[("token", "x"), ("token_type_hint", "access_token")]),
    ]
    .map(|(endpoint, parameters)| {
        Request::form(format!("/oauth/{endpoint}"), parameters).basic("machine", &secret)
    })
    .into();
    forms.push(Request::form("/oauth/authorize", &CodeRequest::web().pairs()));
    for path in ["/", "/sign_up"] {
        let user = User::new();
        let fields = [("username", user.username.as_str()), ("password", user.password.as_str())];
        forms.push(Request::form(path, &fields));
    }
    forms
}

/// The request is refused: by a page at the authorization endpoint, otherwise as RFC 6749 section 5.2 says.
#[track_caller]
fn is_invalid_request(request: &Request, answer: Response) {
    assert_eq!(answer.header("location"), None, "{answer:#}");
    if request.path() == "/oauth/authorize" {
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer:#}");
        answer.expect(400);
    } else {
        answer.expect_error(400, "invalid_request");
    }
}

fn a_repeated_parameter_is_refused_everywhere(context: &Context) {
    let app = context.app();
    // POSTs to the authorization endpoint have cases of their own: who gets the error depends on what is repeated.
    for good in good_forms().into_iter().filter(|good| good.path() != "/oauth/authorize") {
        let body = String::from_utf8(good.body.clone().unwrap()).unwrap();
        let with = |more: &str| {
            let mut request = good.clone();
            request.body = Some(format!("{body}&{more}").into_bytes());
            request
        };
        for pair in body.split('&') {
            let (name, _) = pair.split_once('=').unwrap();
            for again in [pair.to_owned(), format!("{name}="), name.to_owned(), format!("{name}=else")] {
                let request = with(&again);
                is_invalid_request(&request, app.send(&request));
            }
        }
        // Signing up ignores other fields.
        if good.path() != "/sign_up" {
            for twice in ["unknown=1&unknown=2", "unknown&unknown=", "client_id=machine&client_id=machine"] {
                let request = with(twice);
                is_invalid_request(&request, app.send(&request));
            }
        }
    }
}

fn a_body_that_is_not_a_form_is_refused_everywhere(context: &Context) {
    let app = context.app();
    for good in good_forms() {
        let mut bare = good.clone();
        bare.headers.retain(|(name, _)| name != "Content-Type");
        let with = |content_type: &[u8]| bare.clone().header("Content-Type", content_type);
        let refused = [
            &b""[..],
            b"text/plain",
            b"application/json",
            b"multipart/form-data",
            b"multipart/form-data; boundary=x",
            b"application/x-www-form-urlencodedx",
            b"application/x-www-form-urlencoded, text/plain",
            b"x-www-form-urlencoded",
            b"application/x-www-form-urlencoded\xff",
            b"\xff",
        ];
        let mut wrong: Vec<Request> = refused.map(with).into();
        wrong.push(bare.clone());
        // One Content-Type too many.
        wrong.push(good.clone().header("Content-Type", "text/plain"));
        wrong.push(with(b"text/plain").header("Content-Type", "application/x-www-form-urlencoded"));
        for request in wrong {
            is_invalid_request(&request, app.send(&request));
        }
        // Nothing else was wrong with it: the name is still free.
        let answer = app.send(&good);
        let right = match good.path() {
            "/" => 400,
            "/sign_up" => 201,
            _ => 200,
        };
        assert_eq!(answer.status, right, "{}: {answer:#}", good.target);
    }
}

/// Bytes as they may occur in a request target: what the grammar does not allow is percent-encoded.
fn in_a_target(bytes: &[u8]) -> String {
    let show = |byte: &u8| {
        if byte.is_ascii_graphic() { char::from(*byte).to_string() } else { format!("%{byte:02x}") }
    };
    bytes.iter().map(show).collect()
}

fn a_broken_query_is_an_error_page(context: &Context) {
    let app = context.app();
    let good = gridauth_conformance::http::encode(&CodeRequest::web().pairs());
    for broken in BROKEN {
        let broken = in_a_target(broken);
        for query in [format!("{good}&{broken}"), format!("{broken}&{good}"), broken.clone()] {
            let answer = app.get(&format!("/oauth/authorize?{query}"));
            // With a valid client and redirect URI the client could get the error; here they cannot be read reliably.
            assert_eq!(answer.status, 400, "{query}: {answer:#}");
            assert_eq!(answer.header("location"), None, "{answer:#}");
        }
    }
}

/// Every parameter known to the endpoints.
const FIELDS: [&str; 14] = [
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "username",
    "token",
    "token_type_hint",
    "resource",
    "audience",
    "unknown",
];

const CONTROLS: [&str; 6] = ["\0", "\n", "\r\n", "\t", "\u{1b}[31m", "\u{7f}"];

fn control_characters_in_every_field_are_refused(context: &Context) {
    let app = context.app();
    for endpoint in FORM_ENDPOINTS {
        for field in FIELDS {
            for control in CONTROLS {
                for value in [control.to_owned(), format!("a{control}b")] {
                    let parameters = [("x", "1"), (field, value.as_str())];
                    let request = Request::form(app.endpoint(endpoint), &parameters)
                        .basic("machine", &seed::secret("machine"));
                    app.send(&request).expect_error(400, "invalid_request");
                }
            }
        }
    }
}

fn control_characters_in_every_authorization_field_are_refused(context: &Context) {
    let app = context.app();
    let fields = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "prompt",
        "login_hint",
        "code_challenge",
        "code_challenge_method",
        "csrf",
        "request",
        "username",
        "decision",
        "unknown",
    ];
    for field in fields {
        for control in CONTROLS {
            let request = CodeRequest::web().with(field, &format!("a{control}b"));
            for answer in [request.open(app), app.send(&Request::form("/oauth/authorize", &request.pairs()))]
            {
                assert_eq!(answer.status, 400, "{field}: {answer:#}");
                assert_eq!(answer.header("location"), None, "{answer:#}");
            }
        }
    }
}

fn control_characters_in_the_applications_own_forms_are_refused(context: &Context) {
    let app = context.app();
    for control in CONTROLS.into_iter().chain(["\u{85}"]) {
        let value = format!("a{control}b");
        for (path, field) in [
            ("/", "username"),
            ("/", "scope"),
            ("/", "client_id"),
            ("/", "client_secret"),
            ("/", "grant_type"),
            ("/", "unknown"),
            ("/sign_up", "username"),
        ] {
            let user = User::new();
            let mut fields = vec![("username", user.username.as_str()), ("password", &user.password)];
            fields.retain(|(name, _)| *name != field);
            fields.push((field, &value));
            for request in [Request::form(path, &fields), Request::multipart(path, &fields)] {
                app.send(&request).expect_error(400, "invalid_request");
            }
        }
    }
    // A password may hold any text.
    let user = User { password: format!("{}\0\n\u{1b}", User::new().password), ..User::new() };
    let fields = [("username", user.username.as_str()), ("password", user.password.as_str())];
    app.send(&Request::form("/sign_up", &fields)).expect(201);
    Tokens::of(&app.send(&Request::multipart("/", &fields)));
}

fn control_characters_in_an_authorization_header_give_no_access(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    let basic = as_client(app, "token", "machine", &[("grant_type", "client_credentials")]);
    let own = basic.headers.iter().find(|(name, _)| name == "Authorization").unwrap().1.clone();
    // A line break would end the header; another case covers it.
    for control in [&b"\0"[..], b"\x01", b"\t", b"\x0b", b"\x1b[31m", b"\x7f", b"\xc2\x85"] {
        let places = |credentials: &[u8]| {
            let middle = credentials.len() / 2;
            let (first, second) = credentials.split_at(middle);
            [[first, control, second].concat(), [credentials, control, b"x"].concat()]
        };
        let bearer = format!("Bearer {access}");
        let guarded = ["/private", "/whoami", "/notes"].map(Request::get);
        let tries = guarded.iter().flat_map(|request| {
            places(bearer.as_bytes()).map(|value| request.clone().header("Authorization", value))
        });
        let mut bare = basic.clone();
        bare.headers.retain(|(name, _)| name != "Authorization");
        let tries = tries.chain(places(&own).map(|value| bare.clone().header("Authorization", value)));
        for request in tries {
            // An invalid header may be refused by the HTTP implementation.
            if let Ok(answer) = app.client.try_send(&request) {
                assert!([400, 401].contains(&answer.status), "{control:?}: {answer:#}");
            }
        }
    }
    assert!(is_valid(app, &access));
}

#[track_caller]
fn is_refused(answer: &Response) {
    assert!([400, 413, 414, 431].contains(&answer.status), "{answer:#}");
    assert_eq!(answer.header("location"), None, "{answer:#}");
}

fn a_hundred_thousand_parameters_are_refused(context: &Context) {
    let app = context.app();
    let many = "a=b&".repeat(100_000);
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/authorize", "/", "/sign_up"] {
        is_refused(&app.send(&Request::raw_form(path, many.clone())));
    }
    // No server has to accept a target that long; one that responds must refuse it.
    if let Ok(answer) = app.client.try_send(&Request::get(format!("/oauth/authorize?{many}"))) {
        is_refused(&answer);
    }
}

fn many_parameters_are_refused(context: &Context) {
    let app = context.app();
    // Within the limit of a body, and far more than any real request has.
    let many: String = (0..8000).map(|number| format!("p{number}=&")).collect();
    assert!(many.len() < 64 * 1024);
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/authorize", "/"] {
        is_refused(&app.send(&Request::raw_form(path, many.clone())));
    }
    let request = Request::raw_form("/oauth/token", format!("grant_type=client_credentials&{many}"))
        .basic("machine", &seed::secret("machine"));
    app.send(&request).expect_error(400, "invalid_request");
}

fn many_parameters_do_not_get_past_a_guard(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    for (many, fits) in [("a=b&".repeat(100_000), false), ("a=b&".repeat(1000), true)] {
        for (path, token) in [("/private", "x"), ("/notes", "x"), ("/private", &*access)] {
            // No server has to accept a target that long.
            match app.client.try_send(&Request::get(format!("{path}?{many}")).bearer(token)) {
                Ok(answer) if fits => assert_eq!(answer.status == 200, token == access, "{answer:#}"),
                Ok(answer) => is_refused(&answer),
                Err(error) => assert!(!fits, "{error}"),
            }
        }
        let note = Request::raw_form("/notes", many);
        app.send(&note.clone().bearer("x")).expect_error(401, "invalid_token");
        let answer = app.send(&note.bearer(&access));
        assert!([400, 413, 415].contains(&answer.status), "{answer:#}");
    }
    let kept = app.send(&Request::get("/notes").bearer(&access)).expect(200).json();
    assert_eq!(kept, serde_json::json!([]));
}

fn a_body_over_the_limit_is_413(context: &Context) {
    let app = context.app();
    for size in [64 * 1024 + 1, 200 * 1024, 3 * 1024 * 1024] {
        let body = format!("a={}", "x".repeat(size - 2));
        for path in
            ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/authorize", "/", "/sign_up"]
        {
            let answer = app.send(&Request::raw_form(path, body.clone()));
            assert_eq!(answer.status, 413, "{path} with {size} bytes: {answer:#}");
        }
    }
    let user = context.user();
    let access = password_tokens(app, &user, "notes.write").access;
    let note = format!("{{\"text\":\"{}\"}}", "x".repeat(3 * 1024 * 1024));
    app.send(&Request::post("/notes").body("application/json", note).bearer(&access)).expect(413);
}

fn a_chunked_body_over_the_limit_is_413(context: &Context) {
    let app = context.app();
    for path in ["/oauth/token", "/", "/sign_up"] {
        let mut wire = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n",
            app.client.address
        );
        for _ in 0..40 {
            wire.push_str(&format!("1000\r\n{}\r\n", "a".repeat(0x1000)));
        }
        wire.push_str("0\r\n\r\n");
        let answer = app.client.exchange(wire.as_bytes(), false).unwrap();
        assert_eq!(answer.status, 413, "{path}: {answer:#}");
    }
    // A small chunked body is a body like any other.
    let wire = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n10\r\ngrant_type=unkno\r\n2\r\nwn\r\n0\r\n\r\n",
        app.client.address
    );
    let answer = app.client.exchange(wire.as_bytes(), false).unwrap();
    answer.expect_error(400, "unsupported_grant_type");
}

fn long_values_are_accepted_or_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let long = "x".repeat(60_000);
    for field in FIELDS {
        let mut parameters = vec![("grant_type", "client_credentials")];
        parameters.retain(|(name, _)| *name != field);
        parameters.push((field, &long));
        for endpoint in FORM_ENDPOINTS {
            let request =
                Request::form(app.endpoint(endpoint), &parameters).basic("machine", &seed::secret("machine"));
            let answer = app.send(&request);
            assert!([200, 400, 401].contains(&answer.status), "{field}: {answer:#}");
        }
    }
    let parameters = [("grant_type", "password"), ("username", &*user.username), ("password", &*long)];
    token(app, "demo", &parameters).expect_error(400, "invalid_grant");
    let parameters = [("grant_type", "password"), ("username", &*long), ("password", "wrong password")];
    token(app, "demo", &parameters).expect_error(400, "invalid_grant");
    let answer =
        app.send(&Request::form("/oauth/authorize", &CodeRequest::web().with("state", &long).pairs()));
    assert!([200, 400].contains(&answer.status), "{answer:#}");
}

fn two_authorization_headers_are_refused(context: &Context) {
    let app = context.app();
    for endpoint in FORM_ENDPOINTS {
        let good =
            as_client(app, endpoint, "machine", &[("grant_type", "client_credentials"), ("token", "x")]);
        let own = good.headers.iter().find(|(name, _)| name == "Authorization").unwrap().1.clone();
        for other in [own, b"Basic x".to_vec(), b"Bearer x".to_vec(), Vec::new()] {
            app.send(&good.clone().header("Authorization", other.clone()))
                .expect_error(400, "invalid_request");
            let mut first = good.clone();
            first.headers.insert(0, ("authorization".to_owned(), other));
            app.send(&first).expect_error(400, "invalid_request");
        }
    }
}

fn broken_multipart_is_refused(context: &Context) {
    let app = context.app();
    let part = "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nx\r\n";
    for (content_type, body) in [
        ("multipart/form-data", part.to_owned()),
        ("multipart/form-data; boundary=", part.to_owned()),
        ("multipart/form-data; boundary=other", format!("{part}--b--\r\n")),
        ("multipart/form-data; boundary=b", String::new()),
        ("multipart/form-data; boundary=b", part.to_owned()),
        ("multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n".to_owned()),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n".to_owned(),
        ),
        ("multipart/form-data; boundary=b", "no boundary at all".to_owned()),
        ("multipart/form-data; boundary=b", "--b--\r\n".to_owned()),
        ("multipart/mixed; boundary=b", format!("{part}--b--\r\n")),
    ] {
        for path in ["/", "/sign_up"] {
            let answer = app.send(&Request::post(path).body(content_type, body.clone()));
            assert!([400, 415].contains(&answer.status), "{content_type}: {body:?}: {answer:#}");
        }
    }
    let many: String = (0..500)
        .map(|number| format!("--b\r\nContent-Disposition: form-data; name=\"p{number}\"\r\n\r\n\r\n"))
        .collect();
    for path in ["/", "/sign_up"] {
        let request = Request::post(path).body("multipart/form-data; boundary=b", format!("{many}--b--\r\n"));
        is_refused(&app.send(&request));
    }
    // A file is not a text field, even if its content would do.
    let user = User::new();
    let body = |disposition: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"username\"{disposition}\r\n\r\n{}\r\n--b--\r\n",
            user.password, user.username
        )
    };
    let send = |path: &str, disposition: &str| {
        app.send(&Request::post(path).body("multipart/form-data; boundary=b", body(disposition)))
    };
    let file = "; filename=\"x\"\r\nContent-Type: text/plain";
    send("/sign_up", file).expect_error(400, "invalid_request");
    send("/sign_up", "").expect(201);
    send("/", file).expect_error(400, "invalid_request");
    Tokens::of(&send("/", ""));
}

fn broken_cookies_do_no_harm(context: &Context) {
    let app = context.app();
    let target =
        format!("/oauth/authorize?{}", gridauth_conformance::http::encode(&CodeRequest::web().pairs()));
    for cookie in [
        &b""[..],
        b";",
        b"=",
        b"gridauth",
        b"gridauth=",
        b"gridauth=\xff\xfe",
        b"gridauth=a; gridauth=b",
        b"; ; ;gridauth=\"x\"",
        &[b'x'; 6000],
    ] {
        app.send(&Request::get(&*target).header("Cookie", cookie)).expect(200);
        app.send(&Request::get(&*target).header("Cookie", cookie).header("Cookie", cookie)).expect(200);
    }
}

fn broken_requests_do_no_harm(context: &Context) {
    let app = context.app();
    for wire in [
        &b"\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBroken\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        // A response or a closed connection is fine, as long as it is not a server error.
        let mut wire = wire.to_vec();
        wire.extend_from_slice(b"\r\n\r\n");
        if let Some(answer) = answered_or_closed(app, &wire) {
            assert!((400..500).contains(&answer.status) || answer.status == 505, "{answer:#}");
        }
    }
    app.get("/health").expect(200);
}

/// The response to these bytes, if one comes before the connection closes or a short timeout.
fn answered_or_closed(app: &Demo, wire: &[u8]) -> Option<Response> {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(app.client.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    let _ = stream.write_all(wire);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    gridauth_conformance::http::read_response(&mut stream, false).ok()
}

fn smuggled_requests_are_not_answered(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    // Two lengths, or a length and chunks: the server must not guess which of them counts.
    let inner = format!("GET /private HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {access}\r\n\r\n");
    for framing in [
        format!("Content-Length: 0\r\nContent-Length: {}\r\n", inner.len()),
        format!("Content-Length: {}\r\nContent-Length: 0\r\n", inner.len()),
    ] {
        let wire = format!("POST /oauth/token HTTP/1.1\r\nHost: x\r\n{framing}\r\n{inner}");
        if let Some(answer) = answered_or_closed(app, wire.as_bytes()) {
            assert!((400..500).contains(&answer.status), "{answer:#}");
            assert!(!answer.text().contains("private page"), "{answer:#}");
        }
    }
}

fn a_connection_serves_several_requests(context: &Context) {
    use std::io::Write;
    let app = context.app();
    let mut stream = std::net::TcpStream::connect(app.client.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let body = "grant_type=unknown";
    for _ in 0..3 {
        write!(stream, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let answer = gridauth_conformance::http::read_response(&mut stream, false).unwrap();
        assert_eq!(answer.status, 200);
        write!(
            stream,
            "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let answer = gridauth_conformance::http::read_response(&mut stream, false).unwrap();
        answer.expect_error(400, "unsupported_grant_type");
    }
}

fn head_has_no_body(context: &Context) {
    let app = context.app();
    let authorize =
        format!("/oauth/authorize?{}", gridauth_conformance::http::encode(&CodeRequest::web().pairs()));
    for target in
        ["/", "/health", "/private", "/.well-known/oauth-authorization-server", "/nothing", &authorize]
    {
        let get = app.get(target);
        let wire = format!("HEAD {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        // Read on as if there were a body: there must be none, whatever Content-Length says.
        let mut stream = std::net::TcpStream::connect(app.client.address).unwrap();
        std::io::Write::write_all(&mut stream, wire.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).unwrap();
        assert!(bytes.ends_with(b"\r\n\r\n"), "{target}: {}", String::from_utf8_lossy(&bytes));
        let head = gridauth_conformance::http::read_response(&mut &bytes[..], true).unwrap();
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{target}");
    }
}

fn bytes_that_are_not_utf8_are_refused(context: &Context) {
    let app = context.app();
    let user = context.user();
    let mut body =
        format!("grant_type=password&client_id=demo&username={}&password=", user.username).into_bytes();
    body.extend_from_slice(b"%ff%fe");
    app.send(&Request::raw_form("/oauth/token", body.clone())).expect_error(400, "invalid_request");
    app.send(&Request::raw_form("/", body)).expect_error(400, "invalid_request");
    let answer = app.send(&Request::raw_form("/sign_up", &b"username=%ff&password=good+password"[..]));
    assert_eq!(answer.status, 400);
}

fn a_form_with_odd_separators_is_read_or_refused(context: &Context) {
    let app = context.app();
    let with = |body: &str| {
        app.send(&Request::raw_form("/oauth/token", body).basic("machine", &seed::secret("machine")))
    };
    Tokens::of(&with("&&grant_type=client_credentials&&"));
    Tokens::of(&with("grant%5Ftype=client%5fcredentials"));
    Tokens::of(&with("grant_type=client_credentials&flag"));
    with("grant_type=client_credentials;scope=all").expect_error(400, "unsupported_grant_type");
    with("grant_type").expect_error(400, "invalid_request");
    with("=client_credentials").expect_error(400, "invalid_request");
    with("Grant_Type=client_credentials").expect_error(400, "invalid_request");
    with("grant_type=client_credentials=").expect_error(400, "unsupported_grant_type");
}

fn the_server_keeps_running(context: &Context) {
    let (app, user) = (context.app(), context.user());
    app.get("/health").expect(200);
    assert!(is_valid(app, &password_tokens(app, &user, "all").access));
}
