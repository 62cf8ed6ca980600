//! What the tests share: a server on a store that can be watched and broken, its tokens, requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use gridauth::grant::ClientCredentials;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Change, Key, Page, Query, Row, Store, StoreError, StoreFuture, Updated};
use gridauth::{GridAuth, MintRequest};
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::BodyExt;
use serde_json::Value;

/// A store in memory that counts reads, and that can be out of reach.
#[derive(Default)]
pub(crate) struct Watched {
    rows: MemoryStore,
    pub(crate) reads: AtomicUsize,
    pub(crate) out_of_reach: AtomicBool,
    /// A read has to be waited for, as with a store behind a network.
    pub(crate) slow: AtomicBool,
}

impl Watched {
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

/// The store as a backend.
struct Handle(Arc<Watched>);

impl Backend for Handle {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        let read = move || {
            self.0.reads.fetch_add(1, Ordering::SeqCst);
            if self.0.out_of_reach.load(Ordering::SeqCst) {
                return StoreFuture::ready(Err(StoreError::unavailable("out of reach")));
            }
            self.0.rows.get(key)
        };
        if !self.0.slow.load(Ordering::SeqCst) {
            return read();
        }
        StoreFuture::new(async move {
            tokio::task::yield_now().await;
            read().await
        })
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.0.rows.insert(key, row)
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.0.rows.put(key, row)
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.0.rows.update(key, decide)
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.0.rows.remove(key)
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.0.rows.list(query)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.0.rows.ping()
    }
}

pub(crate) const ISSUER: &str = "https://id.example.com";

/// A server, and its store to watch.
pub(crate) async fn watched() -> (GridAuth, Arc<Watched>) {
    let watched = Arc::new(Watched::default());
    let auth = GridAuth::builder(ISSUER).store(Store::new(Handle(Arc::clone(&watched))));
    (auth.grant(ClientCredentials::new()).build().await.unwrap(), watched)
}

pub(crate) async fn server() -> GridAuth {
    watched().await.0
}

/// The value of an `Authorization` header with a new token of this scope.
pub(crate) async fn bearer(auth: &GridAuth, scope: &str) -> String {
    let token = auth.mint(MintRequest::for_user("israel").client("web").scope(scope)).await.unwrap();
    format!("Bearer {}", token.access_token.expose())
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(crate) fn get_with(path: &str, authorization: &str) -> Request<Body> {
    Request::get(path).header(AUTHORIZATION, authorization).body(Body::empty()).unwrap()
}

pub(crate) async fn bytes<B>(response: http::Response<B>) -> Bytes
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    response.into_body().collect().await.unwrap().to_bytes()
}

pub(crate) async fn text(response: Response) -> String {
    String::from_utf8(bytes(response).await.to_vec()).unwrap()
}

pub(crate) async fn json(response: Response) -> Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

pub(crate) fn header<'a, B>(response: &'a http::Response<B>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
