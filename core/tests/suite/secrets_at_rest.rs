//! Stored data does not help an attacker: no secret of a whole run is in the rows or in the file.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use gridauth::clients::{ClientSecretHash, generate_client_secret};
use gridauth::env::{Clock, SystemEntropy};
use gridauth::store::{By, Key, Kind, Query, Row};
use gridauth::token::Secret;
use gridauth::{Client, Store};

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
    let server = server().await;
    let mut looks = 0;
    whole_run(&server, async |server: &Server, used: &Used| {
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
