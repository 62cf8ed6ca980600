//! A server in memory with clients, a user, a code and tokens. Every input gets a new one with the same contents.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gridauth::clients::{ClientSecretHash, generate_client_secret};
use gridauth::env::{Entropy, EntropyError, ManualClock, Timestamp};
use gridauth::grant::{AuthorizationCode, ClientCredentials, Implicit, Password, RefreshToken};
use gridauth::identity::HashingSettings;
use gridauth::model::AuthMethod;
use gridauth::store::{By, Key, Kind, Query, Row};
use gridauth::token::Secret;
use gridauth::{Client, GridAuth, Response, Store};
use serde_json::Value;

use crate::page::Page;

/// The issuer.
pub const ISSUER: &str = "https://id.example.com";
/// All registered redirect URIs of all clients.
pub const REDIRECT_URIS: [&str; 5] = [
    "https://client.example.com/cb",
    "https://client.example.com/cb?tenant=1",
    "http://127.0.0.1/cb",
    "com.example.app:/cb",
    "https://spa.example.com/",
];

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A server for one input.
pub struct Server {
    /// The server itself.
    pub auth: GridAuth,
    /// Its clock.
    pub clock: Arc<ManualClock>,
}

/// The contents that every server starts with: its rows, and the secrets that the placeholders stand for.
struct Contents {
    rows: Vec<(Kind, String, Arc<Row>)>,
    secrets: Vec<(&'static [u8], String)>,
}

/// Runs a future to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

impl Server {
    /// A new server with the contents.
    pub async fn new() -> Self {
        let contents = contents().await;
        let store = Store::memory();
        for (kind, id, row) in &contents.rows {
            let inserted =
                store.insert(Key::new(*kind, id), Row::clone(row)).await.expect("memory has no faults");
            assert!(inserted);
        }
        Self::on(store).await
    }

    async fn on(store: Store) -> Self {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
        let any = [AuthMethod::Basic, AuthMethod::Post, AuthMethod::None];
        let auth = GridAuth::builder(ISSUER)
            .store(store)
            .clock(Arc::clone(&clock))
            .entropy(Counting::default())
            .hashing(HashingSettings::default().memory_kib(8).passes(1))
            .sweep_every(None)
            .grant(AuthorizationCode::new())
            .grant(RefreshToken::rotating().client_authentication(any.clone()))
            .grant(ClientCredentials::new())
            .grant(Password::new().client_authentication(any))
            .grant(Implicit::new())
            .build()
            .await
            .expect("the configuration is valid");
        Self { auth, clock }
    }

    /// Sends a form.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request =
            http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.auth.handle(request.body(Bytes::from(body)).expect("a request")).await
    }
}

/// Replaces the placeholders of an input, as in `code={code}`, by real codes, tokens and cookies, so that inputs get past
/// checks that no guess passes.
pub async fn filled(input: &[u8]) -> Vec<u8> {
    let contents = contents().await;
    let mut filled = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some((first, after)) = rest.split_first() {
        match contents.secrets.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, secret)) => {
                filled.extend_from_slice(secret.as_bytes());
                rest = &rest[name.len()..];
            }
            None => {
                filled.push(*first);
                rest = after;
            }
        }
    }
    filled
}

/// The secret that the placeholder `name` stands for.
pub async fn secret(name: &str) -> &'static str {
    let found = contents().await.secrets.iter().find(|(own, _)| *own == name.as_bytes());
    found.map(|(_, secret)| secret.as_str()).expect("a placeholder")
}

async fn contents() -> &'static Contents {
    static CONTENTS: OnceLock<Contents> = OnceLock::new();
    if CONTENTS.get().is_none() {
        let _ = CONTENTS.set(first_contents().await);
    }
    CONTENTS.get().expect("it is set")
}

async fn first_contents() -> Contents {
    let server = Server::on(Store::memory()).await;
    let auth = &server.auth;
    let all = ["authorization_code", "refresh_token", "client_credentials", "password"];

    let secret = generate_client_secret(&Counting::default()).expect("it never fails");
    let [web, tenant, loopback, app, spa] = REDIRECT_URIS;
    let client = Client::confidential("web", ClientSecretHash::of_generated(&secret))
        .redirect_uri(web)
        .redirect_uri(tenant)
        .grant_types(all)
        .scope("openid notes.read notes.write");
    auth.put_client_unchecked(client.build().expect("a client")).await.expect("put");
    let client = auth.confidential_client("legacy", "legacy-secret").await.expect("hashed");
    let client = client.auth_method(AuthMethod::Post).redirect_uri(web).grant_types(all).scope("all");
    auth.put_client_unchecked(client.resource_server(true).build().expect("a client")).await.expect("put");
    let client = Client::public("spa")
        .redirect_uri(loopback)
        .redirect_uri(app)
        .redirect_uri(spa)
        .grant_types(["authorization_code", "refresh_token", "implicit"])
        .response_types(["code", "token"])
        .first_party(true)
        .scope("notes.read");
    auth.put_client_unchecked(client.build().expect("a client")).await.expect("put");
    auth.put_user("israel", &Secret::from("imru"), "israel", Default::default()).await.expect("signed up");

    let basic = format!("Basic {}", STANDARD.encode(format!("web:{}", secret.as_str())));
    let (cookie, code) = code(&server).await;
    let (_, other) = self::code(&server).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", other.as_str()),
        ("redirect_uri", web),
        ("code_verifier", VERIFIER),
    ];
    let answer = server.post("/oauth/token", &[("authorization", &basic)], &form).await;
    let tokens: Value = serde_json::from_slice(answer.body()).expect("JSON");
    let member = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    let secrets = vec![
        (&b"{secret}"[..], secret.as_str().to_owned()),
        (b"{basic}", basic),
        (b"{cookie}", cookie),
        (b"{code}", code),
        (b"{used}", other),
        (b"{access}", member("access_token")),
        (b"{refresh}", member("refresh_token")),
    ];
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        let page = auth.store().list(Query::new(kind, By::Any)).await.expect("listed");
        assert!(page.next.is_none());
        rows.extend(page.entries.into_iter().map(|entry| (kind, entry.id, entry.row)));
    }
    Contents { rows, secrets }
}

/// Signs the user in and allows the request; returns the browser's cookies and a code.
async fn code(server: &Server) -> (String, String) {
    let authorize = format!(
        "/oauth/authorize?client_id=web&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb&response_type=code&\
         scope=notes.read&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let request = http::Request::get(authorize).body(Bytes::new()).expect("a request");
    let mut answer = server.auth.handle(request).await;
    let mut cookie = cookies("", &answer);
    while answer.status() == 200 {
        let form = Page::read(answer.body()).form.expect("a form");
        let form = form.filled_in("israel", "imru", "allow");
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        answer = server.post("/oauth/authorize", &[("cookie", &cookie)], &form).await;
        cookie = cookies(&cookie, &answer);
    }
    let location = answer.headers()["location"].to_str().expect("text");
    let url = url::Url::parse(location).expect("a URL");
    let code = url.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    (cookie, code)
}

/// The cookies that a browser with `jar` sends after this response.
pub fn cookies(jar: &str, answer: &Response) -> String {
    let set = answer.headers().get_all("set-cookie").iter();
    let set = set.filter_map(|cookie| cookie.to_str().expect("text").split(';').next());
    let name = |cookie: &str| cookie.split('=').next().map(str::to_owned);
    let mut jar: Vec<_> = jar.split("; ").filter(|cookie| !cookie.is_empty()).collect();
    for cookie in set {
        jar.retain(|other| name(other) != name(cookie));
        jar.push(cookie);
    }
    jar.join("; ")
}

/// Randomness that is the same in every run, so that a finding can be reproduced.
#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in buffer.chunks_mut(8) {
            let count = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mixed = (count ^ (count >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 29)).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl Server {
    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}
