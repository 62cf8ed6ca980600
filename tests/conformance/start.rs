//! Starting, stopping, and starting again (DEMO_APP.md, Start).

use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gridauth_conformance::case::caught;
use gridauth_conformance::http::read_response;
use gridauth_conformance::matrix::STORES;
use gridauth_conformance::oauth::{
    CodeRequest, Tokens, as_client, is_valid, password_tokens, refresh, token,
};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, cases, random, seed};
use rustix::process::Signal;

cases! {
    "DEMO_APP.md, Start" => it_says_where_it_listens,
    "DEMO_APP.md, Start" => a_bad_value_is_exit_2_and_one_line,
    "DEMO_APP.md, Start" => it_starts_with_a_valid_value,
    "DEMO_APP.md, Start" => a_bad_value_repeats_no_secret,
    "DEMO_APP.md, Start" => a_bad_seed_names_the_entry,
    "DEMO_APP.md, Start" => a_store_that_cannot_be_opened_is_exit_1_and_one_line,
    "DEMO_APP.md, GRIDAUTH_SECRET" => keys_open_under_their_secret_alone,
    "DEMO_APP.md, Start" => a_database_that_cannot_be_had_is_exit_1_and_one_line,
    "DEMO_APP.md, Start" => a_damaged_file_stays_as_it_is,
    "DEMO_APP.md, Start" => a_file_locked_by_another_process_is_reported,
    "DEMO_APP.md, Start" => an_address_in_use_is_reported,
    "DEMO_APP.md, Start" => without_variables_it_starts_in_its_directory,
    "DEMO_APP.md, Start" => lifetimes_are_as_configured,
    "DEMO_APP.md, Start" => sigterm_ends_it_with_0,
    "DEMO_APP.md, Start" => sigint_ends_it_with_0,
    "DEMO_APP.md, Start" => a_signal_ends_a_start_that_waits_for_the_store,
    "DEMO_APP.md, Start" => a_request_in_flight_is_finished,
    "DEMO_APP.md, Start" => a_request_that_never_ends_is_begun,
    "DEMO_APP.md, Start" => idle_connections_do_not_delay_the_stop,
    "DEMO_APP.md, Start" => acknowledged_writes_survive_kill_9,
    "DEMO_APP.md, Start" => a_used_code_stays_used_after_kill_9,
    "DEMO_APP.md, Start" => a_memory_store_forgets,
    "DEMO_APP.md, Start" => logs_go_to_standard_error,
}

fn it_says_where_it_listens(context: &Context) {
    assert_ne!(context.app().client.address.port(), 0);
    context.app().get("/health").expect(200);
    let other = context.start(&Options::new("IPv6").env("GRIDAUTH_LISTEN", "[::1]:0").no_seed());
    assert!(other.client.address.is_ipv6());
    other.get("/health").expect(200);
    assert_eq!(other.issuer, format!("http://{}", other.client.address));
    let metadata = other.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert_eq!(metadata["issuer"], other.issuer);
}

/// The process exits with status 2, one line on standard error that names the variable, and nothing on standard output.
#[track_caller]
fn is_bad_value(context: &Context, options: &Options, variable: &str) -> String {
    let exit = Demo::start_refused(&context.deployment(), options);
    assert_eq!(exit.status.code(), Some(2), "{variable}: {}", exit.stderr);
    assert_eq!(exit.stdout, "", "{variable}");
    let lines: Vec<&str> = exit.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{variable}: {}", exit.stderr);
    assert!(lines[0].contains(variable), "{variable} is not named: {}", lines[0]);
    lines[0].to_owned()
}

fn a_bad_value_is_exit_2_and_one_line(context: &Context) {
    let too_large = "99999999999999999999";
    let seconds = ["", "x", "-1", "1.5", "1e3", "1s", " 1", "+1", "0x10", too_large];
    for (variable, values) in [
        (
            "GRIDAUTH_LISTEN",
            &["", "x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "localhost", ":8080", "8080"][..],
        ),
        (
            "GRIDAUTH_ISSUER",
            &[
                "",
                "x",
                "id.example.com",
                "/issuer",
                "ftp://id.example.com",
                "https://",
                "https://id.example.com/",
                "https://id.example.com/a/",
                "https://id.example.com?x=1",
                "https://id.example.com?",
                "https://id.example.com#x",
                "https://id.example.com#",
                "https:id.example.com",
                "https://user@id.example.com",
                "https://user:password@id.example.com",
                "https://id.example.com:99999",
                "https://id .example.com",
                "https://id.example.com/\u{e9}",
            ],
        ),
        (
            "GRIDAUTH_STORE",
            &[
                "",
                "x",
                "memory",
                "memory:x",
                "file:",
                "file",
                "postgres://",
                "postgres://x",
                "postgres:x",
                "postgres://app:app@127.0.0.1:1",
                "postgres://app:app@127.0.0.1:1/app?schema=",
                "postgres://app:app@127.0.0.1:1/app?colour=red",
                "postgres://app:app@127.0.0.1:x/app",
                "sqlite:",
                "sqlite::memory:",
                "sqlite:x?colour=red",
                "FILE:x",
                "griddb://",
                "griddb:x",
                "griddb://app:app@127.0.0.1:1/cluster?lock_timeout=9s",
                "griddb://app:app@127.0.0.1:1/cluster?statement_timeout=3s",
            ],
        ),
        ("GRIDAUTH_SEED", &["", "/no/such/file.json", "/"]),
        ("GRIDAUTH_ACCESS_TOKEN", &["", "x", "OPAQUE", "Jwt"]),
        (
            "GRIDAUTH_SECRET",
            &["", "x", "00ff", "bm90IGxvbmcgZW5vdWdo", "not base64, not hex, but long enough"],
        ),
        ("GRIDAUTH_SECRET_PREVIOUS", &["", "x", "00ff"]),
        ("GRIDAUTH_ACCESS_TOKEN_TTL", &seconds),
        ("GRIDAUTH_ACCESS_TOKEN_TTL", &["0"]),
        ("GRIDAUTH_REFRESH_TOKEN_TTL", &seconds),
        ("GRIDAUTH_REFRESH_TOKEN_TTL", &["0"]),
        ("GRIDAUTH_CODE_TTL", &seconds),
        ("GRIDAUTH_CODE_TTL", &["0"]),
        ("GRIDAUTH_REFRESH_GRACE", &seconds),
        ("GRIDAUTH_TRUSTED_PROXIES", &["", "x", "localhost", "127.0.0.1,", "10.0.0.0/33", "127.0.0.1:80"]),
        ("GRIDAUTH_TRUSTED_PROXIES", &["0.0.0.0/0", "127.0.0.1,::/0"]),
        ("GRIDAUTH_REGISTRATION", &["", "x", "on", "OFF", "token", "token:"]),
        ("GRIDAUTH_CLIENT_METADATA", &["", "x", "open", "OFF"]),
        ("GRIDAUTH_PROFILE", &["", "x", "FAPI2", "fapi"]),
        ("GRIDAUTH_STEP_UP_MAX_AGE", &seconds),
        ("RUST_LOG", &["=[", "gridauth=nonsense=x"]),
    ] {
        for value in values {
            is_bad_value(context, &Options::new("bad value").no_seed().env(variable, value), variable);
        }
    }
}

fn it_starts_with_a_valid_value(context: &Context) {
    for (variable, value) in [
        ("GRIDAUTH_ISSUER", "https://id.example.com"),
        ("GRIDAUTH_ISSUER", "https://id.example.com:8443/a/b"),
        ("GRIDAUTH_ISSUER", "http://localhost:8080"),
        ("GRIDAUTH_ACCESS_TOKEN", "opaque"),
        ("GRIDAUTH_ACCESS_TOKEN", "jwt"),
        ("GRIDAUTH_SECRET", SECRET),
        ("GRIDAUTH_SECRET", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("GRIDAUTH_ACCESS_TOKEN_TTL", "1"),
        ("GRIDAUTH_REFRESH_TOKEN_TTL", "31536000"),
        ("GRIDAUTH_REFRESH_GRACE", "0"),
        ("GRIDAUTH_REGISTRATION", "off"),
        ("GRIDAUTH_CLIENT_METADATA", "off"),
        ("GRIDAUTH_PROFILE", "default"),
        ("GRIDAUTH_STEP_UP_MAX_AGE", "1"),
        ("RUST_LOG", ""),
        ("RUST_LOG", "gridauth=debug,warn"),
    ] {
        context.start(&Options::new("good value").no_seed().env(variable, value)).get("/health").expect(200);
    }
    // Several at once, and an unknown variable.
    let options = Options::new("good values")
        .env("GRIDAUTH_CODE_TTL", "5")
        .env("GRIDAUTH_REFRESH_GRACE", "3")
        .env("GRIDAUTH_NO_SUCH_VARIABLE", "x")
        .no_seed();
    context.start(&options).get("/health").expect(200);
}

fn a_bad_value_repeats_no_secret(context: &Context) {
    let secret = gridauth_conformance::random::secret_of("bad value");
    for (variable, value) in [
        ("GRIDAUTH_STORE", format!("postgres://app:{secret}@db")),
        ("GRIDAUTH_STORE", format!("postgres://app:{secret}@db/x?colour=red")),
        ("GRIDAUTH_STORE", format!("postgres://app:{secret}/x@db/x")),
        ("GRIDAUTH_STORE", format!("griddb://app:{secret}@")),
        ("GRIDAUTH_STORE", format!("griddb://app:{secret}@127.0.0.1:1")),
        ("GRIDAUTH_REGISTRATION", format!("tokens:{secret}")),
        ("GRIDAUTH_ISSUER", format!("https://user:{secret}@id.example.com")),
    ] {
        let line = is_bad_value(
            context,
            &Options::new("secret in a bad value").no_seed().env(variable, &value),
            variable,
        );
        assert!(!line.contains(&secret), "{variable} repeats the secret");
    }
}

fn a_bad_seed_names_the_entry(context: &Context) {
    let secret = gridauth_conformance::random::secret_of("bad seed");
    let client = |members: &str| {
        format!(
            r#"{{"clients": [{{"client_id": "fine", "token_endpoint_auth_method": "none"}}, {{"client_id": "sour", {members}}}]}}"#
        )
    };
    let user = |members: &str| format!(r#"{{"users": [{{"username": "sour", {members}}}]}}"#);
    for (seed, named) in [
        (String::new(), ""),
        ("{".to_owned(), ""),
        ("[]".to_owned(), ""),
        ("null".to_owned(), ""),
        (r#"{"users": {}}"#.to_owned(), "users"),
        (r#"{"clients": 1}"#.to_owned(), "clients"),
        (r#"{"users": [1]}"#.to_owned(), "users"),
        (r#"{"users": [{"password": "x"}]}"#.to_owned(), "users"),
        (user(r#""password": 1"#), "sour"),
        (user(r#""name": "x""#), "sour"),
        (user(r#""password": """#), "sour"),
        (user(&format!(r#""password": "{}""#, "p".repeat(1025))), "sour"),
        (user(r#""password": "x", "sub": 1"#), "sour"),
        (user(r#""password": "x", "email": 1"#), "sour"),
        (user(r#""password": "x", "email_verified": "yes""#), "sour"),
        (r#"{"users": [{"username": "so\nur", "password": "x"}]}"#.to_owned(), "ur"),
        (
            r#"{"users": [{"username": "sour", "password": "x"}, {"username": "sour", "password": "y"}]}"#
                .to_owned(),
            "sour",
        ),
        (r#"{"clients": [{"client_secret": "x"}]}"#.to_owned(), "clients"),
        (client(r#""client_name": "no secret""#), "sour"),
        (client(&format!(r#""token_endpoint_auth_method": "none", "client_secret": "{secret}""#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}", "redirect_uris": ["/cb"]"#)), "sour"),
        (
            client(&format!(r#""client_secret": "{secret}", "redirect_uris": ["https://a.example/#x"]"#)),
            "sour",
        ),
        (
            client(&format!(r#""client_secret": "{secret}", "redirect_uris": ["javascript:alert(1)"]"#)),
            "sour",
        ),
        (client(&format!(r#""client_secret": "{secret}", "redirect_uris": "https://a.example/""#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}", "grant_types": "password""#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}", "grant_types": [1]"#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}", "scope": ["a"]"#)), "sour"),
        (
            client(
                &format!(r#""client_secret": "{secret}", "scope": "a \"b\"""#).replace(r#"\""#, r#"\u0022"#),
            ),
            "sour",
        ),
        (client(&format!(r#""client_secret": "{secret}", "gridauth_resource_server": "yes""#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}", "gridauth_first_party": "yes""#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}", "client_name": 1"#)), "sour"),
        (client(r#""client_secret": """#), "sour"),
        (client(&format!(r#""client_secret": "{secret}\u0085""#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}\n""#)), "sour"),
        (user(&format!(r#""password": "{secret}", "password": "x""#)), "sour"),
        (client(&format!(r#""client_secret": "x", "client_secret": "{secret}""#)), "sour"),
        (client(&format!(r#""client_secret": "{secret}", "jwks": {{"keys": [], "keys": []}}"#)), "sour"),
        (r#"{"users": [], "users": []}"#.to_owned(), "users"),
        (r#"{"clients": [{"client_id": "", "client_secret": "x"}]}"#.to_owned(), "clients"),
        (r#"{"clients": [{"client_id": "s\u00e4uer", "client_secret": "x"}]}"#.to_owned(), "clients"),
    ] {
        let line = is_bad_value(context, &Options::new("bad seed").seed_text(seed.clone()), "GRIDAUTH_SEED");
        assert!(line.contains(named), "{seed}: the entry is not named: {line}");
        assert!(!line.contains(&secret), "{seed}: the line repeats the secret");
    }
    let options = Options::new("seed that is not text").no_seed().env("GRIDAUTH_SEED", "/bin/sh");
    is_bad_value(context, &options, "GRIDAUTH_SEED");
}

/// The process exits with status 1 and one line with the word `store`.
#[track_caller]
fn is_store_error(
    deployment: &std::sync::Arc<gridauth_conformance::Deployment>,
    options: &Options,
) -> String {
    let exit = Demo::start_refused(deployment, options);
    assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
    assert_eq!(exit.stdout, "");
    // At the level of the default filter, only that line is logged.
    let lines: Vec<&str> = exit.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{}", exit.stderr);
    assert!(lines[0].contains("store"), "{}", lines[0]);
    lines[0].to_owned()
}

fn quiet(label: &str) -> Options {
    Options::new(label).no_seed().env("RUST_LOG", "error")
}

fn a_store_that_cannot_be_opened_is_exit_1_and_one_line(context: &Context) {
    let deployment = context.deployment();
    let directory = deployment.path().join("a directory");
    std::fs::create_dir(&directory).unwrap();
    let inside = deployment.path().join("no such directory/store.db");
    for path in [directory, inside] {
        let line = is_store_error(
            &deployment,
            &quiet("no store").env("GRIDAUTH_STORE", &format!("file:{}", path.display())),
        );
        assert!(line.contains(path.to_str().unwrap()), "its location is not named: {line}");
        let sqlite = format!("sqlite:{}", path.display());
        let line = is_store_error(&deployment, &quiet("no SQLite").env("GRIDAUTH_STORE", &sqlite));
        assert!(line.contains(path.to_str().unwrap()), "its location is not named: {line}");
    }
}

/// 32 bytes in hex.
const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The keys in the store survive a first secret and another one that knows the one before. No other start opens them.
fn keys_open_under_their_secret_alone(context: &Context) {
    let deployment = context.deployment();
    let options = |label: &str, secrets: &[(&str, &str)]| {
        let url = format!("file:{}/keys.db", deployment.path().display());
        let start = quiet(label).env("GRIDAUTH_STORE", &url);
        secrets.iter().fold(start, |start, (name, value)| start.env(name, value))
    };
    let second = SECRET.replace("00", "ff");
    let keys = |secrets: &[(&str, &str)]| {
        let app = Demo::start(&deployment, &options("keys", secrets));
        let keys = app.get("/oauth/jwks").expect(200).json();
        app.signal(Signal::TERM);
        assert_eq!(app.wait().status.code(), Some(0));
        keys
    };
    let first = keys(&[]);
    assert_eq!(first["keys"].as_array().map(Vec::len), Some(3), "{first}");
    assert_eq!(keys(&[("GRIDAUTH_SECRET", SECRET)]), first);
    is_store_error(&deployment, &options("none", &[]));
    is_store_error(&deployment, &options("another", &[("GRIDAUTH_SECRET", &second)]));
    assert_eq!(keys(&[("GRIDAUTH_SECRET", &second), ("GRIDAUTH_SECRET_PREVIOUS", SECRET)]), first);
    assert_eq!(keys(&[("GRIDAUTH_SECRET", &second)]), first);
    is_store_error(&deployment, &options("the first", &[("GRIDAUTH_SECRET", SECRET)]));
}

fn a_database_that_cannot_be_had_is_exit_1_and_one_line(context: &Context) {
    let deployment = context.deployment();
    let secret = random::secret_of("database");
    // An address where nothing listens, and the test node with an unknown user or a wrong password.
    let node =
        STORES.iter().find(|store| store.name == "node").and_then(|store| (store.url)(deployment.path()));
    let node = node.expect("our own node");
    let (own, rest) = node.split_once('@').expect("a user and a password");
    let address = rest.split_once('/').expect("a cluster").0;
    let postgres = format!("postgres://app:{secret}@127.0.0.1:1/app");
    let line = is_store_error(&deployment, &quiet("no PostgreSQL").env("GRIDAUTH_STORE", &postgres));
    assert!(line.contains("postgres://127.0.0.1:1/app") && !line.contains(&secret), "{line}");
    for (url, at) in [
        (format!("griddb://app:{secret}@127.0.0.1:1/cluster"), "127.0.0.1:1"),
        (format!("griddb://admin:{secret}@{rest}"), address),
        (format!("griddb://nobody:{secret}@{rest}"), address),
    ] {
        let line = is_store_error(&deployment, &quiet("no database").env("GRIDAUTH_STORE", &url));
        assert!(line.contains(&format!("griddb://{at}/")), "its location is not named: {line}");
        assert!(!line.contains(&secret), "the line repeats the password");
    }
    let cluster = node.replace("/gridauth", "/another");
    is_store_error(&deployment, &quiet("another cluster").env("GRIDAUTH_STORE", &cluster));
    // With the right user and password it starts.
    assert_eq!(own, "griddb://admin:admin");
    Demo::start(&deployment, &quiet("a database").env("GRIDAUTH_STORE", &node)).get("/health").expect(200);
}

fn a_damaged_file_stays_as_it_is(context: &Context) {
    let deployment = context.deployment();
    let path = deployment.path().join("damaged.db");
    let url = format!("file:{}", path.display());
    let mut contents =
        vec![b"not a database at all".to_vec(), vec![0; 4096], vec![0xff; 100_000], vec![b'x']];
    // A real file that was closed properly, then truncated or changed at its start.
    let real = deployment.path().join("real.db");
    let app =
        Demo::start(&deployment, &quiet("real").env("GRIDAUTH_STORE", &format!("file:{}", real.display())));
    context.user_at(&app);
    app.signal(Signal::TERM);
    assert_eq!(app.wait().status.code(), Some(0));
    let whole = std::fs::read(&real).unwrap();
    contents.push(whole[..whole.len() / 2].to_vec());
    contents.push([&[b'X'; 64], &whole[64..]].concat());
    for content in contents {
        std::fs::write(&path, &content).unwrap();
        let line = is_store_error(
            &deployment,
            &quiet(&format!("damaged, {} bytes", content.len())).env("GRIDAUTH_STORE", &url),
        );
        assert!(line.contains(path.to_str().unwrap()), "its location is not named: {line}");
        assert!(std::fs::read(&path).unwrap() == content, "the file was changed");
    }
}

fn a_file_locked_by_another_process_is_reported(context: &Context) {
    let deployment = context.deployment();
    let options =
        quiet("owner").env("GRIDAUTH_STORE", &format!("file:{}/owned.db", deployment.path().display()));
    let first = Demo::start(&deployment, &options);
    let line = is_store_error(&deployment, &options);
    assert!(line.contains("owned.db"), "{line}");
    first.get("/health").expect(200);
    first.kill();
    Demo::start(&deployment, &options).get("/health").expect(200);
}

fn an_address_in_use_is_reported(context: &Context) {
    let taken = context.app().client.address.to_string();
    let exit = Demo::start_refused(&context.deployment(), &quiet("taken").env("GRIDAUTH_LISTEN", &taken));
    assert_eq!((exit.status.code(), &*exit.stdout), (Some(1), ""), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    for told in ["GRIDAUTH_LISTEN", &taken] {
        assert!(exit.stderr.contains(told), "{}", exit.stderr);
    }
}

fn without_variables_it_starts_in_its_directory(context: &Context) {
    // Except for the address: the default port may be in use here.
    let deployment = context.deployment();
    let options = Options::new("defaults").no_seed().without("GRIDAUTH_STORE").without("RUST_LOG");
    let app = Demo::start(&deployment, &options);
    let user = context.user_at(&app);
    assert!(deployment.path().join("gridauth.db").is_file());
    let access = password_tokens(&app, &user, "all").access;
    app.kill();
    let again = Demo::start(&deployment, &options);
    assert!(is_valid(&again, &access));
}

fn lifetimes_are_as_configured(context: &Context) {
    let options = Options::new("lifetimes")
        .env("GRIDAUTH_ACCESS_TOKEN_TTL", "123")
        .env("GRIDAUTH_REFRESH_TOKEN_TTL", "4567");
    let app = context.start(&options);
    let user = context.user_at(&app);
    let tokens = password_tokens(&app, &user, "all");
    assert_eq!(tokens.expires_in, 123);
    let times = |token: &str| {
        let about = gridauth_conformance::oauth::introspect(&app, token);
        about["exp"].as_i64().unwrap() - about["iat"].as_i64().unwrap()
    };
    assert_eq!((times(&tokens.access), times(tokens.refresh())), (123, 4567));
    // The lifetime of a code is not visible in a response; the demo's own tests cover it.
}

fn sigterm_ends_it_with_0(context: &Context) {
    ends_with_0(context, Signal::TERM);
}

fn sigint_ends_it_with_0(context: &Context) {
    ends_with_0(context, Signal::INT);
}

fn ends_with_0(context: &Context, signal: Signal) {
    let app = context.start(&Options::new("signal").no_seed());
    app.get("/health").expect(200);
    app.signal(signal);
    let exit = app.wait();
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert_eq!(exit.stdout.lines().count(), 1, "{}", exit.stdout);
}

#[expect(clippy::disallowed_methods, reason = "it measures how long the process takes to end")]
fn a_signal_ends_a_start_that_waits_for_the_store(context: &Context) {
    let deployment = context.deployment();
    let url = format!("file:{}/held.db?wait=50s", deployment.path().display());
    let options = quiet("waits").env("GRIDAUTH_STORE", &url).env("RUST_LOG", "info");
    let first = Demo::start(&deployment, &options);
    for signal in [Signal::TERM, Signal::INT] {
        let signaled = Instant::now();
        let exit = Demo::signal_during_start(&deployment, &options, "waiting for the store's file", signal);
        assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
        assert!(signaled.elapsed() < Duration::from_secs(25), "it waited for the store");
    }
    first.get("/health").expect(200);
}

fn a_request_in_flight_is_finished(context: &Context) {
    let app = context.start(&Options::new("in flight").no_seed());
    let user = context.user_at(&app);
    let body =
        gridauth_conformance::http::encode(&[("username", &user.username), ("password", &user.password)]);
    let mut stream = TcpStream::connect(app.client.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (first, second) = body.split_at(body.len() / 2);
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    )
    .unwrap();
    // The request must arrive before the signal.
    std::thread::sleep(Duration::from_millis(100));
    app.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(second.as_bytes()).unwrap();
    Tokens::of(&read_response(&mut stream, false).unwrap());
    assert_eq!(app.wait().status.code(), Some(0));
}

/// A combination, and the thread that waits for its process to exit.
type Ending = (String, JoinHandle<Result<(), String>>);

/// Processes that were told to stop while a request was in flight that never ends.
static STOPPING: Mutex<Vec<Ending>> = Mutex::new(Vec::new());

/// Stopping takes 10 seconds, beside the other cases; [`cut_off`] checks the outcome when they are done.
fn a_request_that_never_ends_is_begun(context: &Context) {
    // The store is not involved, so one store is enough.
    if context.combination.store.name != "memory" {
        return;
    }
    let app = context.start(&Options::new("never ends").no_seed());
    let mut stream = TcpStream::connect(app.client.address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nuser"
    )
    .unwrap();
    // The request must arrive before the signal.
    std::thread::sleep(Duration::from_millis(100));
    app.signal(Signal::TERM);
    let ending = std::thread::spawn(move || {
        caught(|| {
            #[allow(clippy::disallowed_methods, reason = "the process runs on the real clock")]
            let told = Instant::now();
            let exit = app.wait();
            let took = told.elapsed();
            drop(stream);
            assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
            // 10 seconds, with room for a busy machine.
            assert!(took < Duration::from_secs(20), "it exited after {took:?}");
        })
    });
    STOPPING.lock().unwrap().push((context.combination.name(), ending));
}

/// The outcome of [`a_request_that_never_ends_is_begun`], by combination.
pub(crate) fn cut_off() -> Vec<(String, Result<(), String>)> {
    let stopping = std::mem::take(&mut *STOPPING.lock().unwrap());
    let outcome = |ending: JoinHandle<_>| ending.join().unwrap_or_else(|_| Err("it panicked".to_owned()));
    stopping.into_iter().map(|(combination, ending)| (combination, outcome(ending))).collect()
}

fn idle_connections_do_not_delay_the_stop(context: &Context) {
    let app = context.start(&Options::new("idle").no_seed());
    let mut used = TcpStream::connect(app.client.address).unwrap();
    write!(used, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut used, false).unwrap().status, 200);
    let _never_used = TcpStream::connect(app.client.address).unwrap();
    app.get("/health").expect(200);
    let told = std::thread::spawn(move || {
        app.signal(Signal::TERM);
        app.wait()
    });
    // Far less than the 10 seconds that requests in flight may take. The read ends when the connection is closed.
    used.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(
        std::io::Read::read(&mut used, &mut [0; 1]).unwrap(),
        0,
        "an idle connection is closed at once"
    );
    assert_eq!(told.join().unwrap().status.code(), Some(0));
}

fn acknowledged_writes_survive_kill_9(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let options = Options::new("before kill -9");
    let app = Demo::start(&deployment, &options);
    let user = context.user_at(&app);
    let request = CodeRequest::web();
    let mut browser = Browser::new(&app);
    gridauth_conformance::oauth::Redirect::of(&browser.go_through(&request.pairs(), &user));
    let cookies = browser.cookies.clone();
    let code = request.code(&app, &user);
    let tokens = password_tokens(&app, &user, "notes.read notes.write");
    let revoked = password_tokens(&app, &user, "all");
    app.send(&as_client(&app, "revoke", "demo", &[("token", revoked.refresh())])).expect(200);
    let note = Request::json("/notes", &serde_json::json!({"text": "kept"})).bearer(&tokens.access);
    app.send(&note).expect(201);
    let rotated = Tokens::of(&refresh(&app, "demo", tokens.refresh()));
    app.kill();

    let app = Demo::start(&deployment, &Options::new("after kill -9"));
    assert!(is_valid(&app, &tokens.access) && is_valid(&app, &rotated.access));
    assert!(!is_valid(&app, &revoked.access));
    let kept = app.send(&Request::get("/notes").bearer(&tokens.access)).expect(200).json();
    assert_eq!(kept[0]["text"], "kept");
    // The session, the consent, the code and the grace window are all still there.
    let mut browser = Browser { app: &app, cookies };
    browser.authorize(&request.pairs()).expect(303);
    Tokens::of(&request.redeem(&app, &code));
    let again = Tokens::of(&refresh(&app, "demo", tokens.refresh()));
    assert_eq!(again.refresh, rotated.refresh);
    Tokens::of(&refresh(&app, "demo", rotated.refresh()));
    app.send(&Request::form("/sign_up", &[("username", &user.username), ("password", "an other")]))
        .expect(409);
}

fn a_used_code_stays_used_after_kill_9(context: &Context) {
    if !context.combination.store.durable {
        return;
    }
    let deployment = context.deployment();
    let mut app = Demo::start(&deployment, &Options::new("one-time things"));
    let user = context.user_at(&app);
    for _ in 0..3 {
        let request = CodeRequest::web();
        let code = request.code(&app, &user);
        let first = request.tokens(&app, &user);
        Tokens::of(&request.redeem(&app, &code));
        app.send(&as_client(&app, "revoke", "web", &[("token", &first.access)])).expect(200);
        app.kill();
        app = Demo::start(&deployment, &Options::new("one-time things"));
        request.redeem(&app, &code).expect_error(400, "invalid_grant");
        assert!(!is_valid(&app, &first.access));
    }
}

fn a_memory_store_forgets(context: &Context) {
    let deployment = context.deployment();
    let options =
        Options::new("memory").env("GRIDAUTH_STORE", "memory:").seed(&seed::of(&["machine", "demo"]));
    let app = Demo::start(&deployment, &options);
    let access = Tokens::of(&token(&app, "machine", &[("grant_type", "client_credentials")])).access;
    app.kill();
    let app = Demo::start(&deployment, &options);
    assert!(!is_valid(&app, &access));
    let left: Vec<_> = std::fs::read_dir(deployment.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("process"))
        .collect();
    assert!(left.is_empty(), "memory: leaves files behind: {left:?}");
}

fn logs_go_to_standard_error(context: &Context) {
    let app = context.start(&Options::new("logs").env("RUST_LOG", "info"));
    app.get("/health").expect(200);
    // The seed has entries that the server does not support: there is a warning about each, by name.
    let log = app.stderr();
    for named in ["unusable", "key-holder", "private_key_jwt", "saml2-bearer"] {
        assert!(log.contains(named), "no warning names {named}: {log}");
    }
    // There is a warning about each grant that RFC 9700 advises against.
    for section in ["2.1.2", "2.4"] {
        let warning = format!("RFC 9700 section {section} ");
        let warned = log.lines().any(|line| line.contains("WARN") && line.contains(&warning));
        assert!(warned, "no warning names {warning}: {log}");
    }
    assert!(!log.contains("\u{1b}["), "colours in a log that is not a terminal");
    let quiet = context.start(&Options::new("quiet").env("RUST_LOG", "off").no_seed());
    quiet.get("/health").expect(200);
    assert_eq!(quiet.stderr(), "");
}
