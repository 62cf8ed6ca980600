//! An in-process server whose clock a test moves, and requests to it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use gridauth::env::{ManualClock, Timestamp};
use gridauth::grant::{AuthorizationCode, ClientCredentials, Implicit, Password, RefreshToken};
use gridauth::identity::HashingSettings;
use gridauth::model::AuthMethod;
use gridauth::store::{By, Kind, Query};
use gridauth::token::Secret;
use gridauth::{Builder, Client, GridAuth, Response, Store};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub const ISSUER: &str = "https://id.example.com";
pub const REDIRECT: &str = "https://client.example.com/cb";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub struct Server {
    pub auth: GridAuth,
    pub clock: Arc<ManualClock>,
}

/// A server with every grant, the user israel, and the clients web (confidential) and spa (public).
pub async fn server() -> Server {
    server_with(|builder| builder).await
}

pub async fn server_with(configure: impl FnOnce(Builder) -> Builder) -> Server {
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
    let any = [
        AuthMethod::Basic,
        AuthMethod::Post,
        AuthMethod::SecretJwt,
        AuthMethod::PrivateKeyJwt,
        AuthMethod::None,
    ];
    let builder = GridAuth::builder(ISSUER)
        .store(Store::memory())
        .clock(Arc::clone(&clock))
        .hashing(HashingSettings::default().memory_kib(8).passes(1))
        .grant(AuthorizationCode::new())
        .grant(RefreshToken::rotating().client_authentication(any.clone()))
        .grant(ClientCredentials::new())
        .grant(Password::new().client_authentication(any))
        .grant(Implicit::new());
    let auth = configure(builder).build().await.unwrap();
    auth.put_user("israel", &Secret::from("imru"), "israel", Default::default()).await.unwrap();
    let all = ["authorization_code", "refresh_token", "client_credentials", "password"];
    let web = auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).grant_types(all).scope("openid notes.read notes.write");
    auth.put_client_unchecked(web.build().unwrap()).await.unwrap();
    let spa =
        Client::public("spa").redirect_uri("http://127.0.0.1/cb").redirect_uri("https://spa.example.com/cb");
    let spa = spa
        .grant_types(["authorization_code", "refresh_token", "implicit"])
        .response_types(["code", "token"])
        .scope("notes.read");
    auth.put_client_unchecked(spa.build().unwrap()).await.unwrap();
    Server { auth, clock }
}

impl Server {
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn get(&self, uri: &str, cookie: Option<&str>) -> Response {
        let mut request = http::Request::get(uri);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        self.auth.handle(request.body(Bytes::new()).unwrap()).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request =
            http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.auth.handle(request.body(Bytes::from(body)).unwrap()).await
    }

    /// A token request of the confidential client.
    pub async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        answer(self.post("/oauth/token", &[("authorization", &basic("web", "web-secret"))], form).await)
    }

    /// A code for the user israel and the client web, with PKCE, obtained through the pages.
    pub async fn code(&self) -> String {
        let browser = self.sign_in(&authorize_uri(&[])).await;
        // Remembered consent skips the consent page.
        let back = if browser.page.status() == 303 { browser.page } else { browser.allow(self).await };
        location_parameter(&back, "code").unwrap()
    }

    /// The token response for a new code of the user israel and the client web.
    pub async fn tokens(&self) -> Value {
        let (status, tokens) = self.token(&redeem(&self.code().await)).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// Whether the access token of a token response is valid.
    pub async fn is_valid(&self, tokens: &Value) -> bool {
        self.auth
            .authenticate(&gridauth::http::BearerToken::new(&string(tokens, "access_token")))
            .await
            .is_ok()
    }

    /// Signs israel in, up to the consent page.
    pub async fn sign_in(&self, authorize: &str) -> Browser {
        let page = self.get(authorize, None).await;
        assert_eq!(page.status(), 200, "{}", text(&page));
        let cookie = cookie(&page).unwrap();
        let page = self.submit_sign_in(&page, &cookie, "israel", "imru").await;
        let cookie = format!("{cookie}; {}", crate::support::cookie(&page).unwrap());
        Browser { cookie, page }
    }

    /// Submits the sign-in form of `page` with these cookies.
    pub async fn submit_sign_in(
        &self,
        page: &Response,
        cookie: &str,
        username: &str,
        password: &str,
    ) -> Response {
        let (csrf, request) = (hidden(page, "csrf"), hidden(page, "authorization_request"));
        let form = [
            ("csrf", csrf.as_str()),
            ("authorization_request", &request),
            ("username", username),
            ("password", password),
        ];
        self.post("/oauth/authorize", &[("cookie", cookie)], &form).await
    }
}

/// A browser in which a user is signed in, and the page that it shows.
pub struct Browser {
    pub cookie: String,
    pub page: Response,
}

impl Browser {
    pub async fn allow(&self, server: &Server) -> Response {
        self.decide(server, "allow").await
    }

    pub async fn decide(&self, server: &Server, decision: &str) -> Response {
        let (csrf, request) = (hidden(&self.page, "csrf"), hidden(&self.page, "authorization_request"));
        let form = [("csrf", csrf.as_str()), ("authorization_request", &request), ("decision", decision)];
        server.post("/oauth/authorize", &[("cookie", &self.cookie)], &form).await
    }
}

/// An authorization request of the client web. `more` replaces or adds parameters; an empty value removes one.
pub fn authorize_uri(more: &[(&str, &str)]) -> String {
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut parameters = vec![
        ("client_id", "web"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "notes.read"),
        ("state", "xyz"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in more {
        parameters.retain(|(own, _)| own != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth/authorize?{query}")
}

pub fn redeem(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

pub fn refresh(token: &str) -> [(&str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", token)]
}

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

pub fn answer(response: Response) -> (u16, Value) {
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

pub fn text(response: &Response) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}

pub fn string(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("{member} is missing in {value}")).to_owned()
}

pub fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// A parameter in the query or fragment of the redirect.
pub fn location_parameter(response: &Response, name: &str) -> Option<String> {
    let location = location(response);
    let (_, encoded) = location.split_once(['?', '#'])?;
    form_urlencoded::parse(encoded.as_bytes())
        .find(|(own, _)| own == name)
        .map(|(_, value)| value.into_owned())
}

/// The cookies that a response sets, as a browser sends them back.
pub fn cookie(response: &Response) -> Option<String> {
    let set = response.headers().get_all("set-cookie").iter();
    let pairs: Vec<&str> = set.map(|header| header.to_str().unwrap().split(';').next().unwrap()).collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

/// The ids of all rows of a kind.
pub async fn ids(store: &Store, kind: Kind) -> Vec<String> {
    ids_by(store, kind, By::Any).await
}

/// The ids of the rows of a kind that this listing finds.
pub async fn ids_by(store: &Store, kind: Kind, by: By<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    let mut query = Query::new(kind, by);
    loop {
        let page = store.list(query.clone()).await.unwrap();
        ids.extend(page.entries.into_iter().map(|entry| entry.id));
        match page.next {
            Some(next) => query = query.after(next),
            None => return ids,
        }
    }
}

/// The value of a hidden input.
pub fn hidden(response: &Response, name: &str) -> String {
    let page = text(response);
    let start = format!("name=\"{name}\" value=\"");
    let at = page.find(&start).unwrap_or_else(|| panic!("no input {name} in {page}")) + start.len();
    let value = &page[at..at + page[at..].find('"').unwrap()];
    value
        .replace("&amp;", "&")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#39;", "'")
}
