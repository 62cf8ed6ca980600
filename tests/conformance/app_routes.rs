//! The application's own routes (DEMO_APP.md, Routes).

use gridauth_conformance::case::User;
use gridauth_conformance::html::Page;
use gridauth_conformance::oauth::{Tokens, introspect, password_tokens, refresh, token};
use gridauth_conformance::{Context, Demo, Options, Request, Response, cases, random};
use serde_json::{Value, json};

cases! {
    "DEMO_APP.md, Routes" => the_home_page_says_what_this_is,
    "DEMO_APP.md, Routes" => health_is_ok,
    "DEMO_APP.md, Routes" => signing_up_creates_a_user,
    "DEMO_APP.md, Policies" => a_subject_is_random_and_never_given_again,
    "RFC 9700 4.15" => nobody_signs_up_under_the_id_of_a_client,
    "RFC 8266 2.4" => spellings_of_one_name_are_one_account,
    "DEMO_APP.md, Routes" => signing_up_accepts_both_encodings,
    "DEMO_APP.md, Routes" => a_name_that_is_taken_is_409,
    "DEMO_APP.md, Routes" => signing_up_checks_name_and_password,
    "DEMO_APP.md, Routes" => signing_up_ignores_other_fields,
    "DEMO_APP.md, Routes" => signing_up_rejects_other_content_types,
    "DEMO_APP.md, Routes" => signing_in_answers_as_the_token_endpoint,
    "DEMO_APP.md, Routes" => signing_in_accepts_both_encodings,
    "DEMO_APP.md, Routes" => signing_in_without_scope_gives_the_built_in_clients_whole_scope,
    "DEMO_APP.md, Routes" => signing_in_may_name_a_scope_and_a_client,
    "DEMO_APP.md, Routes" => signing_in_passes_on_token_endpoint_errors,
    "DEMO_APP.md, Routes" => signing_in_accepts_only_the_password_grant,
    "DEMO_APP.md, Seed file" => with_a_seed_the_demo_client_exists_only_if_the_seed_has_it,
    "DEMO_APP.md, Routes" => signing_in_below_an_issuer_with_a_path_works_too,
    "DEMO_APP.md, Routes" => the_private_page_has_its_text,
    "DEMO_APP.md, Routes" => whoami_shows_subject_client_and_scope,
    "DEMO_APP.md, Routes" => notes_are_kept_for_their_owner,
    "DEMO_APP.md, Routes" => a_note_has_1_to_10000_characters,
    "DEMO_APP.md, Routes" => a_note_is_json_with_a_text,
    "DEMO_APP.md, Routes" => a_note_may_hold_any_text,
    "DEMO_APP.md, Routes" => unknown_paths_are_404,
    "DEMO_APP.md, Routes" => a_username_may_hold_any_text_but_control_characters,
}

fn the_home_page_says_what_this_is(context: &Context) {
    let answer = context.app().get("/").expect(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let page = Page::read(answer.text());
    assert!(!page.title.is_empty());
    for route in [
        "/sign_up",
        "/private",
        "/notes",
        "/whoami",
        "/health",
        "/oauth/authorize",
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/.well-known/oauth-authorization-server",
    ] {
        assert!(answer.text().contains(route), "{route} is not mentioned");
    }
    for link in page.all("a") {
        let href = link.iter().find(|(name, _)| name == "href").map(|(_, value)| value.as_str()).unwrap();
        // A guarded page needs a token, so it is not linked: a browser could not open it.
        let status = context.app().get(href).status;
        assert!([200, 401].contains(&status), "{href}: {status}");
    }
    assert!(context.app().send(&Request::new("HEAD", "/")).expect(200).body.is_empty());
}

fn health_is_ok(context: &Context) {
    let answer = context.app().get("/health").expect(200);
    assert_eq!(answer.text().trim(), "ok");
    assert!(context.app().send(&Request::new("HEAD", "/health")).expect(200).body.is_empty());
}

fn sign_up(app: &Demo, fields: &[(&str, &str)]) -> Response {
    app.send(&Request::form("/sign_up", fields))
}

#[track_caller]
fn can_sign_in(app: &Demo, username: &str, password: &str) -> bool {
    let answer = app.send(&Request::form("/", &[("username", username), ("password", password)]));
    if answer.status == 200 { true } else { answer.expect_error(400, "invalid_grant").status == 200 }
}

fn signing_up_creates_a_user(context: &Context) {
    let (app, user) = (context.app(), User::new());
    assert!(!can_sign_in(app, &user.username, &user.password));
    let answer = sign_up(app, &[("username", &user.username), ("password", &user.password)]).expect(201);
    assert_eq!(answer.json(), json!({"username": user.username}));
    assert!(can_sign_in(app, &user.username, &user.password));
    assert!(!can_sign_in(app, &user.username, "another password"));
}

/// Whom the token speaks for, by the route `/whoami`.
#[track_caller]
fn who(app: &Demo, user: &User) -> Value {
    let access = password_tokens(app, user, "all").access;
    app.send(&Request::get("/whoami").bearer(&access)).expect(200).json()
}

fn a_subject_is_random_and_never_given_again(context: &Context) {
    let app = context.app();
    let subjects = [context.user(), context.user()].map(|user| {
        let who = who(app, &user);
        assert_eq!(who["username"], user.username);
        who["sub"].as_str().expect("a sub").to_owned()
    });
    assert_ne!(subjects[0], subjects[1]);
    for subject in subjects {
        assert!(subject.len() >= 22, "{subject} has no 128 bits");
        assert!(!subject.contains("user"), "{subject}");
    }
}

fn nobody_signs_up_under_the_id_of_a_client(context: &Context) {
    let app = context.app();
    for name in ["machine", "web", " web", "WEB", "od:d cli%ent+"] {
        let fields = [("username", name), ("password", "a good password")];
        assert!(sign_up(app, &fields).expect(409).json().is_object(), "{name}");
        app.send(&Request::form("/", &fields)).expect_error(400, "invalid_grant");
    }
}

fn spellings_of_one_name_are_one_account(context: &Context) {
    let (app, user) = (context.app(), User::new());
    let name = format!("Bo\u{308}b  {}", user.username);
    let answer = sign_up(app, &[("username", &name), ("password", &user.password)]).expect(201);
    // Shown as typed.
    assert_eq!(answer.json(), json!({"username": name}));
    let wide: String =
        user.username.chars().map(|c| if c.is_ascii_lowercase() { wide(c) } else { c }).collect();
    for spelling in [
        format!("b\u{f6}b {}", user.username),
        format!(" B\u{d6}B\u{a0}{} ", user.username.to_uppercase()),
        format!("\u{ff42}\u{f6}\u{ff42}\u{3000}{wide}"),
    ] {
        sign_up(app, &[("username", &spelling), ("password", "another password")]).expect(409);
        let same = User { username: spelling, password: user.password.clone() };
        assert_eq!(who(app, &same)["username"], *name);
    }
    for (at, odd) in
        ["\u{200b}", "\u{200d}", "\u{ad}", "\u{feff}", "\u{202e}", "\u{2066}", "\u{61c}", "\u{2028}"]
            .into_iter()
            .enumerate()
    {
        let fields =
            [("username", format!("{at}{odd}{}", user.username)), ("password", user.password.clone())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        sign_up(app, &fields).expect(400);
        app.send(&Request::form("/", &fields)).expect_error(400, "invalid_grant");
    }
}

/// The fullwidth form of a letter.
fn wide(letter: char) -> char {
    char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter)
}

fn signing_up_accepts_both_encodings(context: &Context) {
    let (app, user) = (context.app(), User::new());
    let fields = [("username", user.username.as_str()), ("password", user.password.as_str())];
    let answer = app.send(&Request::multipart("/sign_up", &fields)).expect(201);
    assert_eq!(answer.json(), json!({"username": user.username}));
    assert!(can_sign_in(app, &user.username, &user.password));
}

fn a_name_that_is_taken_is_409(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let answer = sign_up(app, &[("username", &user.username), ("password", "another password")]).expect(409);
    assert!(answer.json().is_object());
    // The password is still that of the first sign-up.
    assert!(can_sign_in(app, &user.username, &user.password));
    assert!(!can_sign_in(app, &user.username, "another password"));
}

fn signing_up_checks_name_and_password(context: &Context) {
    let app = context.app();
    let name = || random::unique("checked");
    let password = "a good password";
    for fields in [
        &[][..],
        &[("username", &*name())],
        &[("password", password)],
        &[("username", ""), ("password", password)],
        &[("username", &name()), ("password", "")],
        &[("username", &"n".repeat(256)), ("password", password)],
        &[("username", &name()), ("password", &"p".repeat(1025))],
        &[("username", &name()), ("password", &"é".repeat(513))],
        &[("username", &format!("{}\n", name())), ("password", password)],
        &[("username", &format!("{}\0", name())), ("password", password)],
        &[("username", &format!("\u{7f}{}", name())), ("password", password)],
        &[("username", &format!("\u{85}{}", name())), ("password", password)],
    ] {
        assert!(sign_up(app, fields).expect(400).json().is_object());
        assert!(app.send(&Request::multipart("/sign_up", fields)).expect(400).json().is_object());
    }
    // At the limits: 255 characters, not bytes; 1024 bytes.
    let longest = format!("{}{}", name(), "é".repeat(255));
    let longest: String = longest.chars().take(255).collect();
    sign_up(app, &[("username", &longest), ("password", &"é".repeat(512))]).expect(201);
    assert!(can_sign_in(app, &longest, &"é".repeat(512)));
    sign_up(app, &[("username", &name()), ("password", "\u{1f511}\u{1f511}\u{1f511}")]).expect(400);
    sign_up(app, &[("username", &name()), ("password", "imru")]).expect(201);
}

fn signing_up_ignores_other_fields(context: &Context) {
    let (app, user) = (context.app(), User::new());
    let fields = [
        ("username", user.username.as_str()),
        ("password", user.password.as_str()),
        ("sub", "admin"),
        ("email", "x\ny"),
        ("email", "again"),
        ("scope", "all"),
    ];
    let answer = sign_up(app, &fields).expect(201);
    assert_eq!(answer.json(), json!({"username": user.username}));
    let access = password_tokens(app, &user, "all").access;
    let whoami = app.send(&Request::get("/whoami").bearer(&access)).expect(200).json();
    assert_eq!(whoami["username"], user.username);
    assert_ne!(whoami["sub"], "admin");
}

fn signing_up_rejects_other_content_types(context: &Context) {
    let (app, user) = (context.app(), User::new());
    let fields = json!({"username": user.username, "password": user.password});
    let answer = app.send(&Request::json("/sign_up", &fields));
    assert!([400, 415].contains(&answer.status), "{answer:#}");
    let answer = app.send(&Request::post("/sign_up"));
    assert!([400, 415].contains(&answer.status), "{answer:#}");
    let query = Request::post(format!("/sign_up?username={}&password=x", user.username));
    let answer = app.send(&query);
    assert!([400, 415].contains(&answer.status), "{answer:#}");
    assert!(!can_sign_in(app, &user.username, &user.password));
}

fn signing_in_answers_as_the_token_endpoint(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let fields = [("username", user.username.as_str()), ("password", user.password.as_str())];
    let tokens = Tokens::of(&app.send(&Request::form("/", &fields)));
    let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
    assert_eq!((&whoami["username"], &whoami["client_id"]), (&user.username.clone().into(), &"demo".into()));
    Tokens::of(&refresh(app, "demo", tokens.refresh()));
    let with_grant = [fields[0], fields[1], ("grant_type", "password")];
    Tokens::of(&app.send(&Request::form("/", &with_grant)));
}

fn signing_in_accepts_both_encodings(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let fields = [("username", &*user.username), ("password", &*user.password), ("scope", "notes.read")];
    assert_eq!(Tokens::of(&app.send(&Request::multipart("/", &fields))).scope, "notes.read");
    assert_eq!(Tokens::of(&app.send(&Request::form("/", &fields))).scope, "notes.read");
}

fn signing_in_without_scope_gives_the_built_in_clients_whole_scope(context: &Context) {
    let app = context.start(&Options::new("no seed").no_seed());
    let user = context.user_at(&app);
    let fields = [("username", &*user.username), ("password", &*user.password)];
    let tokens = Tokens::of(&app.send(&Request::form("/", &fields)));
    assert_eq!(tokens.scope, "all");
    app.send(&Request::get("/private").bearer(&tokens.access)).expect(200);
    app.send(&Request::get("/notes").bearer(&tokens.access)).expect(403);
    let wider = [fields[0], fields[1], ("scope", "notes.read notes.write")];
    assert_eq!(Tokens::of(&app.send(&Request::form("/", &wider))).scope, "notes.read notes.write");
    Tokens::of(&refresh(&app, "demo", tokens.refresh()));
    // There is no other client.
    let request = Request::form("/oauth/token", &[("grant_type", "password"), ("client_id", "web")]);
    app.send(&request).expect_error(401, "invalid_client");
}

fn signing_in_may_name_a_scope_and_a_client(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let fields = [("username", &*user.username), ("password", &*user.password)];
    let named = [fields[0], fields[1], ("client_id", "demo"), ("scope", "notes.write")];
    assert_eq!(Tokens::of(&app.send(&Request::form("/", &named))).scope, "notes.write");
    let other = [fields[0], fields[1], ("client_id", "other")];
    app.send(&Request::form("/", &other)).expect_error(401, "invalid_client");
    let without_grant = [fields[0], fields[1], ("client_id", "spa")];
    app.send(&Request::form("/", &without_grant)).expect_error(400, "unauthorized_client");
    let unknown = [fields[0], fields[1], ("client_id", "nobody")];
    app.send(&Request::form("/", &unknown)).expect_error(401, "invalid_client");
}

fn signing_in_passes_on_token_endpoint_errors(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (name, password) = (("username", &*user.username), ("password", &*user.password));
    for make in [Request::form as fn(&'static str, &[(&str, &str)]) -> Request, Request::multipart] {
        app.send(&make("/", &[name])).expect_error(400, "invalid_request");
        app.send(&make("/", &[password])).expect_error(400, "invalid_request");
        app.send(&make("/", &[])).expect_error(400, "invalid_request");
        app.send(&make("/", &[name, ("password", "wrong password")])).expect_error(400, "invalid_grant");
        app.send(&make("/", &[name, password, ("scope", "email")])).expect_error(400, "invalid_scope");
        app.send(&make("/", &[name, password, name])).expect_error(400, "invalid_request");
        app.send(&make("/", &[name, password, password])).expect_error(400, "invalid_request");
    }
    let json = json!({"username": user.username, "password": user.password});
    app.send(&Request::json("/", &json)).expect_error(400, "invalid_request");
}

fn signing_in_accepts_only_the_password_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for grant in ["client_credentials", "refresh_token", "authorization_code", "unknown", "PASSWORD"] {
        let fields = [("username", &*user.username), ("password", &*user.password), ("grant_type", grant)];
        let answer = app.send(&Request::form("/", &fields)).expect(400);
        assert!(
            ["unsupported_grant_type", "invalid_request"].contains(&&*answer.member("error")),
            "{answer:#}"
        );
    }
}

fn with_a_seed_the_demo_client_exists_only_if_the_seed_has_it(context: &Context) {
    let app =
        context.start(&Options::new("seed without demo").seed(&gridauth_conformance::seed::of(&["spa"])));
    let user = context.user_at(&app);
    let fields = [("username", &*user.username), ("password", &*user.password)];
    app.send(&Request::form("/", &fields)).expect_error(401, "invalid_client");
    let named = [fields[0], fields[1], ("client_id", "demo")];
    app.send(&Request::form("/", &named)).expect_error(401, "invalid_client");
}

fn signing_in_below_an_issuer_with_a_path_works_too(context: &Context) {
    let app = context.https();
    let user = context.user_at(app);
    let fields = [("username", &*user.username), ("password", &*user.password)];
    let tokens = Tokens::of(&app.send(&Request::form("/", &fields)));
    app.send(&Request::get("/private").bearer(&tokens.access)).expect(200);
}

fn the_private_page_has_its_text(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    let answer = app.send(&Request::get("/private").bearer(&access)).expect(200);
    assert_eq!(answer.text(), "This is a private page only viewable if you're logged in.");
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
}

fn whoami_shows_subject_client_and_scope(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.write all").access;
    let answer = app.send(&Request::get("/whoami").bearer(&access)).expect(200);
    let sub = introspect(app, &access)["sub"].clone();
    let expected =
        json!({"sub": sub, "username": user.username, "client_id": "demo", "scope": "notes.write all"});
    assert_eq!(answer.json(), expected);
    let machine = Tokens::of(&token(app, "no-scope", &[("grant_type", "client_credentials")]));
    let answer = app.send(&Request::get("/whoami").bearer(&machine.access)).expect(200);
    assert_eq!(answer.json(), json!({"sub": "no-scope", "client_id": "no-scope", "scope": ""}));
}

fn add(app: &Demo, access: &str, text: &str) -> Response {
    app.send(&Request::json("/notes", &json!({"text": text})).bearer(access))
}

#[track_caller]
fn notes(app: &Demo, access: &str) -> Vec<Value> {
    let answer = app.send(&Request::get("/notes").bearer(access)).expect(200);
    answer.json().as_array().expect("an array").clone()
}

fn notes_are_kept_for_their_owner(context: &Context) {
    let app = context.app();
    let owners = [context.user(), context.user()]
        .map(|user| password_tokens(app, &user, "notes.read notes.write").access);
    assert!(notes(app, &owners[0]).is_empty());
    let first = add(app, &owners[0], "first").expect(201).json();
    let second = add(app, &owners[0], "second").expect(201).json();
    assert_eq!((&first["text"], &second["text"]), (&"first".into(), &"second".into()));
    assert_ne!(first["id"], second["id"]);
    assert!(!first["id"].is_null());
    let kept = notes(app, &owners[0]);
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&first) && kept.contains(&second), "{kept:?}");
    assert!(notes(app, &owners[1]).is_empty());
    // They are the user's, whichever client asks.
    let machine = Tokens::of(&token(app, "machine", &[("grant_type", "client_credentials")]));
    assert!(!notes(app, &machine.access).contains(&first));
}

fn a_note_has_1_to_10000_characters(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    for text in ["x", &"x".repeat(10_000), &"\u{1f600}".repeat(10_000)] {
        assert_eq!(add(app, &access, text).expect(201).json()["text"], *text);
    }
    for text in ["", &"x".repeat(10_001), &"é".repeat(10_001)] {
        let answer = add(app, &access, text);
        assert!([400, 413].contains(&answer.status), "{answer:#}");
    }
    assert_eq!(notes(app, &access).len(), 3);
}

fn a_note_is_json_with_a_text(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "{",
        "\"x\"",
        r#"{"text":1}"#,
        r#"{"text":null}"#,
        r#"{"text":["x"]}"#,
        "\u{0}",
    ] {
        let request = Request::post("/notes").body("application/json", body).bearer(&access);
        let answer = app.send(&request);
        assert!([400, 422].contains(&answer.status), "{body}: {answer:#}");
    }
    let deep = "[".repeat(50_000);
    let answer = app.send(&Request::post("/notes").body("application/json", deep).bearer(&access));
    assert!([400, 413].contains(&answer.status), "{answer:#}");
    let bytes = b"{\"text\":\"\xff\xfe\"}".to_vec();
    let answer = app.send(&Request::post("/notes").body("application/json", bytes).bearer(&access));
    assert_eq!(answer.status, 400, "{answer:#}");
    let form = Request::form("/notes", &[("text", "x")]).bearer(&access);
    assert!([400, 415].contains(&app.send(&form).status));
    assert!(notes(app, &access).is_empty());
}

fn a_note_may_hold_any_text(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    let text = "<script>alert(1)</script> \"quoted\" \\ line\nbreak\ttab\0null \u{202e} é 🔑 '; DROP TABLE notes; --";
    let note = add(app, &access, text).expect(201).json();
    assert_eq!(note["text"], text);
    assert_eq!(notes(app, &access), [note]);
}

fn unknown_paths_are_404(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "all").access;
    for path in
        ["/nothing", "/sign_up/", "/notes/1", "/favicon.ico", "/.env", "/%2e%2e/etc/passwd", "/oauth/nothing"]
    {
        app.get(path).expect(404);
        app.send(&Request::get(path).bearer(&access)).expect(404);
        app.send(&Request::form(path, &[("a", "b")])).expect(404);
    }
}

fn a_username_may_hold_any_text_but_control_characters(context: &Context) {
    let app = context.app();
    for odd in [
        "mit leerzeichen",
        "a:b/c?d#e&f=g%h+i",
        "名前",
        "'; DROP TABLE users; --",
        "\"quoted\"",
        "\u{5d9}\u{5e9}\u{5e8}\u{5d0}\u{5dc}",
        "\u{1f600}\u{1fae8}",
        "..",
        "/",
    ] {
        let name = format!("{odd}{}", random::unique(""));
        sign_up(app, &[("username", &name), ("password", "a good password")]).expect(201);
        let fields = [("username", name.as_str()), ("password", "a good password")];
        let tokens = Tokens::of(&app.send(&Request::form("/", &fields)));
        let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
        assert_eq!(whoami["username"], name);
        let access = password_tokens(
            app,
            &User { username: name.clone(), password: "a good password".to_owned() },
            "notes.read notes.write",
        )
        .access;
        add(app, &access, "mine").expect(201);
        assert_eq!(notes(app, &access).len(), 1);
    }
}
