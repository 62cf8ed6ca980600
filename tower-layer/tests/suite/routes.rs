//! `auth.routes()`: every endpoint and method, bounded bodies, the address of the peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::routing::post;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use gridauth::grant::{AuthorizationCode, ClientCredentials};
use gridauth::identity::ThrottleSettings;
use gridauth::{GridAuth, Peer, Store};
use gridauth_tower::{GridAuthExt, WholeRequest};
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use tower::ServiceExt;

use crate::server::{get, header, json, server};

const FORM: &str = "application/x-www-form-urlencoded";

fn token_request(body: impl Into<Body>) -> Request<Body> {
    Request::post("/oauth/token").header(CONTENT_TYPE, FORM).body(body.into()).unwrap()
}

async fn whole(issuer: &str) -> GridAuth {
    let auth = GridAuth::builder(issuer).store(Store::memory());
    auth.grant(AuthorizationCode::new()).grant(ClientCredentials::new()).build().await.unwrap()
}

#[tokio::test]
async fn every_path_answers_every_method() {
    let auth = whole("https://id.example.com/a/b-1/c.d_e~").await;
    let app: Router = auth.routes();
    assert!(auth.paths().len() >= 5);
    for path in auth.paths() {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let request = Request::builder().method(method).uri(&path).body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            assert_ne!(answer.status(), 404, "{method} {path}");
            if answer.status() == 405 {
                let allow = header(&answer, ALLOW.as_str());
                assert!(!allow.is_empty() && !allow.contains(method), "{method} {path}: {allow}");
            } else {
                assert!(matches!(method, "GET" | "HEAD" | "POST"), "{method} {path}: {}", answer.status());
            }
        }
    }
}

#[tokio::test]
async fn head_has_the_content_length_of_get() {
    let app: Router = server().await.routes();
    let path = "/.well-known/oauth-authorization-server";
    let whole = app.clone().oneshot(get(path)).await.unwrap();
    let head = Request::head(path).body(Body::empty()).unwrap();
    let head = app.oneshot(head).await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "content-length"), header(&whole, "content-length"));
    assert!(crate::server::bytes(head).await.is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_long_is_413_and_is_not_read_to_its_end() {
    let app: Router = server().await.routes();
    let answer = app.clone().oneshot(token_request("x".repeat(GridAuth::MAX_BODY + 1))).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(json(answer).await["error"], "invalid_request");
    let fits = app.clone().oneshot(token_request("x".repeat(GridAuth::MAX_BODY))).await.unwrap();
    assert_eq!(fits.status(), 400);

    // The same without Content-Length: 1 GiB, if all of it were read.
    let chunks = Arc::new(AtomicUsize::new(0));
    let taken = Arc::clone(&chunks);
    let endless = stream::iter((0..1 << 20).map(move |_| {
        taken.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1024]))
    }));
    let answer = app.oneshot(token_request(Body::from_stream(endless))).await.unwrap();
    assert_eq!(answer.status(), 413);
    // A script can read this answer as any other of the endpoint.
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    assert!(chunks.load(Ordering::SeqCst) <= GridAuth::MAX_BODY / 1024 + 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let app: Router = server().await.routes();
    let broken = stream::iter([Ok(Bytes::from_static(b"grant_type=")), Err(std::io::Error::other("gone"))]);
    let answer = app.oneshot(token_request(Body::from_stream(broken))).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(json(answer).await["error"], "invalid_request");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_in_time_is_408() {
    let app: Router = server().await.routes();
    let begun = tokio::time::Instant::now();
    let begin = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"grant_type="))]);
    let body = Body::from_stream(begin.chain(stream::pending()));
    let answer = app.oneshot(token_request(body)).await.unwrap();
    assert_eq!((answer.status(), begun.elapsed()), (StatusCode::REQUEST_TIMEOUT, GridAuth::BODY_TIMEOUT));
    assert_eq!(json(answer).await["error"], "invalid_request");
}

#[tokio::test]
async fn failures_are_counted_per_peer() {
    let throttle = ThrottleSettings::default().source_failures(2);
    let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).throttle(throttle);
    let auth = auth.grant(ClientCredentials::new()).build().await.unwrap();
    let app: Router = auth.routes();
    let here = app.clone().layer(MockConnectInfo(SocketAddr::from(([203, 0, 113, 1], 1))));
    let there = app.clone().layer(MockConnectInfo(SocketAddr::from(([203, 0, 113, 2], 1))));
    // A different client each time, so that only the peer can be throttled.
    let guess = |client: &str, peer: Option<Peer>| {
        let mut request = token_request("grant_type=client_credentials");
        let basic = format!("Basic {client}");
        request.headers_mut().insert(AUTHORIZATION, basic.parse().unwrap());
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        request
    };
    // a:x, b:x, c:x, d:x, e:x in base64.
    for client in ["YTp4", "Yjp4"] {
        let answer = here.clone().oneshot(guess(client, None)).await.unwrap();
        assert_ne!(answer.status(), 429);
    }
    assert_eq!(here.clone().oneshot(guess("Yzp4", None)).await.unwrap().status(), 429);
    assert_eq!(there.clone().oneshot(guess("ZDp4", None)).await.unwrap().status(), 401);
    // An address that the application sets, as behind a proxy, takes precedence over that of the connection.
    let told = Some(Peer([203, 0, 113, 1].into()));
    assert_eq!(there.oneshot(guess("ZTp4", told)).await.unwrap().status(), 429);
}

#[tokio::test]
async fn routes_merge_nest_and_take_any_state() {
    #[derive(Clone)]
    struct State;
    let auth = server().await;
    let path = "/.well-known/oauth-authorization-server";
    let merged: Router = Router::new().merge(auth.routes()).with_state(State);
    assert_eq!(merged.oneshot(get(path)).await.unwrap().status(), 200);
    let nested: Router = Router::<State>::new().nest("/id", auth.routes()).with_state(State);
    assert_eq!(nested.clone().oneshot(get(&format!("/id{path}"))).await.unwrap().status(), 200);
    assert_eq!(nested.oneshot(get(path)).await.unwrap().status(), 404);
}

#[tokio::test]
async fn similar_paths_are_not_found() {
    let app: Router = server().await.routes();
    for path in ["/oauth/token/", "/oauth//token", "/oauth/TOKEN", "/oauth/tok%65n", "/oauth", "/"] {
        let request = Request::post(path).body(Body::empty()).unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_whole_request_keeps_its_parts() {
    async fn tell(WholeRequest(request): WholeRequest) -> String {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.to_string());
        let name = request.headers()["x-name"].to_str().unwrap();
        format!("{} {name} {} {}", request.method(), peer.unwrap_or_default(), request.body().len())
    }
    let app = Router::new()
        .route("/", post(tell))
        .layer(MockConnectInfo(SocketAddr::from(([127, 0, 0, 9], 1))))
        .with_state(server().await);
    let request = |length: usize| {
        let request = Request::builder().method(Method::POST).uri("/").header("x-name", "n");
        request.body(Body::from("x".repeat(length))).unwrap()
    };
    let answer = app.clone().oneshot(request(5)).await.unwrap();
    assert_eq!(crate::server::text(answer).await, "POST n 127.0.0.9 5");
    let answer = app.oneshot(request(GridAuth::MAX_BODY + 1)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// Methods, queries and bodies of the admin API reach it.
#[tokio::test]
async fn the_admin_api_is_mounted_with_the_rest() {
    let auth = GridAuth::builder("https://id.example.com").store(Store::memory());
    let auth = auth.grant(ClientCredentials::new()).admin_routes("gridauth.admin").build().await.unwrap();
    let app: Router = auth.routes();
    let bearer = crate::server::bearer(&auth, "gridauth.admin").await;
    let ask = async |method: &str, path: &str, body: &'static str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/oauth/admin{path}"))
            .header(AUTHORIZATION, &bearer)
            .header(CONTENT_TYPE, "application/json");
        app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap().status().as_u16()
    };
    let robot = r#"{"client_id": "robot", "grant_types": ["client_credentials"], "response_types": []}"#;
    assert_eq!(ask("POST", "/clients", robot).await, 201);
    assert_eq!(ask("PATCH", "/client?client_id=robot", r#"{"client_name": "R2"}"#).await, 200);
    assert_eq!(auth.client("robot").await.unwrap().unwrap().name(), Some("R2"));
    assert_eq!(ask("DELETE", "/client?client_id=robot", "").await, 204);
    assert_eq!(ask("GET", "/client?client_id=robot", "").await, 404);
    let request = get("/oauth/admin/clients");
    assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 401);
}
