//! The layer on services that are not axum's.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use gridauth::guard::RejectionBody;
use gridauth::store::memory::MemoryStore;
use gridauth::{GridAuth, Store};
use gridauth_test_stores::{Counting, Failing};
use gridauth_tower::{GridAuthExt, Require, RequireFuture, RequireLayer};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::server::{ISSUER, bearer, bytes, header, server, server_on};

fn request(authorization: &str) -> Request<String> {
    Request::get("/").header(AUTHORIZATION, authorization).body("sent".to_owned()).unwrap()
}

/// Responds with the subject of the access and the request body, in a boxed body as users of hyper do.
async fn tell(request: Request<String>) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let access = request.extensions().get::<gridauth::Access>().unwrap();
    let told = format!("{} {}", access.subject(), request.body());
    Ok(Response::new(Full::new(Bytes::from(told)).boxed()))
}

#[tokio::test]
async fn a_valid_token_reaches_the_service_with_its_access() {
    let auth = server().await;
    let service = auth.require("a b").layer(service_fn(tell));
    let answer = service.oneshot(request(&bearer(&auth, "b c a").await)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(bytes(answer).await, "israel sent");
}

#[tokio::test]
async fn rejections_follow_rfc_6750() {
    let auth = server().await;
    let service = auth.require("a b").layer(service_fn(
        async |_: Request<String>| -> Result<Response<Full<Bytes>>, Infallible> {
            panic!("the guarded service was reached")
        },
    ));
    let realm = format!("Bearer realm=\"{ISSUER}\"");
    let little = bearer(&auth, "a").await;
    for (authorization, status, challenge, error) in [
        (None, 401, realm.clone(), "invalid_token"),
        (Some("Basic aTpi"), 401, realm.clone(), "invalid_token"),
        (Some("Bearer nonsense"), 401, format!("{realm}, error=\"invalid_token\""), "invalid_token"),
        (Some(&*little), 403, format!("{realm}, error=\"insufficient_scope\""), "insufficient_scope"),
    ] {
        let mut request = Request::get("/").body(String::new()).unwrap();
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        }
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status);
        let told = header(&answer, "www-authenticate").to_owned();
        assert!(told.starts_with(&challenge), "{told}");
        let has_credentials = authorization.is_some_and(|header| !header.starts_with("Basic"));
        assert_eq!(told.contains("error="), has_credentials, "{told}");
        assert!(told.contains("resource_metadata="), "{told}");
        assert_eq!(told.contains("scope=\"a b\""), status == 403, "{told}");
        assert_eq!(header(&answer, "cache-control"), "no-store");
        let body: serde_json::Value = serde_json::from_slice(&bytes(answer).await).unwrap();
        assert_eq!(body["error"], error);
    }
}

#[tokio::test]
async fn a_token_of_another_server_is_refused() {
    let (auth, other) = (server().await, server().await);
    let service = auth.require("").layer(service_fn(tell));
    let answer = service.oneshot(request(&bearer(&other, "a").await)).await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn an_unavailable_store_is_503_and_not_401() {
    let store = Failing::new(MemoryStore::new());
    let auth = server_on(store.clone()).await;
    let authorization = bearer(&auth, "a").await;
    store.take_down();
    let answer = auth.require("a").layer(service_fn(tell)).oneshot(request(&authorization)).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(header(&answer, "retry-after"), "1");
    assert_eq!(header(&answer, "www-authenticate"), "");
}

#[tokio::test]
async fn the_application_shapes_the_body_and_nothing_else() {
    let auth = GridAuth::builder(ISSUER).store(Store::memory()).rejection_body(|rejection| {
        Some(RejectionBody {
            content_type: HeaderValue::from_static("text/plain"),
            body: format!("{} it is", rejection.status()).into(),
        })
    });
    let service = auth.build().await.unwrap().require("").layer(service_fn(tell));
    let answer = service.oneshot(Request::new(String::new())).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(header(&answer, "content-type"), "text/plain");
    assert!(header(&answer, "www-authenticate").starts_with("Bearer realm="));
    assert_eq!(bytes(answer).await, "401 Unauthorized it is");
}

#[tokio::test]
async fn an_error_of_the_service_is_passed_on() {
    let auth = server().await;
    let failing = service_fn(async |_: Request<String>| Err::<Response<Full<Bytes>>, _>("down"));
    let service = auth.require("").layer(failing);
    let failed = service.clone().oneshot(request(&bearer(&auth, "").await)).await;
    assert_eq!(failed.err(), Some("down"));
    assert_eq!(service.oneshot(Request::new(String::new())).await.unwrap().status(), 401);
}

/// A service that enforces tower's contract: a clone is not ready, and a service that is not ready must not be called.
struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false, calls: Arc::clone(&self.calls) }
    }
}

impl Service<Request<String>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_called() {
    let auth = server().await;
    let (authorization, calls) = (bearer(&auth, "").await, Arc::default());
    let mut service = auth.require("").layer(Strict { ready: false, calls: Arc::clone(&calls) });
    for _ in 0..3 {
        let answer = service.ready().await.unwrap().call(request(&authorization)).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_rejection_releases_a_reserved_slot() {
    let auth = server().await;
    let authorization = bearer(&auth, "").await;
    let mut service =
        ServiceBuilder::new().layer(auth.require("")).concurrency_limit(1).service(service_fn(tell));
    for _ in 0..3 {
        let answer = service.ready().await.unwrap().call(Request::new(String::new())).await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    let answer = service.ready().await.unwrap().call(request(&authorization)).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn nothing_is_looked_up_before_the_future_is_polled() {
    let reads = Counting::reads(MemoryStore::new());
    let auth = server_on(reads.clone()).await;
    let authorization = bearer(&auth, "").await;
    let calls = Arc::default();
    let mut service = auth.require("").layer(Strict { ready: false, calls: Arc::clone(&calls) });
    let before = reads.count();
    drop(service.ready().await.unwrap().call(request(&authorization)));
    assert_eq!((reads.count(), calls.load(Ordering::SeqCst)), (before, 0));
}

/// The types can be named, so a guarded service can be a field.
struct Holder {
    service: Require<Strict>,
    answer: Option<RequireFuture<Strict, String>>,
}

#[tokio::test]
async fn the_types_have_names() {
    let auth = server().await;
    let layer: RequireLayer = auth.require("a");
    assert!(format!("{layer:?}").contains(r#"scope: "a""#), "{layer:?}");
    let mut holder =
        Holder { service: layer.layer(Strict { ready: false, calls: Arc::default() }), answer: None };
    holder.answer = Some(holder.service.ready().await.unwrap().call(Request::new(String::new())));
    assert_eq!(holder.answer.unwrap().await.unwrap().status(), 401);
}

/// A comma is no separator: no token can have such a scope.
#[tokio::test]
#[should_panic(expected = "one space each")]
async fn a_comma_list_is_refused_when_the_layer_is_made() {
    server().await.require("notes.read,notes.write");
}
