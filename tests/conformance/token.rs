//! The token endpoint (RFC 6749 section 3.2): its requests, and how clients authenticate at it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gridauth_conformance::oauth::{Tokens, as_client, token};
use gridauth_conformance::{Context, Request, cases, random, seed};

cases! {
    "RFC 6749 2.3.1" => basic_credentials_are_form_url_encoded,
    "RFC 7617 2" => the_scheme_basic_is_case_insensitive,
    "RFC 6749 2.3.1" => a_client_registered_for_it_may_send_its_secret_in_the_body,
    "RFC 7591 2" => the_method_registered_is_the_method_accepted,
    "RFC 6749 2.3" => two_methods_in_one_request_are_refused,
    "RFC 6749 2.3.1" => credentials_in_the_query_are_ignored,
    "RFC 6749 5.2" => a_wrong_secret_is_401_with_a_challenge,
    "RFC 6749 5.2" => an_unknown_client_reads_the_same_as_a_wrong_secret,
    "RFC 6749 5.2" => broken_basic_credentials_are_refused,
    "RFC 6749 5.2" => a_scheme_that_is_not_basic_is_refused,
    "RFC 6749 2.3" => a_client_id_in_the_body_must_match_the_header,
    "RFC 6749 2.3" => a_public_client_has_no_secret,
    "RFC 6749 2.3" => a_confidential_client_cannot_leave_its_secret_out,
    "DEMO_APP.md, Seed file" => a_client_with_a_method_that_is_not_implemented_cannot_authenticate,
    "RFC 6749 5.2" => a_missing_or_unknown_grant_type_is_refused,
    "RFC 6749 5.2" => a_client_uses_only_its_grant_types,
    "RFC 6749 3.2" => only_post_is_accepted,
    "RFC 6749 3.2" => the_body_must_be_a_form,
    "RFC 6749 3.2" => parameters_in_the_query_are_ignored,
    "RFC 6749 3.2" => a_repeated_parameter_is_refused,
    "RFC 6749 3.2" => unknown_parameters_are_ignored,
    "RFC 6749 5.1" => the_response_is_json_that_is_not_cached,
    "RFC 6749 5.2" => an_error_is_json_that_is_not_cached,
    "RFC 6749 5.2" => a_description_has_only_allowed_characters,
    "RFC 9110 15.5.6" => an_unknown_method_is_answered_with_allow,
}

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

fn basic_credentials_are_form_url_encoded(context: &Context) {
    let app = context.app();
    // The id and the secret of this client have every kind of character that an encoding could lose.
    Tokens::of(&token(app, "od:d cli%ent+", &GRANT));
    Tokens::of(&token(app, "machine", &GRANT));
    // Without the encoding the credentials are different ones.
    let raw = STANDARD.encode(format!("od:d cli%ent+:{}", seed::secret("od:d cli%ent+")));
    let request = Request::form("/oauth/token", &GRANT).header("Authorization", format!("Basic {raw}"));
    app.send(&request).expect_error(401, "invalid_client");
}

fn the_scheme_basic_is_case_insensitive(context: &Context) {
    let app = context.app();
    for scheme in ["basic", "BASIC", "bAsIc"] {
        let mut request = as_client(app, "token", "machine", &GRANT);
        for (name, value) in &mut request.headers {
            if name == "Authorization" {
                *value = String::from_utf8(value.clone()).unwrap().replacen("Basic", scheme, 1).into_bytes();
            }
        }
        Tokens::of(&app.send(&request));
    }
}

fn a_client_registered_for_it_may_send_its_secret_in_the_body(context: &Context) {
    Tokens::of(&token(context.app(), "poster", &GRANT));
}

fn the_method_registered_is_the_method_accepted(context: &Context) {
    let app = context.app();
    let secret = seed::secret("poster");
    let basic = Request::form("/oauth/token", &GRANT).basic("poster", &secret);
    app.send(&basic).expect_error(401, "invalid_client");
    let secret = seed::secret("machine");
    let body = [GRANT[0], ("client_id", "machine"), ("client_secret", &secret)];
    app.send(&Request::form("/oauth/token", &body)).expect_error(401, "invalid_client");
}

fn two_methods_in_one_request_are_refused(context: &Context) {
    let app = context.app();
    for client in ["machine", "poster"] {
        let secret = seed::secret(client);
        let body = [GRANT[0], ("client_id", client), ("client_secret", &secret)];
        let request = Request::form("/oauth/token", &body).basic(client, &secret);
        app.send(&request).expect_error(400, "invalid_request");
    }
}

fn credentials_in_the_query_are_ignored(context: &Context) {
    let app = context.app();
    let secret = seed::secret("poster");
    let query = gridauth_conformance::http::encode(&[("client_id", "poster"), ("client_secret", &secret)]);
    app.send(&Request::form(format!("/oauth/token?{query}"), &GRANT)).expect_error(401, "invalid_client");
}

fn a_wrong_secret_is_401_with_a_challenge(context: &Context) {
    let app = context.app();
    let right = seed::secret("no-scope");
    for wrong in ["wrong secret 123", &right[1..], &format!("{right} "), &right.to_uppercase()] {
        let request = Request::form("/oauth/token", &GRANT).basic("no-scope", wrong);
        let answer = app.send(&request).expect_error(401, "invalid_client");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic realm=\""), "{challenge}");
    }
    Tokens::of(&token(app, "no-scope", &GRANT));
}

fn an_unknown_client_reads_the_same_as_a_wrong_secret(context: &Context) {
    let app = context.app();
    let request = |id: &str| Request::form("/oauth/token", &GRANT).basic(id, "wrong secret 123");
    let (known, unknown) = (app.send(&request("machine")), app.send(&request(&random::unique("nobody"))));
    assert_eq!((known.status, known.text()), (unknown.status, unknown.text()));
    assert_eq!(known.header("www-authenticate"), unknown.header("www-authenticate"));
    let public = Request::form("/oauth/token", &[GRANT[0], ("client_id", &random::unique("nobody"))]);
    app.send(&public).expect_error(401, "invalid_client");
}

fn broken_basic_credentials_are_refused(context: &Context) {
    let app = context.app();
    let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text)).into_bytes();
    let right = STANDARD.encode(format!("machine:{}", random::secret_of("machine")));
    for header in [
        b"Basic".to_vec(),
        b"Basic ".to_vec(),
        b"Basic !!!".to_vec(),
        b"Basic =".to_vec(),
        b"Basic \xff\xfe".to_vec(),
        format!("Basic {right} x").into_bytes(),
        format!("Basic {right}, Basic {right}").into_bytes(),
        format!("Basic\t{right}").into_bytes(),
        encoded("machine"),
        encoded(":secret"),
        encoded("machine:"),
        encoded(":"),
        encoded(""),
        encoded("machine:%"),
        encoded("machine:%zz"),
        encoded("machine:%00"),
        encoded("mach\0ine:x"),
        encoded("machine:a\nb"),
        encoded("%ff:%ff"),
        encoded(&format!("{}:x", "m".repeat(5000))),
    ] {
        let shown = String::from_utf8_lossy(&header).into_owned();
        let answer = app.send(&Request::form("/oauth/token", &GRANT).header("Authorization", header));
        assert_eq!((answer.status, &*answer.member("error")), (401, "invalid_client"), "{shown}: {answer:#}");
    }
}

fn a_scheme_that_is_not_basic_is_refused(context: &Context) {
    let app = context.app();
    let secret = seed::secret("poster");
    for value in ["Bearer abc", "Digest username=\"x\"", "x", "Negotiate"] {
        let body = [GRANT[0], ("client_id", "poster"), ("client_secret", &secret)];
        let request = Request::form("/oauth/token", &body).header("Authorization", value);
        app.send(&request).expect_error(400, "invalid_request");
        let alone = Request::form("/oauth/token", &GRANT).header("Authorization", value);
        app.send(&alone).expect_error(401, "invalid_client");
    }
}

fn a_client_id_in_the_body_must_match_the_header(context: &Context) {
    let app = context.app();
    Tokens::of(&token(app, "machine", &[GRANT[0], ("client_id", "machine")]));
    for other in ["poster", "nobody", "Machine"] {
        token(app, "machine", &[GRANT[0], ("client_id", other)]).expect_error(400, "invalid_request");
    }
}

fn a_public_client_has_no_secret(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let password = [
        ("grant_type", "password"),
        ("username", user.username.as_str()),
        ("password", user.password.as_str()),
    ];
    let mut body = password.to_vec();
    body.extend([("client_id", "demo"), ("client_secret", "anything at all")]);
    app.send(&Request::form("/oauth/token", &body)).expect_error(401, "invalid_client");
    let request = Request::form("/oauth/token", &password).basic("demo", "anything at all");
    app.send(&request).expect_error(401, "invalid_client");
    Tokens::of(&token(app, "demo", &password));
}

fn a_confidential_client_cannot_leave_its_secret_out(context: &Context) {
    let app = context.app();
    for client in ["machine", "poster"] {
        for body in [
            &[GRANT[0], ("client_id", client)][..],
            &[GRANT[0], ("client_id", client), ("client_secret", "")],
        ] {
            app.send(&Request::form("/oauth/token", body)).expect_error(401, "invalid_client");
        }
    }
}

fn a_client_with_a_method_that_is_not_implemented_cannot_authenticate(context: &Context) {
    let app = context.app();
    for body in [
        &[GRANT[0], ("client_id", "key-holder")][..],
        &[GRANT[0], ("client_id", "key-holder"), ("client_secret", "anything at all")],
    ] {
        app.send(&Request::form("/oauth/token", body)).expect_error(401, "invalid_client");
    }
    let request = Request::form("/oauth/token", &GRANT).basic("key-holder", "anything at all");
    app.send(&request).expect_error(401, "invalid_client");
}

fn a_missing_or_unknown_grant_type_is_refused(context: &Context) {
    let app = context.app();
    token(app, "machine", &[]).expect_error(400, "invalid_request");
    token(app, "machine", &[("grant_type", "")]).expect_error(400, "invalid_request");
    for kind in ["unknown", "CLIENT_CREDENTIALS", "client_credentials ", "implicit", "urn:x:y"] {
        token(app, "machine", &[("grant_type", kind)]).expect_error(400, "unsupported_grant_type");
    }
}

fn a_client_uses_only_its_grant_types(context: &Context) {
    let (app, user) = (context.app(), context.user());
    token(app, "web", &GRANT).expect_error(400, "unauthorized_client");
    token(app, "defaults", &[("grant_type", "refresh_token"), ("refresh_token", "x")])
        .expect_error(400, "unauthorized_client");
    let password =
        [("grant_type", "password"), ("username", user.username.as_str()), ("password", &user.password)];
    token(app, "machine", &password).expect_error(400, "unauthorized_client");
    token(app, "machine", &[("grant_type", "authorization_code"), ("code", "x")])
        .expect_error(400, "unauthorized_client");
    token(app, "unusable", &GRANT).expect_error(400, "unauthorized_client");
}

fn only_post_is_accepted(context: &Context) {
    let app = context.app();
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let mut request = as_client(app, "token", "machine", &GRANT);
        method.clone_into(&mut request.method);
        let answer = app.send(&request).expect(405);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let query = gridauth_conformance::http::encode(&GRANT);
    let get = Request::get(format!("/oauth/token?{query}")).basic("machine", &seed::secret("machine"));
    app.send(&get).expect(405);
}

fn the_body_must_be_a_form(context: &Context) {
    let app = context.app();
    let good = as_client(app, "token", "machine", &GRANT);
    let with = |content_type: Option<&str>| {
        let mut request = good.clone();
        request.headers.retain(|(name, _)| name != "Content-Type");
        match content_type {
            Some(content_type) => request.header("Content-Type", content_type),
            None => request,
        }
    };
    for taken in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "application/x-www-form-urlencoded ; charset=utf-8",
        "APPLICATION/X-WWW-FORM-URLENCODED",
    ] {
        Tokens::of(&app.send(&with(Some(taken))));
    }
    for refused in
        ["", "text/plain", "application/json", "application/x-www-form-urlencodedx", "multipart/form-data"]
    {
        app.send(&with(Some(refused))).expect_error(400, "invalid_request");
    }
    app.send(&with(None)).expect_error(400, "invalid_request");
    let json = serde_json::json!({"grant_type": "client_credentials"});
    let request = Request::json("/oauth/token", &json).basic("machine", &seed::secret("machine"));
    app.send(&request).expect_error(400, "invalid_request");
    let none = Request { body: None, ..with(Some("application/x-www-form-urlencoded")) };
    app.send(&none).expect_error(400, "invalid_request");
    // Two content types, even if one or both are right.
    for other in ["text/plain", "application/x-www-form-urlencoded"] {
        let mut first = good.clone();
        first.headers.insert(0, ("Content-Type".to_owned(), other.into()));
        for twice in [good.clone().header("Content-Type", other), first] {
            app.send(&twice).expect_error(400, "invalid_request");
        }
    }
}

fn parameters_in_the_query_are_ignored(context: &Context) {
    let app = context.app();
    let request = Request::raw_form("/oauth/token?grant_type=client_credentials", "")
        .basic("machine", &seed::secret("machine"));
    app.send(&request).expect_error(400, "invalid_request");
    let mut request = as_client(app, "token", "machine", &GRANT);
    request.target.push_str("?scope=notes.read&grant_type=password");
    assert_ne!(Tokens::of(&app.send(&request)).scope, "notes.read");
}

fn a_repeated_parameter_is_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for body in [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&grant_type=password",
        "grant_type=client_credentials&scope=notes.read&scope=notes.read",
        "grant_type=client_credentials&scope=notes.read&scope=",
        "grant_type=client_credentials&scope&scope",
        "grant_type=client_credentials&%73cope=notes.read&scope=notes.write",
        "grant_type=client_credentials&client_id=machine&client_id=machine",
        "grant_type=client_credentials&unknown=1&unknown=2",
    ] {
        let request = Request::raw_form("/oauth/token", body).basic("machine", &seed::secret("machine"));
        app.send(&request).expect_error(400, "invalid_request");
    }
    let twice = [
        ("grant_type", "password"),
        ("username", user.username.as_str()),
        ("password", user.password.as_str()),
        ("password", "something else"),
    ];
    token(app, "demo", &twice).expect_error(400, "invalid_request");
}

fn unknown_parameters_are_ignored(context: &Context) {
    Tokens::of(&token(context.app(), "machine", &[GRANT[0], ("foo", "bar"), ("state", "x"), ("empty", "")]));
}

fn the_response_is_json_that_is_not_cached(context: &Context) {
    let answer = token(context.app(), "machine", &GRANT).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
}

fn an_error_is_json_that_is_not_cached(context: &Context) {
    let app = context.app();
    let unknown = Request::form("/oauth/token", &GRANT).basic(&random::unique("nobody"), "wrong secret 123");
    for answer in [token(app, "machine", &[("grant_type", "x")]), app.send(&unknown)] {
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let json = answer.json();
        let members: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert!(
            members.iter().all(|name| ["error", "error_description", "error_uri"].contains(&name.as_str())),
            "{members:?}"
        );
    }
}

fn a_description_has_only_allowed_characters(context: &Context) {
    let app = context.app();
    let fits = |text: &str| text.chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~'));
    for parameters in [
        &[("grant_type", "\"é\\")][..],
        &[("grant_type", "client_credentials"), ("scope", "\"é\\")],
        &[("grant_type", "client_credentials"), ("scope", "nothing")],
        &[],
    ] {
        let answer = token(app, "machine", parameters).expect(400);
        assert!(fits(&answer.member("error")) && fits(&answer.member("error_description")), "{answer:#}");
    }
}

fn an_unknown_method_is_answered_with_allow(context: &Context) {
    let app = context.app();
    for (path, allow) in [
        ("/oauth/authorize", "GET, HEAD, POST"),
        ("/oauth/token", "POST"),
        ("/oauth/revoke", "POST"),
        ("/oauth/introspect", "POST"),
        ("/.well-known/oauth-authorization-server", "GET, HEAD"),
        ("/", "GET, HEAD, POST"),
        ("/sign_up", "POST"),
        ("/private", "GET, HEAD"),
        ("/notes", "GET, HEAD, POST"),
        ("/whoami", "GET, HEAD"),
        ("/health", "GET, HEAD"),
    ] {
        for method in ["BREW", "PUT", "TRACE", "PROPFIND", "OPTIONS", "get"] {
            let answer = app.send(&Request::new(method, path)).expect(405);
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
    }
}
