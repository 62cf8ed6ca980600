//! What the application's own routes answer while the store cannot be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Change, Key, Page, Query, Row, StoreError, StoreFuture, Updated};
use gridauth::{GridAuth, MintRequest, Request, Response, Store};
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};

use crate::App;

/// A store in memory whose connection can be cut.
#[derive(Default)]
struct Cut {
    rows: MemoryStore,
    is_cut: Arc<AtomicBool>,
}

impl Cut {
    fn answer<'a, T>(&self, answer: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        if self.is_cut.load(Ordering::SeqCst) {
            return StoreFuture::ready(Err(StoreError::unavailable("the connection is cut")));
        }
        answer
    }
}

impl Backend for Cut {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        self.answer(self.rows.get(key))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.answer(self.rows.insert(key, row))
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.answer(self.rows.put(key, row))
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.answer(self.rows.update(key, decide))
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.answer(self.rows.remove(key))
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.answer(self.rows.list(query))
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.answer(self.rows.ping())
    }
}

fn form() -> Request {
    http::Request::post("/")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("username=israel&password=imru".into())
        .unwrap()
}

fn is_unavailable(response: &Response) -> bool {
    response.status() == StatusCode::SERVICE_UNAVAILABLE && response.headers().contains_key(RETRY_AFTER)
}

#[tokio::test]
async fn every_route_that_needs_it_is_503_and_comes_back() {
    let store = Cut::default();
    let is_cut = Arc::clone(&store.is_cut);
    let auth = GridAuth::builder("http://127.0.0.1:8080").store(Store::new(store)).build().await.unwrap();
    let token = auth.mint(MintRequest::for_user("israel")).await.unwrap();
    let access = auth.authenticate_token(token.access_token.expose()).await.unwrap();
    let app = App::with(auth);
    assert_eq!(app.health().await.status(), StatusCode::OK);

    is_cut.store(true, Ordering::SeqCst);
    assert!(is_unavailable(&app.health().await));
    assert!(is_unavailable(&app.sign_up(form()).await));
    assert!(is_unavailable(&app.list_notes(&access).await));
    let json: Option<&[u8]> = Some(b"application/json");
    assert!(is_unavailable(&app.add_note(&access, json, br#"{"text": "a"}"#).await));

    is_cut.store(false, Ordering::SeqCst);
    assert_eq!(app.health().await.status(), StatusCode::OK);
    assert_eq!(app.sign_up(form()).await.status(), StatusCode::CREATED);
    assert_eq!(app.list_notes(&access).await.status(), StatusCode::OK);
}
