//! Resource indicators (RFC 8707) and protected resource metadata (RFC 9728).

use gridauth_conformance::oauth::{CodeRequest, Tokens, introspect, is_valid, token};
use gridauth_conformance::{Context, Demo, Request, cases};
use serde_json::json;

cases! {
    "RFC 9728 3.2" => each_resource_has_its_metadata,
    "RFC 9728 3.1" => an_issuer_with_a_path_has_the_well_known_part_before_it,
    "RFC 9728 3.1" => the_metadata_is_for_get_and_head_and_for_every_origin,
    "RFC 9728 5.1" => challenges_name_the_metadata_of_their_resource,
    "RFC 8707 2" => a_token_is_for_the_resource_that_was_named,
    "RFC 8707 2" => several_resources_may_be_named,
    "RFC 8707 2.1" => an_unknown_resource_is_told_to_the_client,
    "RFC 8707 2.2" => a_token_request_narrows_the_grant,
    "RFC 8707 2.2" => a_bad_resource_burns_no_code_and_rotates_no_refresh_token,
    "RFC 8707 2.2" => a_refresh_cannot_leave_the_grant,
    "RFC 8707 2.2" => grants_without_an_authorization_request_name_resources_too,
    "RFC 8707 2" => other_parameters_are_still_sent_once,
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn notes(app: &Demo) -> String {
    format!("{}/notes", app.issuer)
}

/// What each guarded route says to this token: `/private`, `/whoami`, `/notes`.
fn opens(app: &Demo, access: &str) -> [u16; 3] {
    ["/private", "/whoami", "/notes"].map(|path| app.send(&Request::get(path).bearer(access)).status)
}

fn each_resource_has_its_metadata(context: &Context) {
    let app = context.app();
    for (path, resource) in [("", app.issuer.clone()), ("/notes", notes(app))] {
        let answer = app.get(&format!("{WELL_KNOWN}{path}")).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let document = answer.json();
        assert_eq!(document["resource"], resource);
        assert_eq!(document["authorization_servers"], json!([app.issuer]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        let scopes = document["scopes_supported"].as_array().unwrap();
        assert!(scopes.contains(&json!("notes.read")), "{document}");
        assert_eq!(scopes.contains(&json!("all")), path.is_empty(), "{document}");
    }
    for path in ["/private", "/", "/notes/", "/Notes", "/oauth"] {
        app.get(&format!("{WELL_KNOWN}{path}")).expect(404);
    }
}

fn an_issuer_with_a_path_has_the_well_known_part_before_it(context: &Context) {
    let app = context.https();
    for path in ["", "/notes"] {
        let document = app.get(&format!("{WELL_KNOWN}/tenant{path}")).expect(200).json();
        assert_eq!(document["resource"], format!("{}{path}", app.issuer));
        app.get(&format!("/tenant{WELL_KNOWN}{path}")).expect(404);
        app.get(&format!("{WELL_KNOWN}{path}")).expect(404);
    }
}

fn the_metadata_is_for_get_and_head_and_for_every_origin(context: &Context) {
    let app = context.app();
    let path = format!("{WELL_KNOWN}/notes");
    let answer = app.send(&Request::get(&path).header("Origin", "https://spa.example.com")).expect(200);
    assert_eq!(answer.headers_named("access-control-allow-origin"), ["*"]);
    app.send(&Request::new("HEAD", &path)).expect(200);
    for method in ["POST", "PUT", "DELETE"] {
        app.send(&Request::new(method, &path)).expect(405);
    }
}

fn challenges_name_the_metadata_of_their_resource(context: &Context) {
    for app in [context.app(), context.https()] {
        let (origin, tenant) = match app.issuer.strip_suffix("/tenant") {
            Some(origin) => (origin, "/tenant"),
            None => (&*app.issuer, ""),
        };
        for (route, path) in [("/private", ""), ("/whoami", ""), ("/notes", "/notes")] {
            let url = format!("resource_metadata=\"{origin}{WELL_KNOWN}{tenant}{path}\"");
            for request in [Request::get(route), Request::get(route).bearer("wrong")] {
                let answer = app.send(&request).expect(401);
                let challenges = answer.headers_named("www-authenticate");
                assert!(
                    challenges[0].starts_with("Bearer realm=") && challenges[0].contains(&url),
                    "{answer:#}"
                );
            }
        }
    }
    let (app, user) = (context.app(), context.user());
    let access = CodeRequest::web().tokens(app, &user).access;
    let answer = app.send(&Request::json("/notes", &json!({"text": "x"})).bearer(&access)).expect(403);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(&format!("{WELL_KNOWN}/notes\"")), "{challenge}");
    assert!(challenge.contains("scope=\"notes.write\""), "{challenge}");
}

fn a_token_is_for_the_resource_that_was_named(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let plain = CodeRequest::web().tokens(app, &user);
    assert_eq!(opens(app, &plain.access), [200; 3]);
    assert_eq!(introspect(app, &plain.access)["aud"], json!([app.issuer]));
    for same in [app.issuer.clone(), format!("{}/", app.issuer)] {
        let whole = CodeRequest::web().with("resource", &same).tokens(app, &user);
        assert_eq!(opens(app, &whole.access), [200; 3]);
        assert_eq!(introspect(app, &whole.access)["aud"], json!([app.issuer]));
    }
    let only = CodeRequest::web().with("resource", &notes(app)).tokens(app, &user);
    assert_eq!(opens(app, &only.access), [401, 401, 200]);
    assert_eq!(introspect(app, &only.access)["aud"], json!([notes(app)]));
    let answer = app.send(&Request::get("/private").bearer(&only.access)).expect(401);
    assert!(answer.challenge().unwrap().contains("error=\"invalid_token\""));
    // A refresh stays with the resource.
    let refreshed = [("grant_type", "refresh_token"), ("refresh_token", only.refresh())];
    let refreshed = Tokens::of(&token(app, "web", &refreshed));
    assert_eq!(opens(app, &refreshed.access), [401, 401, 200]);
}

fn several_resources_may_be_named(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().and("resource", &app.issuer).and("resource", &notes(app));
    let both = request.and("resource", &notes(app)).tokens(app, &user);
    assert_eq!(opens(app, &both.access), [200; 3]);
    assert_eq!(introspect(app, &both.access)["aud"], json!([app.issuer, notes(app)]));
    let empty = CodeRequest::web().and("resource", "").and("resource", &notes(app)).tokens(app, &user);
    assert_eq!(opens(app, &empty.access), [401, 401, 200]);
}

fn bad_resources(app: &Demo) -> Vec<String> {
    vec![
        "https://api.example.com".to_owned(),
        "notes".to_owned(),
        "/notes".to_owned(),
        "urn:example:notes".to_owned(),
        format!("{}/notes/", app.issuer),
        format!("{}/NOTES", app.issuer),
        format!("{}/notes#", app.issuer),
        format!("{}/notes?x=1", app.issuer),
        format!("{}/x/../notes", app.issuer),
        format!("{}/private", app.issuer),
        format!("{}.evil.example/notes", app.issuer),
        format!("{}/notes\\", app.issuer),
        "x".repeat(4000),
    ]
}

fn an_unknown_resource_is_told_to_the_client(context: &Context) {
    let app = context.app();
    for bad in bad_resources(app) {
        CodeRequest::web().with("resource", &bad).refused(app, "invalid_target");
    }
    let request = CodeRequest::web().and("resource", &notes(app)).and("resource", "https://api.example.com");
    request.refused(app, "invalid_target");
}

fn a_token_request_narrows_the_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (issuer, notes) = (app.issuer.clone(), notes(app));
    // Nothing named at the authorization request, the issuer named, and both.
    for named in [&[][..], &[&*issuer], &[&*issuer, &*notes]] {
        let request = named.iter().fold(CodeRequest::web(), |request, one| request.and("resource", one));
        let code = request.code(app, &user);
        let mut redemption = request.redemption(&code);
        redemption.push(("resource", &notes));
        let narrow = Tokens::of(&token(app, "web", &redemption));
        assert_eq!(opens(app, &narrow.access), [401, 401, 200], "{named:?}");
        // The grant is as wide as before.
        let wide = [("grant_type", "refresh_token"), ("refresh_token", narrow.refresh())];
        assert_eq!(opens(app, &Tokens::of(&token(app, "web", &wide)).access), [200; 3], "{named:?}");
    }
}

fn a_bad_resource_burns_no_code_and_rotates_no_refresh_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().with("resource", &notes(app));
    let code = request.code(app, &user);
    for bad in bad_resources(app).into_iter().chain([app.issuer.clone()]) {
        let mut redemption = request.redemption(&code);
        redemption.push(("resource", &bad));
        token(app, "web", &redemption).expect_error(400, "invalid_target");
    }
    let tokens = Tokens::of(&request.redeem(app, &code));
    for bad in bad_resources(app) {
        let refresh =
            [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("resource", &bad)];
        token(app, "web", &refresh).expect_error(400, "invalid_target");
    }
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    assert_eq!(opens(app, &Tokens::of(&token(app, "web", &refresh)).access), [401, 401, 200]);
}

fn a_refresh_cannot_leave_the_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = CodeRequest::web().with("resource", &notes(app)).tokens(app, &user);
    let refresh = |resource: &str| {
        [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("resource", resource)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = |resource: &str| {
        let pairs = refresh(resource);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        token(app, "web", &pairs)
    };
    send(&app.issuer).expect_error(400, "invalid_target");
    assert_eq!(opens(app, &Tokens::of(&send(&notes(app))).access), [401, 401, 200]);
}

fn grants_without_an_authorization_request_name_resources_too(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let notes = notes(app);
    let machine = [("grant_type", "client_credentials"), ("scope", "notes.read"), ("resource", &*notes)];
    let access = Tokens::of(&token(app, "other", &machine)).access;
    assert_eq!(opens(app, &access), [401, 401, 200]);
    let bad = [("grant_type", "client_credentials"), ("resource", "https://api.example.com")];
    token(app, "other", &bad).expect_error(400, "invalid_target");
    let person = [
        ("grant_type", "password"),
        ("username", &*user.username),
        ("password", &*user.password),
        ("scope", "notes.read"),
        ("resource", &*notes),
    ];
    let tokens = Tokens::of(&token(app, "demo", &person));
    assert_eq!(opens(app, &tokens.access), [401, 401, 200]);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    assert_eq!(opens(app, &Tokens::of(&token(app, "demo", &refresh)).access), [401, 401, 200]);
    assert!(is_valid(app, &CodeRequest::web().tokens(app, &user).access));
}

fn other_parameters_are_still_sent_once(context: &Context) {
    let app = context.app();
    let notes = notes(app);
    let request =
        CodeRequest::web().and("resource", &notes).and("resource", &notes).and("scope", "notes.read");
    request.refused(app, "invalid_request");
    let twice = [
        ("grant_type", "client_credentials"),
        ("resource", &*notes),
        ("resource", &*notes),
        ("scope", "notes.read"),
        ("scope", "notes.read"),
    ];
    token(app, "other", &twice).expect_error(400, "invalid_request");
}
