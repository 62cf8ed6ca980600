//! Token exchange (RFC 8693).

use gridauth_conformance::case::{User, at_once};
use gridauth_conformance::oauth::{Tokens, as_client, introspect, is_valid, refresh, token};
use gridauth_conformance::{Context, Demo, Options, Request, Response, cases, record};
use serde_json::json;

cases! {
    "RFC 8693 2.2.1" => a_token_is_exchanged_for_one_with_less_scope,
    "DEMO_APP.md, Policies" => an_exchange_never_widens_the_scope,
    "DEMO_APP.md, Policies" => an_exchange_never_widens_the_resource,
    "DEMO_APP.md, Policies" => an_exchanged_token_does_not_outlive_its_subject_token,
    "DEMO_APP.md, Policies" => only_tokens_of_the_client_itself_are_exchanged,
    "RFC 8693 2.1" => an_actor_is_named_in_the_token_and_nested,
    "RFC 8693 2.1" => an_actor_token_and_its_type_go_together,
    "RFC 8693 2.2.2" => bad_exchanges_are_refused,
    "RFC 8693 2.2.2" => what_is_no_valid_access_token_is_no_subject,
    "DESIGN.md, Storage" => an_exchanged_token_ends_with_its_grant,
    "DESIGN.md, Storage" => an_exchanged_token_ends_with_its_subject_token,
    "RFC 7009 2.1" => an_exchanged_token_is_revoked_alone,
    "DESIGN.md, Storage" => exchanges_push_out_no_token_of_the_grant,
    "DESIGN.md, Storage" => exchanges_at_once_are_all_of_one_grant,
    "RFC 8693 2.2.1" => an_exchange_is_no_sign_in,
    "RFC 9068 2.2" => a_jwt_access_token_is_exchanged_for_another,
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Tokens of this client for a user, by the password grant.
#[track_caller]
fn tokens(app: &Demo, client: &str, user: &User, scope: &str) -> Tokens {
    let parameters = [
        ("grant_type", "password"),
        ("username", user.username.as_str()),
        ("password", user.password.as_str()),
        ("scope", scope),
    ];
    Tokens::of(&token(app, client, &parameters))
}

#[track_caller]
fn exchange(app: &Demo, client: &str, subject_token: &str, more: &[(&str, &str)]) -> Response {
    let mut parameters = vec![
        ("grant_type", EXCHANGE),
        ("subject_token", subject_token),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    parameters.extend(more);
    token(app, client, &parameters)
}

fn a_token_is_exchanged_for_one_with_less_scope(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for client in ["exchanger", "exchanger-spa"] {
        let subject = tokens(app, client, &user, "notes.read notes.write");
        let answer = exchange(app, client, &subject.access, &[("scope", "notes.read")]);
        let exchanged = Tokens::of(&answer);
        let json = answer.json();
        assert_eq!(
            (&json["issued_token_type"], &json["scope"]),
            (&json!(ACCESS_TOKEN), &json!("notes.read"))
        );
        assert!(
            exchanged.refresh.is_none()
                && exchanged.access != subject.access
                && json.get("id_token").is_none()
        );
        let whoami = app.send(&Request::get("/whoami").bearer(&exchanged.access)).expect(200).json();
        let expected = json!({"sub": whoami["sub"], "client_id": client, "scope": "notes.read", "username": user.username});
        assert_eq!(whoami, expected);
        app.send(&Request::get("/notes").bearer(&exchanged.access)).expect(200);
        app.send(&Request::json("/notes", &json!({"text": "x"})).bearer(&exchanged.access)).expect(403);
        // The subject token is as good as before, and all of its scope goes over where none is asked for.
        assert!(is_valid(app, &subject.access));
        assert_eq!(Tokens::of(&exchange(app, client, &subject.access, &[])).scope, "notes.read notes.write");
        let introspected = introspect(app, &exchanged.access);
        assert_eq!(introspected["client_id"], client);
        assert_eq!(introspected.get("act"), None);
    }
    // A client that acts for itself exchanges its token likewise.
    let own = Tokens::of(&token(app, "exchanger", &[("grant_type", "client_credentials")])).access;
    let exchanged = Tokens::of(&exchange(app, "exchanger", &own, &[("scope", "notes.write")]));
    let whoami = app.send(&Request::get("/whoami").bearer(&exchanged.access)).expect(200).json();
    assert_eq!(whoami, json!({"sub": "exchanger", "client_id": "exchanger", "scope": "notes.write"}));
}

fn an_exchange_never_widens_the_scope(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read").access;
    for scope in ["notes.read notes.write", "notes.write", "all", "openid", "\""] {
        exchange(app, "exchanger", &subject, &[("scope", scope)]).expect_error(400, "invalid_scope");
    }
    // Nor does a second one take back what the first gave up.
    let wide = tokens(app, "exchanger", &user, "notes.read notes.write").access;
    let narrow = Tokens::of(&exchange(app, "exchanger", &wide, &[("scope", "notes.read")])).access;
    exchange(app, "exchanger", &narrow, &[("scope", "notes.write")]).expect_error(400, "invalid_scope");
    assert_eq!(Tokens::of(&exchange(app, "exchanger", &narrow, &[])).scope, "notes.read");
}

fn an_exchange_never_widens_the_resource(context: &Context) {
    for app in [context.app(), context.https()] {
        let user = context.user_at(app);
        let subject = tokens(app, "exchanger", &user, "notes.read").access;
        for (name, value) in [
            ("resource", "https://api.example.com"),
            ("resource", "notes"),
            ("resource", "https://api.example.com/#x"),
            ("audience", "web"),
            ("audience", "https://api.example.com"),
        ] {
            exchange(app, "exchanger", &subject, &[(name, value)]).expect_error(400, "invalid_target");
        }
        let two = [("resource", &*app.issuer), ("resource", "https://api.example.com")];
        exchange(app, "exchanger", &subject, &two).expect_error(400, "invalid_target");
        let exchanged =
            Tokens::of(&exchange(app, "exchanger", &subject, &[("resource", &app.issuer)])).access;
        assert!(is_valid(app, &exchanged));
    }
}

fn an_exchanged_token_does_not_outlive_its_subject_token(context: &Context) {
    let app = context.start(&Options::new("exchange").env("GRIDAUTH_ACCESS_TOKEN_TTL", "6"));
    let user = context.user_at(&app);
    let subject = tokens(&app, "exchanger", &user, "notes.read").access;
    std::thread::sleep(std::time::Duration::from_secs(2));
    let exchanged = Tokens::of(&exchange(&app, "exchanger", &subject, &[]));
    assert!(exchanged.expires_in <= 4, "{exchanged:?}");
    let [of_subject, of_exchanged] =
        [&subject, &exchanged.access].map(|token| introspect(&app, token)["exp"].as_i64());
    assert_eq!(of_exchanged, of_subject);
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(!is_valid(&app, &exchanged.access));
    exchange(&app, "exchanger", &subject, &[]).expect_error(400, "invalid_request");
}

fn only_tokens_of_the_client_itself_are_exchanged(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let others = tokens(app, "exchanger-spa", &user, "notes.read").access;
    exchange(app, "exchanger", &others, &[]).expect_error(400, "invalid_request");
    let own = tokens(app, "exchanger", &user, "notes.read").access;
    let actor = [("actor_token", &*others), ("actor_token_type", ACCESS_TOKEN)];
    exchange(app, "exchanger", &own, &actor).expect_error(400, "invalid_request");
    // A client without the grant type exchanges nothing.
    let demos = tokens(app, "demo", &user, "notes.read").access;
    exchange(app, "demo", &demos, &[]).expect_error(400, "unauthorized_client");
    assert!(is_valid(app, &others) && is_valid(app, &demos));
}

fn an_actor_is_named_in_the_token_and_nested(context: &Context) {
    let (app, user, admin) = (context.app(), context.user(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read").access;
    let actor = tokens(app, "exchanger", &admin, "notes.read notes.write").access;
    let by = |subject: &str, actor: &str| {
        Tokens::of(&exchange(
            app,
            "exchanger",
            subject,
            &[("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)],
        ))
        .access
    };
    let once = by(&subject, &actor);
    let [of_user, of_admin] = [&subject, &actor].map(|token| introspect(app, token)["sub"].clone());
    let first = introspect(app, &once);
    assert_eq!((&first["sub"], &first["username"]), (&of_user, &json!(user.username)));
    assert_eq!(first["act"], json!({"sub": of_admin, "client_id": "exchanger"}));
    assert_eq!(first["scope"], "notes.read");
    let robot = Tokens::of(&token(app, "exchanger", &[("grant_type", "client_credentials")])).access;
    let twice = introspect(app, &by(&once, &robot));
    assert_eq!(twice["act"], json!({"sub": "exchanger", "act": first["act"]}));
    // An exchange without an actor hides nobody who acted before.
    let again = Tokens::of(&exchange(app, "exchanger", &once, &[])).access;
    assert_eq!(introspect(app, &again)["act"], first["act"]);
}

fn an_actor_token_and_its_type_go_together(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read").access;
    for more in [
        &[("actor_token", &*subject)][..],
        &[("actor_token_type", ACCESS_TOKEN)],
        &[("actor_token", &subject), ("actor_token_type", "urn:ietf:params:oauth:token-type:id_token")],
        &[("actor_token", "x"), ("actor_token_type", ACCESS_TOKEN)],
        &[("actor_token", &subject), ("actor_token_type", JWT)],
        &[("actor_token", &subject), ("actor_token", &subject), ("actor_token_type", ACCESS_TOKEN)],
    ] {
        exchange(app, "exchanger", &subject, more).expect_error(400, "invalid_request");
    }
}

fn bad_exchanges_are_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read").access;
    let send = |parameters: &[(&str, &str)]| {
        let mut all = vec![("grant_type", EXCHANGE)];
        all.extend(parameters);
        token(app, "exchanger", &all)
    };
    for parameters in [
        &[][..],
        &[("subject_token", &*subject)],
        &[("subject_token_type", ACCESS_TOKEN)],
        &[("subject_token", ""), ("subject_token_type", ACCESS_TOKEN)],
        &[("subject_token", &subject), ("subject_token_type", "")],
        &[("subject_token", &subject), ("subject_token_type", "access_token")],
        &[("subject_token", &subject), ("subject_token_type", JWT)],
        &[("subject_token", &subject), ("subject_token", &subject), ("subject_token_type", ACCESS_TOKEN)],
        &[
            ("subject_token", &subject),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ],
        &[("subject_token", &subject), ("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")],
    ] {
        send(parameters).expect_error(400, "invalid_request");
    }
    for wanted in [
        JWT,
        "urn:ietf:params:oauth:token-type:refresh_token",
        "urn:ietf:params:oauth:token-type:id_token",
        "x",
    ] {
        exchange(app, "exchanger", &subject, &[("requested_token_type", wanted)])
            .expect_error(400, "invalid_request");
    }
    Tokens::of(&exchange(app, "exchanger", &subject, &[("requested_token_type", ACCESS_TOKEN)]));
    // The client authenticates, as anywhere.
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", &*subject),
        ("subject_token_type", ACCESS_TOKEN),
        ("client_id", "exchanger"),
    ];
    app.send(&Request::form(app.endpoint("token"), &form)).expect_error(401, "invalid_client");
}

fn what_is_no_valid_access_token_is_no_subject(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read");
    let forged = format!("{}AAAA", &subject.access[..subject.access.len() - 4]);
    let none_jwt = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSIsInN1YiI6ImlzcmFlbCJ9.";
    for token in ["x", "gat_", &forged, subject.refresh(), none_jwt, &"x".repeat(10_000)] {
        exchange(app, "exchanger", token, &[]).expect_error(400, "invalid_request");
    }
    // No issuer is trusted.
    let parameters = [("grant_type", EXCHANGE), ("subject_token", none_jwt), ("subject_token_type", JWT)];
    token(app, "exchanger", &parameters).expect_error(400, "invalid_request");
    app.send(&as_client(app, "revoke", "exchanger", &[("token", &subject.access)])).expect(200);
    exchange(app, "exchanger", &subject.access, &[]).expect_error(400, "invalid_request");
}

fn an_exchanged_token_ends_with_its_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read");
    let exchanged = Tokens::of(&exchange(app, "exchanger", &subject.access, &[])).access;
    let renewed = Tokens::of(&refresh(app, "exchanger", subject.refresh()));
    assert!(is_valid(app, &exchanged) && is_valid(app, &subject.access));
    app.send(&as_client(app, "revoke", "exchanger", &[("token", renewed.refresh())])).expect(200);
    assert!(!is_valid(app, &exchanged) && !is_valid(app, &subject.access));
    // A grant without a refresh token ends with its only access token.
    let own = Tokens::of(&token(app, "exchanger", &[("grant_type", "client_credentials")])).access;
    let exchanged = Tokens::of(&exchange(app, "exchanger", &own, &[])).access;
    app.send(&as_client(app, "revoke", "exchanger", &[("token", &own)])).expect(200);
    assert!(!is_valid(app, &exchanged));
    assert_eq!(introspect(app, &exchanged), json!({"active": false}));
}

fn an_exchanged_token_ends_with_its_subject_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read");
    let first = Tokens::of(&exchange(app, "exchanger", &subject.access, &[])).access;
    let second = Tokens::of(&exchange(app, "exchanger", &first, &[])).access;
    let other = Tokens::of(&refresh(app, "exchanger", subject.refresh())).access;
    app.send(&as_client(app, "revoke", "exchanger", &[("token", &subject.access)])).expect(200);
    assert!(!is_valid(app, &first) && !is_valid(app, &second));
    assert!(is_valid(app, &other), "the rest of the grant stays");
}

fn an_exchanged_token_is_revoked_alone(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read").access;
    let [one, other] = [(); 2].map(|()| Tokens::of(&exchange(app, "exchanger", &subject, &[])).access);
    app.send(&as_client(app, "revoke", "web", &[("token", &one)])).expect_error(400, "invalid_grant");
    assert!(is_valid(app, &one));
    app.send(&as_client(app, "revoke", "exchanger", &[("token", &one)])).expect(200);
    assert!(!is_valid(app, &one) && is_valid(app, &other) && is_valid(app, &subject));
}

fn exchanges_push_out_no_token_of_the_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read").access;
    let exchanged: Vec<String> =
        (0..20).map(|_| Tokens::of(&exchange(app, "exchanger", &subject, &[])).access).collect();
    assert!(is_valid(app, &subject));
    let live = exchanged.iter().filter(|token| is_valid(app, token)).count();
    assert!((1..20).contains(&live) && is_valid(app, &exchanged[19]), "{live}");
    // A chain of exchanges comes to an end.
    let mut last = subject;
    let ended = (0..20).find_map(|_| {
        let answer = exchange(app, "exchanger", &last, &[]);
        if answer.status != 200 {
            return Some(answer);
        }
        last = Tokens::of(&answer).access;
        None
    });
    ended.expect("it ends").expect_error(400, "invalid_request");
    assert!(is_valid(app, &last));
}

fn exchanges_at_once_are_all_of_one_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "notes.read");
    let exchanged = at_once(8, |_| Tokens::of(&exchange(app, "exchanger", &subject.access, &[])).access);
    assert!(exchanged.iter().all(|token| is_valid(app, token)));
    app.send(&as_client(app, "revoke", "exchanger", &[("token", subject.refresh())])).expect(200);
    assert!(!exchanged.iter().any(|token| is_valid(app, token)));
    // Exchanges race with the revocation of what they exchange: how many come first differs.
    record::stop();
    let subject = tokens(app, "exchanger", &user, "notes.read").access;
    let answers = at_once(16, |number| match number {
        7 => app.send(&as_client(app, "revoke", "exchanger", &[("token", &subject)])).expect(200),
        _ => exchange(app, "exchanger", &subject, &[]),
    });
    for answer in answers.into_iter().filter(|answer| !answer.body.is_empty()) {
        match answer.status {
            200 => assert!(!is_valid(app, &Tokens::of(&answer).access)),
            _ => drop(answer.expect_error(400, "invalid_request")),
        }
    }
}

fn an_exchange_is_no_sign_in(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let subject = tokens(app, "exchanger", &user, "openid notes.read").access;
    let answer = exchange(app, "exchanger", &subject, &[]).expect(200).json();
    assert_eq!(answer.get("id_token"), None);
}

fn a_jwt_access_token_is_exchanged_for_another(context: &Context) {
    let app = context.start(&Options::new("exchange of JWTs").env("GRIDAUTH_ACCESS_TOKEN", "jwt"));
    let (user, admin) = (context.user_at(&app), context.user_at(&app));
    let subject = tokens(&app, "exchanger", &user, "notes.read notes.write").access;
    let actor = tokens(&app, "exchanger", &admin, "notes.read").access;
    for (named, wanted) in [(ACCESS_TOKEN, ACCESS_TOKEN), (JWT, ACCESS_TOKEN), (JWT, JWT)] {
        let parameters = [
            ("grant_type", EXCHANGE),
            ("subject_token", &*subject),
            ("subject_token_type", named),
            ("requested_token_type", wanted),
            ("actor_token", &actor),
            ("actor_token_type", named),
            ("scope", "notes.read"),
        ];
        let answer = token(&app, "exchanger", &parameters).expect(200);
        assert_eq!(answer.json()["issued_token_type"], wanted);
        let exchanged = Tokens::of(&answer).access;
        assert!(is_valid(&app, &exchanged));
        let [of_subject, claims] = [&subject, &exchanged].map(|token| claims_of(token));
        assert_eq!(claims["act"], json!({"sub": claims_of(&actor)["sub"], "client_id": "exchanger"}));
        assert_eq!(
            (&claims["sub"], &claims["scope"], &claims["client_id"]),
            (&of_subject["sub"], &json!("notes.read"), &json!("exchanger"))
        );
        assert!(claims["exp"].as_i64() <= of_subject["exp"].as_i64());
    }
    app.send(&as_client(&app, "revoke", "exchanger", &[("token", &subject)])).expect(200);
    exchange(&app, "exchanger", &subject, &[]).expect_error(400, "invalid_request");
}

fn claims_of(jwt: &str) -> serde_json::Value {
    use base64::Engine;
    let payload = jwt.split('.').nth(1).expect("a payload");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
