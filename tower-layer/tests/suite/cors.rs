//! tower-http's `CorsLayer`, added last so that it is outermost. It answers preflights before the guard, and adds the headers
//! that let a script read a rejection.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use gridauth::GridAuth;
use gridauth_tower::{Access, GridAuthExt};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;

use crate::server::{bearer, header, server};

const PAGE: &str = "https://page.example.com";

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static(PAGE))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE])
}

fn app(auth: &GridAuth) -> Router {
    Router::new()
        .route("/layer", get(async || "read").route_layer(auth.require("a")))
        .route("/extractor", get(async |_: Access| "read"))
        .merge(auth.routes())
        .layer(cors())
        .with_state(auth.clone())
}

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(ORIGIN, PAGE)
}

#[tokio::test]
async fn a_preflight_needs_no_token() {
    let app = app(&server().await);
    for path in ["/layer", "/extractor", "/oauth/token"] {
        let preflight = request(Method::OPTIONS, path)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let answer = app.clone().oneshot(preflight.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(header(&answer, "access-control-allow-origin"), PAGE, "{path}");
        assert!(header(&answer, "access-control-allow-headers").contains("authorization"), "{path}");
    }
}

#[tokio::test]
async fn a_rejection_can_be_read_by_the_page() {
    let auth = server().await;
    let app = app(&auth);
    for path in ["/layer", "/extractor"] {
        let answer =
            app.clone().oneshot(request(Method::GET, path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(header(&answer, "access-control-allow-origin"), PAGE, "{path}");
        assert_eq!(header(&answer, "access-control-expose-headers"), "www-authenticate", "{path}");
        assert!(header(&answer, "www-authenticate").starts_with("Bearer "), "{path}");
    }
    let answer =
        app.oneshot(request(Method::POST, "/oauth/token").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(header(&answer, "access-control-allow-origin"), PAGE);
}

#[tokio::test]
async fn accepted_requests_have_the_headers_too() {
    let auth = server().await;
    let authorization = bearer(&auth, "a").await;
    let request = request(Method::GET, "/layer").header(AUTHORIZATION, authorization).body(Body::empty());
    let answer = app(&auth).oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "access-control-allow-origin"), PAGE);
}

/// The same order without axum: the first layer of a `ServiceBuilder` is outermost.
#[tokio::test]
async fn the_same_on_a_plain_service() {
    let auth = server().await;
    let service = ServiceBuilder::new().layer(cors()).layer(auth.require("a")).service(service_fn(
        async |_: Request<String>| {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
        },
    ));
    let preflight = request(Method::OPTIONS, "/").header("access-control-request-method", "GET");
    let answer = service.clone().oneshot(preflight.body(String::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = service.oneshot(request(Method::GET, "/").body(String::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(header(&answer, "access-control-allow-origin"), PAGE);
}
