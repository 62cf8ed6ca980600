//! Stored data does not help an attacker: no secret of a whole run is in the rows or in the file, nor in the events or the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use gridauth::clients::{ClientSecretHash, generate_client_secret};
use gridauth::env::{Clock, SystemEntropy};
use gridauth::events::Audit;
use gridauth::store::{By, Key, Kind, Query, Row};
use gridauth::token::Secret;
use gridauth::{AuditQuery, Client, Store};

use crate::support::*;

const PASSWORD: &str = "correct horse battery staple";
const NEW_PASSWORD: &str = "entirely other words than before";
const CHOSEN: &str = "a client secret that somebody chose";

/// The secrets that were used, each with a name.
#[derive(Default)]
struct Used(Vec<(String, Vec<u8>)>);

impl Used {
    fn add(&mut self, name: &str, secret: &str) {
        let mut add = |form: &str, bytes: Vec<u8>| self.0.push((format!("{name}, {form}"), bytes));
        add("in plaintext", secret.into());
        // Base64 of any text that starts with the secret. The last characters depend on what follows, so they are left out.
        for (form, engine) in [("base64", &STANDARD_NO_PAD), ("base64url", &URL_SAFE_NO_PAD)] {
            let whole = secret.len() / 3 * 3;
            add(form, engine.encode(&secret.as_bytes()[..whole]).into());
        }
    }

    /// A token or cookie is a prefix and base64url. Its first 16 bytes name the grant and are not secret; the rest is.
    fn add_random(&mut self, name: &str, text: &str) {
        self.add(name, text);
        let encoded = text.split_once('_').map_or(text, |(prefix, rest)| match prefix {
            "gac" | "gat" | "gar" => rest,
            _ => text,
        });
        let bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap();
        self.0.push((format!("{name}, its random bytes"), bytes[bytes.len() - 32..].to_vec()));
        self.0.push((format!("{name}, its end"), encoded.as_bytes()[encoded.len() - 40..].to_vec()));
    }

    /// The names of the secrets that `bytes` contains.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let is_in = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        self.0.iter().filter(|(_, secret)| is_in(secret)).map(|(name, _)| name.as_str()).collect()
    }
}

/// Everything in all rows.
async fn rows(store: &Store) -> Vec<u8> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let mut query = Query::new(kind, By::Any);
        loop {
            let page = store.list(query.clone()).await.unwrap();
            for entry in page.entries {
                let row = entry.row;
                let texts =
                    [Some(entry.id.as_str()), row.user(), row.client(), row.scope(), Some(row.body())];
                for text in texts.into_iter().flatten() {
                    all.extend_from_slice(text.as_bytes());
                    all.push(b'\n');
                }
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
    }
    all
}

fn add_cookies(used: &mut Used, set: &str) {
    for (name, value) in set.split("; ").filter_map(|pair| pair.split_once('=')) {
        used.add_random(name, value);
    }
}

/// Signs up, signs in, gets tokens in every way, refreshes and revokes. `look` inspects the server on the way, while tokens
/// are live, and at the end.
async fn whole_run(server: &Server, mut look: impl AsyncFnMut(&Server, &Used)) {
    let mut used = Used::default();
    used.add("the password", PASSWORD);
    used.add("the new password", NEW_PASSWORD);
    used.add("the chosen client secret", CHOSEN);
    let auth = &server.auth;
    auth.users().sign_up("miriam", &Secret::from(PASSWORD)).await.unwrap();
    let grants = ["authorization_code", "refresh_token", "client_credentials", "password"];
    let web = auth.confidential_client("web", CHOSEN).await.unwrap();
    let web = web.redirect_uri(REDIRECT).grant_types(grants).scope("notes.read notes.write");
    auth.put_client(web.build().unwrap()).await.unwrap();
    let generated = generate_client_secret(&SystemEntropy).unwrap();
    used.add_random("the generated client secret", generated.as_str());
    let robot = Client::confidential("robot", ClientSecretHash::of_generated(&generated));
    auth.put_client_unchecked(robot.grant_types(grants).scope("notes.read").build().unwrap()).await.unwrap();

    let first = server.get(&authorize_uri(&[]), None).await;
    let form_cookie = cookie(&first).unwrap();
    add_cookies(&mut used, &form_cookie);
    used.add("the CSRF token of the sign-in form", &hidden(&first, "csrf"));
    let consent = server.submit_sign_in(&first, &form_cookie, "miriam", PASSWORD).await;
    let session_cookie = cookie(&consent).unwrap();
    add_cookies(&mut used, &session_cookie);
    used.add("the CSRF token of the consent form", &hidden(&consent, "csrf"));
    let browser = Browser { cookie: format!("{form_cookie}; {session_cookie}"), page: consent };
    let back = browser.allow(server).await;
    let code = location_parameter(&back, "code").unwrap();
    used.add_random("the code", &code);
    let unredeemed = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    used.add_random("the code that nobody redeems", &location_parameter(&unredeemed, "code").unwrap());

    let as_web = [("authorization", basic("web", CHOSEN))];
    let as_web = as_web.each_ref().map(|(name, value)| (*name, value.as_str()));
    used.add("the Basic credentials", as_web[0].1.strip_prefix("Basic ").unwrap());
    let as_robot = [("authorization", basic("robot", generated.as_str()))];
    let as_robot = as_robot.each_ref().map(|(name, value)| (*name, value.as_str()));
    used.add("the code verifier", VERIFIER);
    let (status, mut tokens) = answer(server.post("/oauth/token", &as_web, &redeem(&code)).await);
    assert_eq!(status, 200, "{tokens}");
    for number in 0..3 {
        used.add_random(&format!("access token {number}"), &string(&tokens, "access_token"));
        let refresh_token = string(&tokens, "refresh_token");
        used.add_random(&format!("refresh token {number}"), &refresh_token);
        tokens = answer(server.post("/oauth/token", &as_web, &refresh(&refresh_token)).await).1;
        look(server, &used).await;
    }
    let (last_access, last_refresh) = (string(&tokens, "access_token"), string(&tokens, "refresh_token"));
    used.add_random("the last access token", &last_access);
    used.add_random("the last refresh token", &last_refresh);
    let password = [("grant_type", "password"), ("username", "miriam"), ("password", PASSWORD)];
    for (headers, form) in [(&as_robot, &[("grant_type", "client_credentials")][..]), (&as_web, &password)] {
        let (status, tokens) = answer(server.post("/oauth/token", headers, form).await);
        assert_eq!(status, 200, "{tokens}");
        used.add_random("an access token of another grant", &string(&tokens, "access_token"));
    }
    look(server, &used).await;

    // A secret in a failed request is not stored either.
    let wrong = [("authorization", basic("web", NEW_PASSWORD))];
    let wrong = wrong.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(server.post("/oauth/token", &wrong, &refresh(&last_refresh)).await.status(), 401);
    assert_eq!(server.post("/oauth/revoke", &as_web, &[("token", &last_refresh)]).await.status(), 200);
    assert!(auth.authenticate(&gridauth::http::BearerToken::new(&last_access)).await.is_err());
    assert!(auth.set_password("miriam", &Secret::from(NEW_PASSWORD)).await.unwrap());
    look(server, &used).await;
}

#[tokio::test]
async fn no_secret_is_in_the_rows() {
    let audit = Audit::before_answers().with_refusals();
    let server = server_with(|builder| builder.audit(audit)).await;
    let mut looks = 0;
    whole_run(&server, async |server: &Server, used: &Used| {
        if looks == 0 {
            mistakes(server).await;
            server.advance(3 * 60 * 60);
            let refusals = server.auth.audit(&AuditQuery::all().limit(1000)).await.unwrap().entries;
            assert!(refusals.iter().any(|entry| entry.name() == "sign_in_refused"));
        }
        server.auth.audit_written().await;
        let rows = rows(server.auth.store()).await;
        for known in ["miriam", "robot", "$argon2id$", "notes.read"] {
            assert!(rows.windows(known.len()).any(|window| window == known.as_bytes()), "{known}");
        }
        assert_eq!(used.found_in(&rows), [""; 0]);
        looks += 1;
    })
    .await;
    assert_eq!(looks, 5);
}

#[tokio::test]
async fn no_secret_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth.db");
    // The file and its logs.
    let on_disk = || {
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    let store = Store::open(&format!("file:{}", path.display())).await.unwrap();
    let server = server_with(|builder| builder.store(store)).await;
    let mut looks = 0;
    whole_run(&server, async |_: &Server, used: &Used| {
        let file = on_disk();
        assert!(file.windows(10).any(|window| window == b"$argon2id$"), "the rows are in these files");
        assert_eq!(used.found_in(&file), [""; 0]);
        looks += 1;
    })
    .await;
    assert_eq!(looks, 5);

    // The search finds a planted secret in each of its forms.
    let mut planted = Used::default();
    planted.add_random("planted", "gat_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v");
    let body = format!("{{\"a\":\"{}\"}}", String::from_utf8(planted.0[0].1.clone()).unwrap());
    let row = Row::new(server.clock.now(), body);
    server.auth.store().insert(Key::new(Kind::Custom, "planted"), row).await.unwrap();
    let file = on_disk();
    assert_eq!(planted.found_in(&file), ["planted, in plaintext", "planted, its end"]);
    let encoded: Vec<u8> = planted.0.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(planted.found_in(&encoded).len(), planted.0.len());
}

/// What is written, for whoever reads it later.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn contains(&self, text: &str) -> bool {
        self.0.lock().unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// Secrets where they do not belong: people mistake the fields.
async fn mistakes(server: &Server) {
    for secret in [PASSWORD, CHOSEN] {
        for (id, other) in [(secret, "x"), (secret, secret), ("web", secret), ("nobody", secret)] {
            let headers = [("authorization", basic(id, other))];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            server.post("/oauth/token", &headers, &[("grant_type", "client_credentials")]).await;
            let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", other)];
            server.post("/oauth/token", &[], &form).await;
        }
        let as_web = [("authorization", basic("web", CHOSEN))];
        let as_web = as_web.each_ref().map(|(name, value)| (*name, value.as_str()));
        for (username, password) in [(secret, "x"), (secret, secret), ("miriam", secret), ("nobody", secret)]
        {
            let form = [("grant_type", "password"), ("username", username), ("password", password)];
            server.post("/oauth/token", &as_web, &form).await;
        }
        for name in ["grant_type", "scope", "code", "refresh_token", "assertion", "client_assertion", "token"]
        {
            for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
                server.post(path, &as_web, &[(name, secret)]).await;
                server.post(path, &as_web, &[("grant_type", "refresh_token"), (name, secret)]).await;
            }
        }
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("client_id", secret).finish();
        server.get(&format!("/oauth/authorize?{query}"), None).await;
        let page = server.get(&authorize_uri(&[]), None).await;
        server.submit_sign_in(&page, &cookie(&page).unwrap(), secret, secret).await;
        for scheme in ["Bearer", "Basic", "Other"] {
            let head = http::Request::get("/").header("authorization", format!("{scheme} {secret}"));
            if let Err(rejection) = server.auth.authenticate(&head.body(()).unwrap()).await {
                server.auth.reject(rejection);
            }
        }
        let request = http::Request::get("/oauth/token").header("x-request-id", secret);
        server.auth.handle(request.body(bytes::Bytes::new()).unwrap()).await;
        let _ = server.auth.users().sign_up(secret, &Secret::from("x")).await;
    }
}

#[tokio::test]
async fn no_secret_is_in_the_events_and_the_log() {
    let (events, log) = (Written::default(), Written::default());
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
    // With a single subscriber, what another thread reaches first would be off here too.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let mut listener = events.clone();
    let listener = Mutex::new(move |line: String| listener.write_all(line.as_bytes()).unwrap());
    let server = server_with(|builder| {
        builder.on_event(move |record| {
            (listener.lock().unwrap())(format!("{}\n{record:?}\n", serde_json::to_string(record).unwrap()));
        })
    });
    let server = server.await;
    let mut looks = 0;
    whole_run(&server, async |server: &Server, used: &Used| {
        looks += 1;
        // Once while tokens are live, and once at the end, when all secrets are known.
        if looks != 1 && looks != 5 {
            return;
        }
        mistakes(server).await;
        server.advance(3 * 60 * 60);
        // Time passes, so that the failures are forgotten and the run can go on.
        for written in [&events, &log] {
            assert_eq!(used.found_in(&written.0.lock().unwrap()), [""; 0]);
        }
    })
    .await;
    assert_eq!(looks, 5);
    for name in ["signed_in", "sign_in_refused", "client_refused", "token_issued", "token_refused"] {
        assert!(events.contains(name) && log.contains(name), "{name}");
    }
    assert!(log.contains("debug") || log.contains("DEBUG"), "the log has every level");
}
