//! A server whose store a test can watch and take away, and requests to an application that uses it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use actix_http::Request;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use gridauth::env::Timestamp;
use gridauth::grant::{AuthorizationCode, ClientCredentials};
use gridauth::identity::HashingSettings;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Change, Key, Kind, Page, Query, Row, StoreError, StoreFuture, Updated};
use gridauth::{Builder, GridAuth, MintRequest, Store};
use serde_json::Value;

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

pub fn bearing(request: TestRequest, token: &str) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {token}")))
}

/// What an application answered.
pub struct Answer {
    pub status: u16,
    pub headers: actix_web::http::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request, as the server would: a service that fails is answered with its error.
pub async fn ask<S, B>(app: &S, request: TestRequest) -> Answer
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let answer = match app.call(request.to_request()).await {
        Ok(answer) => answer.map_into_boxed_body().into_parts().1,
        Err(error) => error.error_response(),
    };
    let (status, headers): (StatusCode, _) = (answer.status(), answer.headers().clone());
    let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap_or_default();
    Answer { status: status.as_u16(), headers, body: String::from_utf8(body.to_vec()).unwrap() }
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
