//! Requests sent at once: exactly one wins, and nothing is left half done.

use gridauth_conformance::case::{User, at_once};
use gridauth_conformance::oauth::{
    CodeRequest, Tokens, as_client, is_valid, password_tokens, refresh, token,
};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, cases, random, record};
use serde_json::json;

cases! {
    "RFC 6749 4.1.2" => one_of_64_redemptions_of_a_code_succeeds,
    "RFC 6749 4.1.2" => a_code_redeemed_in_a_race_leaves_no_token_behind,
    "DESIGN.md, Refresh tokens" => parallel_rotations_agree_on_one_successor,
    "RFC 9700 4.14.2" => without_grace_one_of_many_parallel_rotations_succeeds,
    "RFC 7009 2.1" => after_a_revocation_no_rotation_brings_the_grant_back,
    "DEMO_APP.md, Routes" => one_of_many_parallel_sign_ups_succeeds,
    "DESIGN.md, Storage" => tokens_of_parallel_refreshes_are_all_valid,
    "DEMO_APP.md, Policies" => parallel_consents_add_up,
    "DEMO_APP.md, Routes" => parallel_notes_are_all_kept,
    "DEMO_APP.md, Policies" => parallel_guesses_learn_no_more,
    "DESIGN.md, Storage" => two_processes_on_one_store_race_alike,
}

fn one_of_64_redemptions_of_a_code_succeeds(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    race_for_a_code(&request, &code, &[app], 64);
}

/// Redeems a code this many times at once, spread over the processes; returns the tokens of the winner.
#[track_caller]
fn race_for_a_code(request: &CodeRequest, code: &str, apps: &[&Demo], times: usize) -> Tokens {
    let answers = at_once(times, |number| request.redeem(apps[number % apps.len()], code));
    let mut won = Vec::new();
    for answer in answers {
        if answer.status == 200 {
            won.push(Tokens::of(&answer));
        } else {
            answer.expect_error(400, "invalid_grant");
        }
    }
    assert_eq!(won.len(), 1, "redemptions that succeeded");
    won.remove(0)
}

fn a_code_redeemed_in_a_race_leaves_no_token_behind(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for _ in 0..4 {
        let request = CodeRequest::new("spa-refresh", "https://spa.example.com/cb");
        let code = request.code(app, &user);
        let won = race_for_a_code(&request, &code, &[app], 8);
        // The second use revoked the tokens of the first.
        assert!(!is_valid(app, &won.access));
        refresh(app, "spa-refresh", won.refresh()).expect_error(400, "invalid_grant");
    }
}

fn parallel_rotations_agree_on_one_successor(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let first = password_tokens(app, &user, "all");
    let answers = at_once(32, |_| Tokens::of(&refresh(app, "demo", first.refresh())));
    for other in &answers {
        assert_eq!((&other.access, &other.refresh), (&answers[0].access, &answers[0].refresh));
    }
    assert!(is_valid(app, &answers[0].access));
    Tokens::of(&refresh(app, "demo", answers[0].refresh()));
}

fn without_grace_one_of_many_parallel_rotations_succeeds(context: &Context) {
    let app = context.graceless();
    let user = context.user_at(app);
    let first = password_tokens(app, &user, "all");
    let answers = at_once(32, |_| refresh(app, "demo", first.refresh()));
    let won: Vec<Tokens> = answers.iter().filter(|answer| answer.status == 200).map(Tokens::of).collect();
    assert_eq!(won.len(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect_error(400, "invalid_grant");
    }
    // All but the first were reuse, so the grant is revoked.
    assert!(!is_valid(app, &won[0].access));
    refresh(app, "demo", won[0].refresh()).expect_error(400, "invalid_grant");
}

fn after_a_revocation_no_rotation_brings_the_grant_back(context: &Context) {
    let (app, user) = (context.app(), context.user());
    // How many rotations precede the revocation differs in each run.
    record::stop();
    for _ in 0..6 {
        race_to_rotate_and_revoke(&user, &[app]);
    }
}

/// Rotates a refresh token many times and revokes it once, all at once and spread over the processes. Whoever is first,
/// the grant must end.
#[track_caller]
fn race_to_rotate_and_revoke(user: &User, apps: &[&Demo]) {
    let first = password_tokens(apps[0], user, "all");
    let answers = at_once(9, |number| {
        let app = apps[number % apps.len()];
        if number == 4 {
            app.send(&as_client(app, "revoke", "demo", &[("token", first.refresh())])).expect(200)
        } else {
            refresh(app, "demo", first.refresh())
        }
    });
    let mut given = vec![first];
    for (number, answer) in answers.iter().enumerate() {
        match answer.status {
            200 if number == 4 => {}
            200 => given.push(Tokens::of(answer)),
            _ => _ = answer.clone().expect_error(400, "invalid_grant"),
        }
    }
    for app in apps {
        for tokens in &given {
            assert!(!is_valid(app, &tokens.access));
            refresh(app, "demo", tokens.refresh()).expect_error(400, "invalid_grant");
        }
    }
}

fn one_of_many_parallel_sign_ups_succeeds(context: &Context) {
    race_to_sign_up(&[context.app()]);
}

#[track_caller]
fn race_to_sign_up(apps: &[&Demo]) {
    let name = random::unique("racer");
    let password = |number: usize| format!("password of racer {number}");
    let answers = at_once(16, |number| {
        let fields = [("username", name.as_str()), ("password", &password(number))];
        apps[number % apps.len()].send(&Request::form("/sign_up", &fields))
    });
    let won: Vec<usize> = (0..16).filter(|number| answers[*number].status == 201).collect();
    assert_eq!(won.len(), 1, "sign-ups that succeeded");
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status)));
    // The account is the winner's alone.
    for number in [won[0], (won[0] + 1) % 16] {
        let fields = [("username", name.as_str()), ("password", &password(number))];
        let answer = apps[0].send(&Request::form("/", &fields));
        assert_eq!(answer.status == 200, number == won[0], "{answer:#}");
    }
}

fn tokens_of_parallel_refreshes_are_all_valid(context: &Context) {
    let (app, user) = (context.app(), context.user());
    // Many access tokens of one grant are issued at once: each is valid or was answered with an error, none is lost
    // silently.
    let mut last = password_tokens(app, &user, "notes.read notes.write");
    for _ in 0..3 {
        let current = last.refresh().to_owned();
        let answers = at_once(6, |_| {
            let parameters =
                [("grant_type", "refresh_token"), ("refresh_token", &*current), ("scope", "notes.read")];
            Tokens::of(&token(app, "demo", &parameters))
        });
        assert!(answers.iter().all(|tokens| is_valid(app, &tokens.access)));
        last = answers[0].clone();
    }
}

fn parallel_consents_add_up(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let scopes = ["notes.read", "notes.write", "email", "profile"];
    let answers = at_once(scopes.len(), |number| {
        CodeRequest::web().with("scope", scopes[number]).go_through(app, &user)
    });
    assert!(answers.iter().all(|redirect| redirect.get("code").is_some()));
    let mut browser = Browser::new(app);
    let all = CodeRequest::web().with("scope", &scopes.join(" "));
    let page = browser.authorize(&all.pairs());
    // There is nothing left to ask.
    browser.sign_in(&page, &user).expect(303);
}

fn parallel_notes_are_all_kept(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read notes.write").access;
    at_once(24, |number| {
        let note = Request::json("/notes", &json!({"text": number.to_string()})).bearer(&access);
        app.send(&note).expect(201)
    });
    // Notes are listed in order, which differs in each run.
    record::stop();
    let kept = app.send(&Request::get("/notes").bearer(&access)).expect(200).json();
    let mut texts: Vec<u32> =
        kept.as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap().parse().unwrap()).collect();
    texts.sort_unstable();
    assert_eq!(texts, (0..24).collect::<Vec<u32>>());
}

fn parallel_guesses_learn_no_more(context: &Context) {
    let (app, user) = (context.app(), context.user());
    // How many guesses are answered before the throttle differs in each run.
    record::stop();
    let answers = at_once(48, |_| {
        let fields = [("username", &*user.username), ("password", "wrong password")];
        app.send(&Request::form("/", &fields)).status
    });
    let told = answers.iter().filter(|status| **status == 400).count();
    assert!(told <= 20, "{told} guesses were answered");
    assert!(answers.iter().all(|status| [400, 429, 503].contains(status)), "{answers:?}");
}

fn two_processes_on_one_store_race_alike(context: &Context) {
    // What follows depends on who is first.
    record::stop();
    if !context.combination.store.shared {
        return;
    }
    let deployment = context.deployment();
    let first = Demo::start(&deployment, &Options::new("first of two"));
    let second = Demo::start(&deployment, &Options::new("second of two"));
    race_to_sign_up(&[&first, &second]);
    let user = context.user_at(&first);
    let request = CodeRequest::web();
    let code = request.code(&first, &user);
    let won = race_for_a_code(&request, &code, &[&first, &second], 64);
    for app in [&first, &second] {
        assert!(!is_valid(app, &won.access));
    }
    let tokens = password_tokens(&first, &user, "all");
    let answers = at_once(16, |number| {
        Tokens::of(&refresh(if number % 2 == 0 { &first } else { &second }, "demo", tokens.refresh()))
    });
    assert!(answers.iter().all(|other| other.refresh == answers[0].refresh));
    first.send(&as_client(&first, "revoke", "demo", &[("token", answers[0].refresh())])).expect(200);
    assert!(!is_valid(&second, &answers[0].access));
    for _ in 0..6 {
        race_to_rotate_and_revoke(&user, &[&first, &second]);
        race_to_rotate_and_revoke(&user, &[&second, &first]);
    }
}
