//! Guessing is throttled (DEMO_APP.md, Policies).

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::case::at_once;
use gridauth_conformance::http::{encode, read_response};
use gridauth_conformance::oauth::{
    CodeRequest, Tokens, as_client, introspect, is_valid, password_tokens, token,
};
use gridauth_conformance::{Browser, Context, Options, Request, Response, cases, seed};

cases! {
    "DEMO_APP.md, Policies" => after_twenty_wrong_passwords_even_the_right_one_waits,
    "DEMO_APP.md, Policies" => the_sign_in_page_is_throttled_too,
    "DEMO_APP.md, Policies" => all_ways_to_guess_a_password_count_together,
    "DEMO_APP.md, Policies" => after_twenty_wrong_secrets_even_the_right_one_waits,
    "DEMO_APP.md, Policies" => a_success_forgets_the_failures,
    "DEMO_APP.md, Policies" => unknown_accounts_are_throttled_too,
    "DEMO_APP.md, Policies" => other_accounts_are_not_throttled,
    "DEMO_APP.md, Policies" => a_forwarded_address_changes_nothing,
    "DEMO_APP.md, Policies" => a_public_name_cannot_be_used_to_lock_a_client_out,
    "DEMO_APP.md, Policies" => valid_tokens_keep_working_while_the_account_waits,
    "DEMO_APP.md, Policies" => another_source_gets_in,
    "DEMO_APP.md, Policies" => after_a_hundred_failures_over_all_sources_known_ones_get_in,
    "DEMO_APP.md, Policies" => a_thousand_failures_keep_out_their_forwarded_source_and_no_direct_local_peer,
    "DEMO_APP.md, Policies" => sign_ups_are_limited_by_their_forwarded_source_alone,
    "DEMO_APP.md, Policies" => what_a_client_writes_into_the_forwarded_address_frees_nobody,
    "DEMO_APP.md, Policies" => a_browser_that_has_signed_in_before_is_not_locked_out_from_its_address,
}

/// The response is 429 and says how long to wait.
#[track_caller]
fn is_throttled(answer: &Response) {
    assert_eq!(answer.status, 429, "{answer:#}");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

fn password(username: &str, password: &str) -> Request {
    Request::form("/", &[("username", username), ("password", password)])
}

/// A password that is too long, and so is rejected without being hashed, which saves time. It counts like any other failure:
/// the cases that also try a hashed one show that.
fn too_long() -> String {
    "x".repeat(1025)
}

fn after_twenty_wrong_passwords_even_the_right_one_waits(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for _ in 0..20 {
        app.send(&password(&user.username, "wrong password")).expect_error(400, "invalid_grant");
    }
    is_throttled(&app.send(&password(&user.username, "wrong password")));
    is_throttled(&app.send(&password(&user.username, &user.password)));
    let parameters =
        [("grant_type", "password"), ("username", &*user.username), ("password", &*user.password)];
    is_throttled(&token(app, "demo", &parameters));
}

fn the_sign_in_page_is_throttled_too(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    let mut page = browser.authorize(&CodeRequest::web().pairs());
    for _ in 0..20 {
        page = browser.submit(&page, &[("username", &user.username), ("password", "wrong password")], None);
        assert_ne!(page.status, 429, "{page:#}");
    }
    let page = browser.submit(&page, &[("username", &user.username), ("password", &user.password)], None);
    is_throttled(&page);
    assert!(is_sign_in(&page), "{page:#}");
}

fn all_ways_to_guess_a_password_count_together(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    let page = browser.authorize(&CodeRequest::web().pairs());
    for _ in 0..7 {
        app.send(&password(&user.username, "wrong password")).expect(400);
        let parameters =
            [("grant_type", "password"), ("username", &*user.username), ("password", "wrong password")];
        token(app, "other", &parameters).expect(400);
    }
    for _ in 0..6 {
        browser.submit(&page, &[("username", &user.username), ("password", "wrong password")], None);
    }
    is_throttled(&app.send(&password(&user.username, &user.password)));
}

fn after_twenty_wrong_secrets_even_the_right_one_waits(context: &Context) {
    // A process of its own, since the client is throttled for a minute.
    let seeded = seed::of(&["machine", "poster", "resource-server", "web"]);
    let app = context.start(&Options::new("wrong secrets").seed(&seeded));
    let grant = ("grant_type", "client_credentials");
    for at in 0..20 {
        // At whichever endpoint the secret is tried.
        let path = ["/oauth/token", "/oauth/revoke", "/oauth/introspect"][at % 3];
        let request = Request::form(path, &[grant, ("token", "x")]).basic("machine", "wrong secret 123");
        app.send(&request).expect_error(401, "invalid_client");
    }
    is_throttled(&token(&app, "machine", &[grant]));
    is_throttled(&app.send(&as_client(&app, "revoke", "machine", &[("token", "x")])));
    is_throttled(&app.send(&as_client(&app, "introspect", "machine", &[("token", "x")])));
    for _ in 0..20 {
        let body = [grant, ("client_id", "poster"), ("client_secret", "wrong secret 123")];
        app.send(&Request::form("/oauth/token", &body)).expect_error(401, "invalid_client");
    }
    is_throttled(&token(&app, "poster", &[grant]));
    // Another client is not throttled.
    assert_eq!(introspect(&app, "x")["active"], false);
}

fn a_success_forgets_the_failures(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for _ in 0..3 {
        for _ in 0..19 {
            app.send(&password(&user.username, &too_long())).expect(400);
        }
        Tokens::of(&app.send(&password(&user.username, &user.password)));
    }
}

fn unknown_accounts_are_throttled_too(context: &Context) {
    let app = context.app();
    let nobody = gridauth_conformance::random::unique("nobody");
    for _ in 0..20 {
        app.send(&password(&nobody, "wrong password")).expect_error(400, "invalid_grant");
    }
    is_throttled(&app.send(&password(&nobody, "wrong password")));
}

fn other_accounts_are_not_throttled(context: &Context) {
    let (app, user, other) = (context.app(), context.user(), context.user());
    for _ in 0..21 {
        app.send(&password(&user.username, &too_long()));
    }
    Tokens::of(&app.send(&password(&other.username, &other.password)));
    // The same name in capitals is the same account.
    is_throttled(&app.send(&password(&user.username.to_uppercase(), &user.password)));
}

fn a_forwarded_address_changes_nothing(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for at in 0..20 {
        let request = password(&user.username, &too_long())
            .header("X-Forwarded-For", format!("10.0.0.{at}"))
            .header("Forwarded", format!("for=10.0.0.{at}"));
        app.send(&request).expect(400);
    }
    let request = password(&user.username, &user.password).header("X-Forwarded-For", "10.1.1.1");
    is_throttled(&app.send(&request));
}

fn a_public_name_cannot_be_used_to_lock_a_client_out(context: &Context) {
    let app = context.start(&Options::new("no lock-out").seed(&seed::of(&["machine", "demo"])));
    let grant = ("grant_type", "client_credentials");
    // A request without a secret is not a guess.
    for _ in 0..25 {
        let request = Request::form("/oauth/token", &[grant, ("client_id", "machine")]);
        app.send(&request).expect_error(401, "invalid_client");
    }
    Tokens::of(&token(&app, "machine", &[grant]));
}

fn valid_tokens_keep_working_while_the_account_waits(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = password_tokens(app, &user, "all");
    for _ in 0..21 {
        app.send(&password(&user.username, &too_long()));
    }
    is_throttled(&app.send(&password(&user.username, &user.password)));
    assert!(is_valid(app, &tokens.access));
    Tokens::of(&gridauth_conformance::oauth::refresh(app, "demo", tokens.refresh()));
}

/// One connection, over which sign-ins are tried one after the other.
struct Tries(TcpStream);

impl Tries {
    /// Connects from this local address.
    fn from(source: Ipv4Addr, to: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connected = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
            socket.connect(to).await?.into_std()
        });
        let stream = connected.unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        Self(stream)
    }

    fn sign_in(&mut self, username: &str, password: &str) -> Response {
        self.sign_in_for(None, username, password)
    }

    /// A sign-in that this peer forwards for a client, if it does.
    fn sign_in_for(&mut self, client: Option<&str>, username: &str, password: &str) -> Response {
        let body = encode(&[("username", username), ("password", password)]);
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        let forwarded = client.map(|client| format!("X-Forwarded-For: 198.51.100.1, {client}\r\n"));
        let request =
            format!("{head}{}Content-Length: {}\r\n\r\n{body}", forwarded.unwrap_or_default(), body.len());
        self.0.write_all(request.as_bytes()).unwrap();
        read_response(&mut self.0, false).unwrap()
    }
}

/// Peers on loopback that are no trusted proxy where only 127.0.0.1 is one.
const ELSEWHERE: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];

fn another_source_gets_in(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for _ in 0..20 {
        app.send(&password(&user.username, &too_long())).expect_error(400, "invalid_grant");
    }
    is_throttled(&app.send(&password(&user.username, &user.password)));
    let mut elsewhere = Tries::from(ELSEWHERE[0], app.client.address);
    Tokens::of(&elsewhere.sign_in(&user.username, &user.password));
    is_throttled(&app.send(&password(&user.username, &user.password)));
}

fn behind_proxy(label: &str) -> Options {
    Options::new(label).env("GRIDAUTH_TRUSTED_PROXIES", "127.0.0.1,::1")
}

fn after_a_hundred_failures_over_all_sources_known_ones_get_in(context: &Context) {
    let app = context.start(&behind_proxy("a hundred failures"));
    let user = context.user_at(&app);
    let mut proxy = Tries::from(Ipv4Addr::LOCALHOST, app.client.address);
    Tokens::of(&proxy.sign_in_for(Some("192.0.2.200"), &user.username, &user.password));
    for number in 0..100 {
        let client = format!("192.0.2.{number}");
        proxy.sign_in_for(Some(&client), &user.username, &too_long()).expect_error(400, "invalid_grant");
    }
    is_throttled(&proxy.sign_in_for(Some("192.0.2.201"), &user.username, &user.password));
    Tokens::of(&proxy.sign_in_for(Some("192.0.2.200"), &user.username, &user.password));
}

fn a_thousand_failures_keep_out_their_forwarded_source_and_no_direct_local_peer(context: &Context) {
    let app = context.start(&behind_proxy("a thousand failures"));
    let user = context.user_at(&app);
    let tokens = password_tokens(&app, &user, "all");
    let wrong = too_long();
    // No account fails twice from one source.
    for (source, client) in [(Ipv4Addr::LOCALHOST, Some("192.0.2.7")), (ELSEWHERE[0], None)] {
        at_once(4, |thread| {
            let mut tries = Tries::from(source, app.client.address);
            for number in 0..250 {
                let answer = tries.sign_in_for(client, &format!("nobody {thread} {number}"), &wrong);
                answer.expect_error(400, "invalid_grant");
            }
        });
    }
    let mut proxy = Tries::from(Ipv4Addr::LOCALHOST, app.client.address);
    is_throttled(&proxy.sign_in_for(Some("192.0.2.7"), "nobody at all", "wrong password"));
    is_throttled(&proxy.sign_in_for(Some("192.0.2.7"), &user.username, &user.password));
    let machine = as_client(&app, "token", "machine", &[("grant_type", "client_credentials")]);
    is_throttled(&app.send(&machine.header("X-Forwarded-For", "192.0.2.7")));
    // Another client of the proxy, and a direct peer on loopback, get in; a request with a token guesses nothing.
    Tokens::of(&proxy.sign_in_for(Some("192.0.2.8"), &user.username, &user.password));
    let mut direct = Tries::from(ELSEWHERE[0], app.client.address);
    Tokens::of(&direct.sign_in(&user.username, &user.password));
    assert!(is_valid(&app, &tokens.access));
    Tokens::of(&gridauth_conformance::oauth::refresh(&app, "demo", tokens.refresh()));
}

fn sign_ups_are_limited_by_their_forwarded_source_alone(context: &Context) {
    let app = context.start(&behind_proxy("many sign-ups"));
    let sign_up = |client: Option<&str>| {
        let name = gridauth_conformance::random::unique("new");
        let request = Request::form("/sign_up", &[("username", &name), ("password", "good password")]);
        app.send(&match client {
            Some(client) => request.header("X-Forwarded-For", client),
            None => request,
        })
    };
    for _ in 0..30 {
        sign_up(Some("192.0.2.7")).expect(201);
    }
    is_throttled(&sign_up(Some("192.0.2.7")));
    sign_up(Some("192.0.2.8")).expect(201);
    sign_up(None).expect(201);
}

/// RFC 9110 section 5.5: a field value may have bytes that are no text. Where the proxy appends to such a line, not every framework
/// hands it on.
fn what_a_client_writes_into_the_forwarded_address_frees_nobody(context: &Context) {
    let proxies = Options::new("odd addresses").env("GRIDAUTH_TRUSTED_PROXIES", "127.0.0.1,::1,10.0.0.0/8");
    let app = context.start(&proxies);
    let name = gridauth_conformance::random::unique("taken");
    let sign_up = |forwarded: &[u8]| {
        let request = Request::form("/sign_up", &[("username", &name), ("password", "good password")]);
        app.send(&request.header("X-Forwarded-For", forwarded))
    };
    sign_up(b"192.0.2.1").expect(201);
    for _ in 0..30 {
        sign_up(b"\xff, 192.0.2.7").expect(409);
    }
    is_throttled(&sign_up(b"\xff, 192.0.2.7"));
    // A client inside a trusted network.
    for number in 0..30 {
        sign_up(format!("10.77.1.{number}, 10.1.1.1").as_bytes()).expect(409);
    }
    is_throttled(&sign_up(b"10.77.1.99, 10.1.1.1"));
    sign_up(b"10.1.1.2").expect(409);
}

fn a_browser_that_has_signed_in_before_is_not_locked_out_from_its_address(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    let page = browser.authorize(&CodeRequest::web().pairs());
    assert!(is_consent(&browser.sign_in(&page, &user)));
    for _ in 0..20 {
        app.send(&password(&user.username, &too_long())).expect(400);
    }
    is_throttled(&app.send(&password(&user.username, &user.password)));
    assert!(is_consent(&browser.sign_in(&page, &user)));
    let mut unknown = Browser::new(app);
    let page = unknown.authorize(&CodeRequest::web().pairs());
    is_throttled(&unknown.sign_in(&page, &user));
}
