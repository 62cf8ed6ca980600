//! The program itself, on an embedded store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gridauth::grant::{ClientCredentials, Password};
use gridauth::http::BearerToken;
use gridauth::model::AuthMethod;
use gridauth::store::{Key, Kind, Row};
use gridauth::token::Secret;
use gridauth::{GridAuth, MintRequest, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "bm90IGEgc2VjcmV0LCBhbiBleGFtcGxlIG9mIDMyIGI=";

/// A folder with a store that exists.
struct Place {
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap() };
        drop(place.store().await);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self) -> String {
        format!("file:{}", self.path("auth.db").display())
    }

    async fn store(&self) -> Store {
        Store::open(&self.url()).await.unwrap()
    }

    async fn server(&self) -> GridAuth {
        let any = [AuthMethod::Basic, AuthMethod::Post, AuthMethod::None];
        GridAuth::builder("https://id.example.com")
            .store(self.store().await)
            .grant(ClientCredentials::new())
            .grant(Password::new().client_authentication(any))
            .build()
            .await
            .unwrap()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gridauth"));
        command.args(arguments).env_clear().env("GRIDAUTH_STORE", self.url()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap(), arguments)
    }

    /// The document that a command prints.
    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let ran = self.run(&all);
        assert_eq!(ran.status, 0, "{ran:?}");
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }
}

#[derive(Debug)]
struct Ran {
    #[expect(dead_code, reason = "for the messages of tests that fail")]
    arguments: Vec<String>,
    status: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output, arguments: &[&str]) -> Self {
        Self {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn fails_with(&self, status: i32, part: &str) {
        assert!(self.status == status && self.err.contains(part), "{status}, {part:?}: {self:?}");
        assert!(self.out.is_empty(), "{self:?}");
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("{member}: {value}"))
}

async fn token_status(auth: &GridAuth, client: &str, secret: &str) -> u16 {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")));
    let request = http::Request::post("/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", authorization)
        .body("grant_type=client_credentials".into())
        .unwrap();
    auth.handle(request).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_added_edited_rotated_and_removed() {
    let place = Place::new().await;
    let add = ["client", "add", "robot", "--name", "Robot", "--grant-type", "client_credentials"];
    let added = place.json(&[&add[..], &["--scope", "notes.read", "--set", "contacts=[\"a@b.c\"]"]].concat());
    assert_eq!((text(&added, "client_id"), text(&added, "client_name")), ("robot", "Robot"));
    let first = text(&added, "client_secret").to_owned();
    place.run(&["client", "add", "robot"]).fails_with(1, "already");

    let edited =
        place.json(&["client", "edit", "robot", "--name", "R2", "--unset", "contacts", "--first-party"]);
    assert_eq!((text(&edited, "client_name"), &edited["gridauth_first_party"]), ("R2", &json!(true)));
    assert_eq!((&edited["contacts"], &edited["scope"]), (&Value::Null, &json!("notes.read")));
    let shown = place.json(&["client", "show", "robot"]);
    assert_eq!(shown, edited);
    assert!(shown.get("client_secret").is_none());

    let rotated = place.json(&["client", "rotate-secret", "robot", "--overlap", "1h"]);
    let second = text(&rotated, "client_secret").to_owned();
    assert_eq!(rotated["gridauth_former_secrets_expire_at"].as_array().unwrap().len(), 1);
    {
        let auth = place.server().await;
        for secret in [&first, &second] {
            assert_eq!(token_status(&auth, "robot", secret).await, 200);
        }
        assert_eq!(token_status(&auth, "robot", "wrong").await, 401);
    }
    place.json(&["client", "rotate-secret", "robot", "--overlap", "0"]);
    {
        let auth = place.server().await;
        for secret in [&first, &second] {
            assert_eq!(token_status(&auth, "robot", secret).await, 401);
        }
    }
    let listed = place.json(&["client", "list"]);
    assert_eq!(listed["clients"].as_array().unwrap().len(), 1);
    assert!(place.run(&["client", "list"]).out.contains("robot"));

    place.run(&["client", "remove", "robot"]).fails_with(2, "--yes");
    assert_eq!(place.json(&["client", "remove", "robot", "--yes"]), json!({ "removed": "robot" }));
    for command in ["show", "rotate-secret", "edit"] {
        let more: &[&str] = if command == "edit" { &["--name", "x"] } else { &[] };
        place.run(&[&["client", command, "robot"][..], more].concat()).fails_with(3, "robot");
    }
    place.run(&["client", "remove", "robot", "--yes"]).fails_with(3, "robot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_to_a_file_where_that_is_asked_for() {
    let place = Place::new().await;
    let out = place.path("secret");
    let out = out.to_str().unwrap();
    let file =
        place.file("client.json", r#"{"client_id": "web", "redirect_uris": ["https://a.example/cb"]}"#);
    let ran = place.run(&["client", "add", "--file", file.to_str().unwrap(), "--secret-out", out]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let secret = fs::read_to_string(out).unwrap();
    assert_eq!(secret.trim().len(), 43);
    assert!(!ran.out.contains(secret.trim()) && !ran.err.contains(secret.trim()), "{ran:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(out).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A file that is there is not overwritten.
    place.run(&["client", "rotate-secret", "web", "--secret-out", out]).fails_with(1, "rotate it again");
    assert_eq!(fs::read_to_string(out).unwrap(), secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_cannot_be_is_refused() {
    let place = Place::new().await;
    for (arguments, part) in [
        (&["client", "add", "a", "--redirect-uri", "http://a.example/cb"][..], "redirect_uris"),
        (&["client", "add", "a", "--set", "gridauth_firstparty=true"], "gridauth_firstparty"),
        (&["client", "add", "a", "--set", "client_secret=x"], "client_secret"),
        (&["client", "add", "\u{e9}"], "client_id"),
    ] {
        place.run(arguments).fails_with(1, part);
    }
    place.run(&["client", "edit", "a"]).fails_with(2, "nothing is to be changed");
    place.run(&["client", "add", "a", "--set", "x"]).fails_with(2, "NAME=VALUE");
    let spoilt = place.file("spoilt.json", "{\"client_secret\": hunter2}");
    let ran = place.run(&["client", "add", "--file", spoilt.to_str().unwrap()]);
    ran.fails_with(2, "line 1");
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
    assert_eq!(place.json(&["client", "list"])["clients"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_added_gets_another_password_and_is_removed() {
    let place = Place::new().await;
    let good = place.file("good", "correct horse battery\n");
    let good = good.to_str().unwrap();
    let add = ["user", "add", "Israel", "--password-file", good];
    let added = place.json(&[&add[..], &["--sub", "4711", "--claim", "email=i@example.com"]].concat());
    assert_eq!(added, json!({ "username": "Israel", "sub": "4711" }));
    place.run(&["user", "add", "israel", "--password-file", good]).fails_with(1, "there is a user");
    let random = place.json(&["user", "add", "miriam", "--password-file", good]);
    assert!(text(&random, "sub").len() >= 20);
    // A subject is one person's.
    place
        .run(&["user", "add", "moses", "--sub", "4711", "--password-file", good])
        .fails_with(1, "there is a user");
    let listed = place.json(&["user", "list"]);
    let users: Vec<&str> =
        listed["users"].as_array().unwrap().iter().map(|user| text(user, "username")).collect();
    assert!(users.len() == 2 && users.contains(&"Israel") && users.contains(&"miriam"), "{users:?}");
    let israel = listed["users"].as_array().unwrap().iter().find(|user| user["sub"] == "4711").unwrap();
    assert_eq!(israel["claims"], json!({ "email": "i@example.com" }));
    assert!(!listed.to_string().contains("argon2"));

    let token = {
        let auth = place.server().await;
        let token = auth.mint(MintRequest::for_user("4711").client("web")).await.unwrap();
        token.access_token.expose().to_owned()
    };
    let other = place.file("other", "another battery staple");
    place.json(&["user", "password", "israel", "--password-file", other.to_str().unwrap()]);
    {
        let auth = place.server().await;
        let users: &dyn gridauth::identity::Users = auth.users();
        for (password, is_right) in [("correct horse battery", false), ("another battery staple", true)] {
            let found = users.check_password("israel", &Secret::from(password)).await.unwrap();
            assert_eq!(found.is_some(), is_right, "{password}");
        }
        assert!(auth.authenticate(&BearerToken::new(&token)).await.is_err());
    }
    place.json(&["user", "remove", "israel", "--yes"]);
    place.run(&["user", "remove", "israel", "--yes"]).fails_with(3, "israel");
    place.run(&["user", "password", "israel", "--password-file", good]).fails_with(3, "israel");
}

/// No argument takes a password, and nothing waits for a terminal that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_come_from_a_file_or_a_terminal_alone() {
    let place = Place::new().await;
    place.run(&["user", "add", "israel"]).fails_with(2, "--password-file");
    for option in ["--password", "--secret", "--client-secret"] {
        place.run(&["user", "add", "israel", option, "x"]).fails_with(2, "unexpected argument");
    }
    let short = place.file("short", "short");
    place.run(&["user", "add", "israel", "--password-file", short.to_str().unwrap()]).fails_with(2, "12");
    let empty = place.file("empty", "\nsecond line");
    place.run(&["user", "add", "israel", "--password-file", empty.to_str().unwrap()]).fails_with(2, "empty");
    // From standard input.
    let mut child = place
        .command(&["user", "add", "israel", "--password-file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"correct horse battery\n").unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap(), &[]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let url = "griddb://app:hunter2@localhost:1/prod";
    let ran = place.run(&["--store", url, "client", "list"]);
    ran.fails_with(2, "GRIDAUTH_STORE");
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_listed_and_ended() {
    let place = Place::new().await;
    let tokens = {
        let auth = place.server().await;
        let mut tokens = Vec::new();
        for (user, client) in [("1", "web"), ("1", "spa"), ("2", "web")] {
            let request = MintRequest::for_user(user).client(client).scope("notes.read");
            tokens.push(auth.mint(request).await.unwrap().access_token.expose().to_owned());
        }
        tokens
    };
    let valid = async || {
        let auth = place.server().await;
        let mut valid = Vec::new();
        for token in &tokens {
            valid.push(auth.authenticate(&BearerToken::new(token)).await.is_ok());
        }
        valid
    };
    let listed = place.json(&["access", "list", "--user", "1"]);
    let grants = listed["grants"].as_array().unwrap();
    assert_eq!(grants.len(), 2);
    let of_spa = grants.iter().find(|grant| grant["client_id"] == "spa").unwrap();
    assert_eq!((&of_spa["sub"], &of_spa["scope"]), (&json!("1"), &json!("notes.read")));
    assert_eq!(place.json(&["access", "list", "--client", "web"])["grants"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(&tokens[0][..20]));
    let id = text(of_spa, "id").to_owned();
    place.json(&["access", "revoke", "--grant", &id, "--yes"]);
    assert_eq!(valid().await, [true, false, true]);
    place.run(&["access", "revoke", "--grant", &id, "--yes"]).fails_with(3, &id);
    place.run(&["access", "revoke", "--grant", "x", "--yes"]).fails_with(2, "UUID");
    place.run(&["access", "revoke", "--user", "1"]).fails_with(2, "--yes");
    place.json(&["access", "revoke", "--user", "1", "--client", "spa", "--yes"]);
    assert_eq!(valid().await, [true, false, true]);
    place.json(&["access", "revoke", "--user", "1", "--yes"]);
    assert_eq!(valid().await, [false, false, true]);
    place.json(&["access", "revoke", "--client", "web", "--yes"]);
    assert_eq!(valid().await, [false, false, false]);
    for wrong in
        [&["access", "list"][..], &["access", "revoke"], &["access", "list", "--user", "1", "--client", "a"]]
    {
        assert_eq!(place.run(wrong).status, 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_copied_and_a_snapshot_is_one() {
    let place = Place::new().await;
    let token = {
        let auth = place.server().await;
        let minted = auth.mint(MintRequest::for_user("1").client("web")).await.unwrap();
        minted.access_token.expose().to_owned()
    };
    let is_valid_at = async |path: &Path| {
        let store = Store::open(&format!("file:{}", path.display())).await.unwrap();
        let auth = GridAuth::builder("https://id.example.com").store(store).build().await.unwrap();
        auth.authenticate(&BearerToken::new(&token)).await.is_ok()
    };
    let snapshot = place.path("snapshot.db");
    place.json(&["snapshot", snapshot.to_str().unwrap()]);
    assert!(is_valid_at(&snapshot).await);
    place.run(&["snapshot", snapshot.to_str().unwrap()]).fails_with(1, "file already");
    let copy = place.path("copy.db");
    let to = format!("file:{}", copy.display());
    let report = place.json(&["copy", &to]);
    assert_eq!((&report["rows"], &report["written"]), (&json!(1), &json!(1)));
    assert!(is_valid_at(&copy).await);
    place.run(&["copy", &to]).fails_with(2, "not empty");
    let again = place.json(&["copy", &to, "--overwrite"]);
    assert_eq!((&again["written"], &again["removed"]), (&json!(0), &json!(0)));
    // To a database, and back.
    let sqlite = format!("sqlite:{}", place.path("auth.sqlite").display());
    place.json(&["copy", &sqlite]);
    let doctor = place.json(&["--store", &sqlite, "doctor"]);
    assert_eq!((&doctor["rows"], &doctor["problems"]), (&json!({ "grant": 1 }), &json!([])));
    let back = place.path("back.db");
    place.json(&["--store", &sqlite, "copy", &format!("file:{}", back.display())]);
    assert!(is_valid_at(&back).await);
    // A URL in a file, as one with a password has to be.
    let third = place.path("third.db");
    let url = place.file("url", &format!("file:{}\n", third.display()));
    place.json(&["copy", &format!("@{}", url.display())]);
    assert!(is_valid_at(&third).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_each_row_that_is_wrong() {
    let place = Place::new().await;
    let good = place.file("good", "correct horse battery");
    place.json(&["user", "add", "israel", "--sub", "1", "--password-file", good.to_str().unwrap()]);
    place.json(&["client", "add", "web"]);
    let well = place.json(&["doctor"]);
    assert_eq!((&well["rows"]["user"], &well["problems"]), (&json!(1), &json!([])));
    {
        let store = place.store().await;
        let now = gridauth::env::Timestamp::from_millis(1);
        let spoilt = || Row::new(now, "hunter2").with_user(Some("1")).with_client(Some("web"));
        for kind in [
            Kind::Client,
            Kind::Grant,
            Kind::Session,
            Kind::Consent,
            Kind::SigningKey,
            Kind::Outbox,
            Kind::Setting,
        ] {
            store.put(Key::new(kind, "spoilt"), spoilt()).await.unwrap();
        }
        // The same person twice, one of them under a name where nobody looks.
        let israel = store.get(Key::new(Kind::User, "israel")).await.unwrap().unwrap();
        store.put(Key::new(Kind::User, "Israel2"), Row::clone(&israel)).await.unwrap();
        store.put(Key::new(Kind::Grant, "old"), spoilt().with_expires(Some(now))).await.unwrap();
    }
    let ran = place.run(&["--json", "doctor"]);
    assert_eq!(ran.status, 4, "{ran:?}");
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let problems = found["problems"].as_array().unwrap();
    for kind in ["client", "grant", "session", "consent", "signing_key", "outbox", "setting"] {
        assert!(
            problems.iter().any(|found| found["kind"] == kind && found["id"] == "spoilt"),
            "{kind}: {found}"
        );
    }
    let of_user: Vec<_> = problems.iter().filter(|found| found["kind"] == "user").collect();
    assert_eq!(of_user.len(), 2, "{found}");
    assert_eq!(found["expired"], json!(1));
    assert!(!ran.out.contains("hunter2"), "{ran:?}");
    let ran = place.run(&["doctor"]);
    assert!(ran.status == 4 && ran.out.contains("problem: session \"spoilt\""), "{ran:?}");
    let swept = place.json(&["sweep"]);
    assert_eq!(swept, json!({ "removed": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_keys_are_listed_rotated_withdrawn_and_sealed_anew() {
    use gridauth::grant::extension::OpenId;
    use gridauth::keys::ServerSecret;
    let place = Place::new().await;
    place.run(&["keys", "rotate", "ES256"]).fails_with(3, "no signing keys");
    let server = async |secret: &str| {
        let builder = GridAuth::builder("https://id.example.com").store(place.store().await);
        builder.secret(secret.parse::<ServerSecret>().unwrap()).openid(OpenId::new()).build().await.map(drop)
    };
    server(SECRET).await.unwrap();
    // The secret is not needed to list them.
    let listed = place.json(&["keys", "list"]);
    let keys = listed["keys"].as_array().unwrap();
    assert!(keys.len() == 3 && keys.iter().all(|key| key["use"] == "signs"), "{listed}");
    assert!(!listed.to_string().contains("sealed"));
    place.run(&["keys", "rotate", "ES256"]).fails_with(1, "secret");
    let secret = place.file("secret", SECRET);
    let secret = secret.to_str().unwrap();
    let made = place.json(&["keys", "rotate", "ES256", "--secret-file", secret]);
    let listed = place.json(&["keys", "list"]);
    let next = listed["keys"].as_array().unwrap().iter().find(|key| key["kid"] == made["kid"]).unwrap();
    assert_eq!(next["use"], "published");
    place.json(&["keys", "withdraw", text(&made, "kid"), "--yes", "--secret-file", secret]);
    place
        .run(&["keys", "withdraw", text(&made, "kid"), "--yes", "--secret-file", secret])
        .fails_with(3, text(&made, "kid"));
    assert_eq!(place.json(&["keys", "list"])["keys"].as_array().unwrap().len(), 3);

    let other = "YW5vdGhlciBleGFtcGxlIG9mIGEgc2VjcmV0LCAzMkI=";
    let next = place.file("next", other);
    let next = next.to_str().unwrap();
    place.run(&["secret", "rotate"]).fails_with(2, "which secret");
    let rotate = ["secret", "rotate", "--secret-file", next, "--previous-secret-file", secret];
    assert_eq!(place.json(&rotate), json!({ "keys": 3 }));
    assert!(server(SECRET).await.is_err());
    server(other).await.unwrap();
    place.run(&["keys", "rotate", "HS256"]).fails_with(2, "RS256");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_missing_or_in_use_is_told() {
    let place = Place::new().await;
    let missing = format!("file:{}", place.path("missing.db").display());
    place.run(&["--store", &missing, "client", "list"]).fails_with(3, "there is no store");
    assert!(!place.path("missing.db").exists());
    let mut without = place.command(&["client", "list"]);
    Ran::of(without.env_remove("GRIDAUTH_STORE").output().unwrap(), &[]).fails_with(2, "GRIDAUTH_STORE");
    place.run(&["--store", "redis:x", "client", "list"]).fails_with(2, "file:PATH");
    let foreign = place.file("foreign.db", &"x".repeat(10_000));
    place
        .run(&["--store", &format!("file:{}", foreign.display()), "doctor"])
        .fails_with(1, "not a gridauth store");
    let _open = place.store().await;
    let url = format!("{}?wait=0s", place.url());
    let ran = place.run(&["--json", "--store", &url, "client", "list"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    let error: Value = serde_json::from_str(ran.err.trim()).unwrap();
    assert!(text(&error, "error").contains("in use"), "{error}");
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_gridauth")).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("rotate-secret"), "{shell}");
    }
}
