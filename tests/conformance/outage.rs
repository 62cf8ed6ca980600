//! The database goes away while the application runs, and comes back. Each case crashes, pauses and restarts a node of its
//! own (DEMO_APP.md, Routes; DESIGN.md, Storage).

use std::time::Duration;

use gridauth_conformance::case::{User, at_once};
use gridauth_conformance::griddb::OwnNode;
use gridauth_conformance::html::Page;
use gridauth_conformance::oauth::{
    CodeRequest, Tokens, as_client, introspect, is_valid, password_tokens, refresh, token,
};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, cases, random};
use serde_json::json;

cases! {
    "DEMO_APP.md, Routes" => while_the_node_is_down_every_route_is_503_and_then_all_is_as_before,
    "DEMO_APP.md, Routes" => while_the_node_is_not_in_its_cluster_every_route_is_503_and_then_it_serves_again,
    "DEMO_APP.md, Routes" => while_the_node_hangs_every_route_is_503_and_then_it_serves_again,
    "DESIGN.md, Storage" => acknowledged_writes_survive_a_crash_of_the_node,
    "DESIGN.md, Storage" => tokens_survive_kill_9_of_the_application_while_the_node_runs_on,
    "DEMO_APP.md, Start" => a_node_that_is_down_at_the_start_is_exit_1_and_one_line,
}

/// An application on its own node, and what was issued before the outage.
struct Scene {
    node: OwnNode,
    app: Demo,
    user: User,
    tokens: Tokens,
    /// A code that has not been redeemed.
    code: String,
    request: CodeRequest,
    /// The sign-in form, filled in but not sent.
    sign_in: Request,
}

/// Short timeouts, and no cached clients.
const HASTY: &str = "retry_for=1s&statement_timeout=1s&connect_timeout=1s&lock_timeout=0s&client_cache=0s";

fn on(node: &OwnNode, label: &str) -> Options {
    Options::new(label).env("GRIDAUTH_STORE", &node.url(HASTY))
}

impl Scene {
    fn set(context: &Context) -> Self {
        Self::set_on(OwnNode::start(), context)
    }

    fn set_on(node: OwnNode, context: &Context) -> Self {
        let app = context.start(&on(&node, "on a node of its own"));
        let user = context.user_at(&app);
        let tokens = password_tokens(&app, &user, "notes.read notes.write");
        let request = CodeRequest::web();
        let code = request.code(&app, &user);
        app.send(&Request::json("/notes", &json!({"text": "kept"})).bearer(&tokens.access)).expect(201);
        let mut browser = Browser::new(&app);
        let page = Page::read(browser.authorize(&CodeRequest::web().pairs()).expect(200).text());
        let filled = page.form().filled(&[("username", &user.username), ("password", &user.password)], None);
        let filled: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (&**name, &**value)).collect();
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let sign_in = Request::form(&page.form().action, &filled).header("Cookie", cookies.join("; "));
        Self { node, app, user, tokens, code, request, sign_in }
    }

    /// A request to each route that needs the store, and to each grant.
    fn requests(&self) -> Vec<Request> {
        let Self { app, user, tokens, code, .. } = self;
        let (access, own) = (&*tokens.access, [("username", &*user.username), ("password", &*user.password)]);
        let grant = |client: &str, name: &str, more: &[(&str, &str)]| {
            as_client(app, "token", client, &[&[("grant_type", name)], more].concat())
        };
        vec![
            Request::get("/private").bearer(access),
            Request::get("/whoami").bearer(access),
            Request::get("/notes").bearer(access),
            Request::json("/notes", &json!({"text": "never acknowledged"})).bearer(access),
            Request::get("/health"),
            Request::form("/", &own),
            Request::form(
                "/sign_up",
                &[("username", &*random::unique("newcomer")), ("password", "password")],
            ),
            grant("machine", "client_credentials", &[]),
            grant("demo", "password", &own),
            grant("demo", "refresh_token", &[("refresh_token", tokens.refresh())]),
            as_client(app, "token", "web", &self.request.redemption(code)),
            as_client(app, "revoke", "demo", &[("token", tokens.refresh())]),
            as_client(app, "introspect", "resource-server", &[("token", access)]),
            Request::query("/oauth/authorize", &CodeRequest::web().pairs()),
            self.sign_in.clone(),
        ]
    }

    /// Sends all of them at once, so that they wait together.
    fn all_are_503(&self) {
        let requests = self.requests();
        let answers = at_once(requests.len(), |number| self.app.send(&requests[number].clone().may_fail()));
        for (request, answer) in requests.iter().zip(answers) {
            let asked = &request.target;
            assert_eq!(answer.status, 503, "{asked}: {answer:#}");
            assert!(answer.header("retry-after").is_some(), "{asked}: {answer:#}");
            assert_eq!(answer.header("location"), None, "{asked}: {answer:#}");
        }
    }

    /// Requests that need no store are still served.
    fn requests_without_the_store_are_served(&self) {
        let app = &self.app;
        app.get("/").expect(200);
        app.get("/.well-known/oauth-authorization-server").expect(200);
        app.get("/private").expect(401);
        app.send(&Request::get("/private").bearer("no token at all")).expect(401);
        app.get("/nothing").expect(404);
    }

    /// Waits until the application has reconnected to the node by itself.
    fn until_it_serves(&self) {
        for _ in 0..3000 {
            // The number of attempts differs in each run, so these responses are not compared.
            let wire = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            if self.app.client.exchange(wire, false).is_ok_and(|answer| answer.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the application does not reconnect to the node");
    }

    fn is_good_and_has_its_note(&self, app: &Demo) {
        assert!(is_valid(app, &self.tokens.access));
        let notes = app.send(&Request::get("/notes").bearer(&self.tokens.access)).expect(200).json();
        assert_eq!(notes[0]["text"], "kept");
    }
}

fn while_the_node_is_down_every_route_is_503_and_then_all_is_as_before(context: &Context) {
    let scene = Scene::set(context);
    let app = &scene.app;
    scene.node.crash();
    scene.all_are_503();
    scene.requests_without_the_store_are_served();
    scene.node.restart();
    scene.until_it_serves();
    // Nothing that was answered with an error has happened.
    scene.is_good_and_has_its_note(app);
    assert_eq!(introspect(app, scene.tokens.refresh())["active"], true);
    Tokens::of(&scene.request.redeem(app, &scene.code));
    Tokens::of(&refresh(app, "demo", scene.tokens.refresh()));
    let notes = app.send(&Request::get("/notes").bearer(&scene.tokens.access)).expect(200).json();
    assert_eq!(notes.as_array().unwrap().len(), 1);
    CodeRequest::web().tokens(app, &scene.user);
    let newcomer = context.user_at(app);
    password_tokens(app, &newcomer, "all");
}

fn while_the_node_is_not_in_its_cluster_every_route_is_503_and_then_it_serves_again(context: &Context) {
    // Longer than the application retries.
    let scene = Scene::set_on(OwnNode::start_joining_after(Duration::from_millis(2500)), context);
    let app = &scene.app;
    scene.node.crash();
    scene.node.restart();
    scene.all_are_503();
    scene.requests_without_the_store_are_served();
    scene.until_it_serves();
    scene.is_good_and_has_its_note(app);
    Tokens::of(&scene.request.redeem(app, &scene.code));
    Tokens::of(&refresh(app, "demo", scene.tokens.refresh()));
    CodeRequest::web().tokens(app, &scene.user);
}

fn while_the_node_hangs_every_route_is_503_and_then_it_serves_again(context: &Context) {
    let scene = Scene::set(context);
    let app = &scene.app;
    let others = password_tokens(app, &scene.user, "all");
    scene.node.pause();
    scene.all_are_503();
    scene.requests_without_the_store_are_served();
    scene.node.wake();
    scene.until_it_serves();
    // What was sent to the node before it hung may have been carried out since, so use a token of another grant.
    assert!(is_valid(app, &others.access));
    Tokens::of(&refresh(app, "demo", others.refresh()));
    CodeRequest::web().tokens(app, &scene.user);
}

fn acknowledged_writes_survive_a_crash_of_the_node(context: &Context) {
    let scene = Scene::set(context);
    let app = &scene.app;
    let revoked = password_tokens(app, &scene.user, "all");
    let rotated = Tokens::of(&refresh(app, "demo", scene.tokens.refresh()));
    app.send(&as_client(app, "revoke", "demo", &[("token", revoked.refresh())])).expect(200);
    scene.node.crash();
    scene.node.restart();
    scene.until_it_serves();
    scene.is_good_and_has_its_note(app);
    assert!(is_valid(app, &rotated.access) && !is_valid(app, &revoked.access));
    Tokens::of(&scene.request.redeem(app, &scene.code));
    scene.request.redeem(app, &scene.code).expect_error(400, "invalid_grant");
}

fn tokens_survive_kill_9_of_the_application_while_the_node_runs_on(context: &Context) {
    let mut scene = Scene::set(context);
    let next = context.start(&on(&scene.node, "after kill -9"));
    std::mem::replace(&mut scene.app, next).kill();
    let app = &scene.app;
    scene.is_good_and_has_its_note(app);
    Tokens::of(&refresh(app, "demo", scene.tokens.refresh()));
    Tokens::of(&scene.request.redeem(app, &scene.code));
    let own = [
        ("grant_type", "password"),
        ("username", &*scene.user.username),
        ("password", &*scene.user.password),
    ];
    Tokens::of(&token(app, "demo", &own));
}

fn a_node_that_is_down_at_the_start_is_exit_1_and_one_line(context: &Context) {
    let node = OwnNode::start();
    node.crash();
    let exit = Demo::start_refused(&context.deployment(), &on(&node, "no node").env("RUST_LOG", "error"));
    assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
    assert_eq!((exit.stdout.as_str(), exit.stderr.lines().count()), ("", 1), "{}", exit.stderr);
    assert!(exit.stderr.contains("store"), "{}", exit.stderr);
    node.restart();
    context.start(&on(&node, "a node that came back")).get("/health").expect(200);
}
