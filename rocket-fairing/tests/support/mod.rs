//! A server whose store a test can watch and take away, and requests to a Rocket that uses it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod running;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use gridauth::env::Timestamp;
use gridauth::grant::{AuthorizationCode, ClientCredentials};
use gridauth::identity::HashingSettings;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Change, Key, Kind, Page, Query, Row, StoreError, StoreFuture, Updated};
use gridauth::{Builder, GridAuth, MintRequest, Store};
use rocket::config::LogLevel;
use rocket::http::Header;
use rocket::local::asynchronous::{Client, LocalRequest};
use rocket::{Build, Config, Rocket};
use serde_json::Value;

/// A Rocket that says nothing.
pub fn quiet() -> Rocket<Build> {
    rocket::custom(Config { log_level: LogLevel::Off, port: 0, ..Config::debug_default() })
}

pub async fn launch(rocket: Rocket<Build>) -> Client {
    Client::untracked(rocket).await.unwrap()
}

/// A server with the client `web`, whose secret is `web-secret`.
pub async fn auth() -> GridAuth {
    auth_with(|builder| builder).await
}

pub async fn auth_with(configure: impl FnOnce(Builder) -> Builder) -> GridAuth {
    let builder = GridAuth::builder("https://id.example.com")
        .store(Store::memory())
        .hashing(HashingSettings { memory_kib: 8, passes: 1, ..HashingSettings::default() })
        .grant(AuthorizationCode::new())
        .grant(ClientCredentials::new());
    let auth = configure(builder).build().await.unwrap();
    let client = auth.confidential_client("web", "web-secret").await.unwrap();
    let client = client.grant_types(["client_credentials"]).scope("notes.read notes.write");
    auth.put_client(client.build().unwrap()).await.unwrap();
    auth
}

/// An access token of the user israel.
pub async fn token(auth: &GridAuth, scope: &str) -> String {
    let minted = auth.mint(MintRequest::for_user("israel").client("web").scope(scope)).await.unwrap();
    minted.access_token.expose().to_owned()
}

pub fn bearing<'c>(request: LocalRequest<'c>, token: &str) -> LocalRequest<'c> {
    request.header(Header::new("authorization", format!("Bearer {token}")))
}

/// What a Rocket answered.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        header.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub async fn ask(request: LocalRequest<'_>) -> Answer {
    let response = request.dispatch().await;
    let headers = response.headers().iter();
    let headers = headers.map(|header| (header.name().to_string(), header.value().to_owned())).collect();
    Answer { status: response.status().code, headers, body: response.into_string().await.unwrap_or_default() }
}

/// A store that counts its reads and fails when it is told to.
#[derive(Clone, Default)]
pub struct WatchedStore(Arc<Watched>);

#[derive(Default)]
struct Watched {
    rows: MemoryStore,
    reads: AtomicUsize,
    is_down: AtomicBool,
    is_slow: AtomicBool,
}

impl WatchedStore {
    pub fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }

    pub fn take_down(&self) {
        self.0.is_down.store(true, Ordering::SeqCst);
    }

    /// From now on a read has to be waited for, as with a store behind a network.
    pub fn slow_down(&self) {
        self.0.is_slow.store(true, Ordering::SeqCst);
    }

    fn if_up<'a, T>(
        &'a self,
        answer: impl FnOnce(&'a MemoryStore) -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        if self.0.is_down.load(Ordering::SeqCst) {
            return StoreFuture::ready(Err(StoreError::unavailable("the test took the store down")));
        }
        answer(&self.0.rows)
    }
}

impl Backend for WatchedStore {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        let read = move || {
            self.0.reads.fetch_add(1, Ordering::SeqCst);
            self.if_up(|rows| rows.get(key))
        };
        if !self.0.is_slow.load(Ordering::SeqCst) {
            return read();
        }
        StoreFuture::new(async move {
            let mut has_waited = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            read().await
        })
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.if_up(|rows| rows.insert(key, row))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.if_up(|rows| rows.put(key, row))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.if_up(|rows| rows.update(key, decide))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.if_up(|rows| rows.remove(key))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.if_up(|rows| rows.list(query))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.if_up(|rows| rows.ping())
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        self.if_up(|rows| rows.remove_expired(kind, now, limit))
    }
}
