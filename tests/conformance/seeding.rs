//! The seed file (DEMO_APP.md, Seed file).

use gridauth_conformance::browser::is_consent;
use gridauth_conformance::case::User;
use gridauth_conformance::oauth::{
    CodeRequest, Tokens, introspect, is_valid, password_tokens, refresh, token,
};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, cases, random, seed};
use serde_json::json;

cases! {
    "DEMO_APP.md, Seed file" => the_example_of_the_contract_works,
    "DEMO_APP.md, Seed file" => users_may_have_a_subject_and_claims,
    "RFC 7591 2" => absent_members_take_the_defaults,
    "DEMO_APP.md, Seed file" => a_first_party_client_asks_no_consent,
    "DEMO_APP.md, Start" => an_entry_that_exists_already_is_replaced,
    "DEMO_APP.md, Start" => what_a_seed_does_not_name_stays,
    "DEMO_APP.md, Seed file" => what_the_server_lacks_is_accepted_and_unusable,
    "DEMO_APP.md, Seed file" => an_empty_seed_is_a_seed,
    "DEMO_APP.md, Seed file" => nobody_signs_up_over_a_seeded_user,
    "DEMO_APP.md, Seed file" => a_subject_that_a_stored_user_has_is_a_bad_seed,
    "RFC 9700 4.15" => a_client_whose_id_is_a_users_sub_is_a_bad_seed,
    "RFC 9700 2.6" => a_redirect_uri_in_plain_http_is_a_bad_seed,
    "DEMO_APP.md, Start" => stored_users_may_swap_their_subjects,
    "DEMO_APP.md, Seed file" => the_built_in_client_is_removed_with_all_that_it_was_granted,
}

fn the_example_of_the_contract_works(context: &Context) {
    // The secrets of the example are short words that also occur in other texts, so they are replaced.
    let (password, secret) = (random::secret_of("israel"), random::secret_of("web of the contract"));
    let seed = json!({
        "users": [
            {"username": "israel", "password": password, "name": "Israel", "email": "israel@example.com"}
        ],
        "clients": [
            {"client_id": "web", "client_secret": secret, "client_name": "Web shop",
             "redirect_uris": ["https://client.example.com/cb"],
             "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
             "scope": "openid profile email notes.read notes.write",
             "token_endpoint_auth_method": "client_secret_basic"},
            {"client_id": "spa", "token_endpoint_auth_method": "none",
             "redirect_uris": ["http://127.0.0.1/cb"], "scope": "notes.read"}
        ]
    });
    let app = context.start(&Options::new("example").seed(&seed));
    let user = User { username: "israel".to_owned(), password };
    let request = CodeRequest::web();
    let code = request.code(&app, &user);
    let redemption = Request::form("/oauth/token", &request.redemption(&code)).basic("web", &secret);
    assert!(Tokens::of(&app.send(&redemption)).refresh.is_some());
    let tokens = CodeRequest::new("spa", "http://127.0.0.1:4711/cb").tokens(&app, &user);
    let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
    let expected = json!({"sub": "israel", "username": "israel", "client_id": "spa", "scope": "notes.read"});
    assert_eq!(whoami, expected);
}

fn users_may_have_a_subject_and_claims(context: &Context) {
    let password = random::secret_of("with subject");
    let seed = json!({
        "users": [{
            "username": "with subject", "password": password, "sub": "248289761001", "name": "J\u{e4}ne", "given_name": "J",
            "email": "j@example.com", "email_verified": true, "updated_at": 1311280970, "address": {"country": "DE"},
            "phone_number": "+49 1", "locale": "de", "name#ja": "\u{540d}",
        }],
        "clients": [seed::client("demo").entry(), seed::client("resource-server").entry(), seed::client("spa").entry()],
    });
    let app = context.start(&Options::new("claims").seed(&seed));
    let user = User { username: "with subject".to_owned(), password };
    let tokens = password_tokens(&app, &user, "all");
    let whoami = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
    assert_eq!((&whoami["sub"], &whoami["username"]), (&json!("248289761001"), &json!("with subject")));
    let about = introspect(&app, &tokens.access);
    assert_eq!((&about["sub"], &about["username"]), (&json!("248289761001"), &json!("with subject")));
    // A user whose name is the subject of another must not become the other.
    let impostor = [("username", "248289761001"), ("password", "a good password")];
    app.send(&Request::form("/sign_up", &impostor)).expect(409);
    app.send(&Request::form("/", &impostor)).expect_error(400, "invalid_grant");
}

fn absent_members_take_the_defaults(context: &Context) {
    let (app, user) = (context.app(), context.user());
    // client_secret_basic, authorization_code, code.
    let tokens = CodeRequest::new("defaults", "https://defaults.example.com/cb").tokens(app, &user);
    assert_eq!(tokens.refresh, None);
    token(app, "defaults", &[("grant_type", "client_credentials")]).expect_error(400, "unauthorized_client");
    // A client without a name is shown by its id.
    let mut browser = Browser::new(app);
    let page = browser.authorize(&CodeRequest::new("poster", "https://poster.example.com/cb").pairs());
    let page = browser.sign_in(&page, &user);
    assert!(is_consent(&page) && page.text().contains("poster"), "{page:#}");
}

fn a_first_party_client_asks_no_consent(context: &Context) {
    let client = |id: &str, first_party: bool| {
        json!({"client_id": id, "token_endpoint_auth_method": "none", "redirect_uris": ["http://127.0.0.1/cb"],
            "scope": "notes.read", "gridauth_first_party": first_party})
    };
    let user = User::new();
    let seed = json!({
        "users": [{"username": user.username, "password": user.password}],
        "clients": [client("own", true), client("foreign", false)],
    });
    let app = context.start(&Options::new("first party").seed(&seed));
    for (id, asks) in [("own", false), ("foreign", true)] {
        let mut browser = Browser::new(&app);
        let page = browser.authorize(&CodeRequest::new(id, "http://127.0.0.1:4711/cb").pairs());
        let answer = browser.sign_in(&page, &user);
        assert_eq!(
            (is_consent(&answer), answer.status),
            if asks { (true, 200) } else { (false, 303) },
            "{answer:#}"
        );
    }
}

fn an_entry_that_exists_already_is_replaced(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let user = User::new();
    let seed_with = |password: &str, scope: &str, secret: &str| {
        json!({
            "users": [{"username": user.username, "password": password}],
            "clients": [
                {"client_id": "demo", "token_endpoint_auth_method": "none", "grant_types": ["password"], "scope": scope},
                {"client_id": "machine", "client_secret": secret, "grant_types": ["client_credentials"], "scope": scope},
            ],
        })
    };
    let machine = |app: &Demo, secret: &str| {
        let request =
            Request::form("/oauth/token", &[("grant_type", "client_credentials")]).basic("machine", secret);
        app.send(&request).status
    };
    let (old, new) = (random::secret_of("old secret"), random::secret_of("new secret"));
    let app =
        Demo::start(&deployment, &Options::new("first seed").seed(&seed_with(&user.password, "all", &old)));
    let access = password_tokens(&app, &user, "all").access;
    assert_eq!((machine(&app, &old), machine(&app, &new)), (200, 401));
    app.kill();
    let other = User { password: random::secret_of("other password"), ..user.clone() };
    let app = Demo::start(
        &deployment,
        &Options::new("second seed").seed(&seed_with(&other.password, "notes.read", &new)),
    );
    assert_eq!((machine(&app, &old), machine(&app, &new)), (401, 200));
    let fields = [("username", &*user.username), ("password", &*user.password)];
    app.send(&Request::form("/", &fields)).expect_error(400, "invalid_grant");
    // The grants of the old password end with it. The same seed again ends nothing.
    assert!(!is_valid(&app, &access));
    let tokens = password_tokens(&app, &other, "notes.read");
    assert_eq!(tokens.scope, "notes.read");
    app.kill();
    let app = Demo::start(
        &deployment,
        &Options::new("second seed again").seed(&seed_with(&other.password, "notes.read", &new)),
    );
    assert!(is_valid(&app, &tokens.access));
}

fn what_a_seed_does_not_name_stays(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let app = Demo::start(&deployment, &Options::new("with clients"));
    let user = context.user_at(&app);
    app.kill();
    let app = Demo::start(&deployment, &Options::new("with one").seed(&seed::of(&["demo"])));
    password_tokens(&app, &user, "all");
    Tokens::of(&token(&app, "machine", &[("grant_type", "client_credentials")]));
    app.kill();
    // The same without a seed.
    let app = Demo::start(&deployment, &Options::new("with none").no_seed());
    Tokens::of(&token(&app, "machine", &[("grant_type", "client_credentials")]));
}

fn what_the_server_lacks_is_accepted_and_unusable(context: &Context) {
    let app = context.app();
    CodeRequest::new("unusable", "https://u.example.com/cb").refused(app, "unauthorized_client");
    token(app, "unusable", &[("grant_type", "urn:example:unknown")])
        .expect_error(400, "unsupported_grant_type");
    let request =
        Request::form("/oauth/token", &[("grant_type", "client_credentials"), ("client_id", "key-holder")]);
    app.send(&request).expect_error(401, "invalid_client");
}

fn an_empty_seed_is_a_seed(context: &Context) {
    for seed in ["{}", r#"{"users": [], "clients": []}"#] {
        let app = context.start(&Options::new("empty seed").seed_text(seed.to_owned()));
        app.get("/health").expect(200);
        // A seed without the client demo.
        let user = context.user_at(&app);
        let fields = [("username", &*user.username), ("password", &*user.password)];
        app.send(&Request::form("/", &fields)).expect_error(401, "invalid_client");
    }
}

fn nobody_signs_up_over_a_seeded_user(context: &Context) {
    let user = User::new();
    let seed = json!({
        "users": [{"username": user.username, "password": user.password}],
        "clients": [seed::client("demo").entry()],
    });
    let app = context.start(&Options::new("seeded user").seed(&seed));
    let fields = [("username", &*user.username), ("password", "another password")];
    app.send(&Request::form("/sign_up", &fields)).expect(409);
    password_tokens(&app, &user, "all");
}

fn a_subject_that_a_stored_user_has_is_a_bad_seed(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let app = Demo::start(&deployment, &Options::new("before a bad seed").no_seed());
    let miriam = context.user_at(&app);
    let sub = subject(&app, &miriam);
    app.kill();
    let entry = |username: &str, sub: &str| json!({"username": username, "password": random::secret_of(username), "sub": sub});
    let seed = json!({
        "users": [entry("first", "1"), entry("second", &sub), entry("third", "3")],
        "clients": [seed::client("demo").entry(), seed::client("machine").entry()],
    });
    for log in [Some("info"), None] {
        let options = Options::new("a bad seed").seed(&seed);
        let options = log.map_or(options.clone().without("RUST_LOG"), |level| options.env("RUST_LOG", level));
        let exit = Demo::start_refused(&deployment, &options);
        assert_eq!((exit.status.code(), &*exit.stdout), (Some(2), ""), "{}", exit.stderr);
        let last = exit.stderr.lines().last().unwrap_or_default();
        for told in ["GRIDAUTH_SEED", "users[1] \"second\"", "sub", &sub, &miriam.username] {
            assert!(last.contains(told), "{told} is not in {last}");
        }
        assert!(log.is_some() || exit.stderr.lines().count() == 1, "{}", exit.stderr);
    }
    // Nothing of the seed was stored, and existing users are unchanged.
    let app = Demo::start(&deployment, &Options::new("after a bad seed").no_seed());
    for username in ["first", "second", "third"] {
        let fields = [("username", username), ("password", &random::secret_of(username))];
        app.send(&Request::form("/", &fields)).expect_error(400, "invalid_grant");
    }
    token(&app, "machine", &[("grant_type", "client_credentials")]).expect_error(401, "invalid_client");
    password_tokens(&app, &miriam, "all");
}

/// The subject of a user who signed up, as the built-in client is told it.
#[track_caller]
fn subject(app: &Demo, user: &User) -> String {
    let access = password_tokens(app, user, "all").access;
    app.send(&Request::get("/whoami").bearer(&access)).expect(200).member("sub")
}

#[track_caller]
fn refused(context: &Context, seed: &serde_json::Value, told: &[&str]) {
    let exit = Demo::start_refused(&context.deployment(), &Options::new("a bad seed").seed(seed));
    assert_eq!((exit.status.code(), &*exit.stdout), (Some(2), ""), "{}", exit.stderr);
    let last = exit.stderr.lines().last().unwrap_or_default();
    for told in ["GRIDAUTH_SEED"].iter().chain(told) {
        assert!(last.contains(told), "{told} is not in {last}");
    }
}

fn a_client_whose_id_is_a_users_sub_is_a_bad_seed(context: &Context) {
    let password = random::secret_of("both");
    let client = json!({"client_id": "both", "token_endpoint_auth_method": "none"});
    for user in [
        json!({"username": "both", "password": password}),
        json!({"username": "somebody", "password": password, "sub": "both"}),
    ] {
        refused(context, &json!({"users": [user], "clients": [client]}), &["clients[0] \"both\"", "sub"]);
    }
    // The name of a user with another subject says nothing in a token's sub.
    let user = json!({"username": "both", "password": password, "sub": "1"});
    let seed = json!({"users": [user], "clients": [client]});
    context.start(&Options::new("a name like a client").seed(&seed)).get("/health").expect(200);
}

fn a_redirect_uri_in_plain_http_is_a_bad_seed(context: &Context) {
    for uri in ["http://client.example.com/cb", "app:/cb", "http://10.0.0.1/cb"] {
        let client =
            json!({"client_id": "web", "token_endpoint_auth_method": "none", "redirect_uris": [uri]});
        refused(context, &json!({"clients": [client]}), &["clients[0] \"web\"", "redirect_uris", uri]);
    }
}

fn stored_users_may_swap_their_subjects(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let (one, other) = (User::new(), User::new());
    for (first, second) in [("1", "2"), ("2", "1")] {
        let entry = |user: &User, sub: &str| json!({"username": user.username, "password": user.password, "sub": sub});
        let seed = json!({
            "users": [entry(&one, first), entry(&other, second)],
            "clients": [seed::client("demo").entry()],
        });
        let app = Demo::start(&deployment, &Options::new("subjects").seed(&seed));
        for (user, sub) in [(&one, first), (&other, second)] {
            let access = password_tokens(&app, user, "all").access;
            let whoami = app.send(&Request::get("/whoami").bearer(&access)).expect(200).json();
            assert_eq!(whoami["sub"], sub);
        }
        app.kill();
    }
}

fn the_built_in_client_is_removed_with_all_that_it_was_granted(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let app = Demo::start(&deployment, &Options::new("with the built-in client").no_seed());
    let user = context.user_at(&app);
    let tokens = password_tokens(&app, &user, "all");
    app.kill();
    let app = Demo::start(&deployment, &Options::new("a seed without it").seed(&seed::of(&["machine"])));
    refresh(&app, "demo", tokens.refresh()).expect_error(401, "invalid_client");
    assert!(!is_valid(&app, &tokens.access), "a token of a removed client");
    app.kill();
    // A client from a seed is not the built-in one.
    let app = Demo::start(&deployment, &Options::new("a seed with it").seed(&seed::of(&["demo"])));
    let tokens = password_tokens(&app, &user, "all");
    app.kill();
    let app =
        Demo::start(&deployment, &Options::new("a seed without it again").seed(&seed::of(&["machine"])));
    assert!(is_valid(&app, &tokens.access));
}
