//! A guard cannot be bypassed: no method, path or combination of routers reaches a guarded handler.

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use gridauth::GridAuth;
use gridauth_tower::{Access, GridAuthExt};
use http::Request;
use http::header::AUTHORIZATION;
use tower::{Layer, ServiceExt};

use crate::server::{bearer, server};

const REACHED: &str = "x-reached";

async fn secret() -> ([(&'static str, &'static str); 1], &'static str) {
    ([(REACHED, "yes")], "secret")
}

async fn guarded_by_argument(_: Access) -> ([(&'static str, &'static str); 1], &'static str) {
    secret().await
}

/// Every way to guard `/g/x`, each with a path that reaches it with a token.
fn applications(auth: &GridAuth) -> Vec<(&'static str, Router, &'static str)> {
    let plain = || Router::new().route("/g/x", any(secret));
    let open = || Router::new().route("/", get(async || "open"));
    let inner = || Router::new().route("/x", any(secret));
    let mut applications = vec![
        ("route_layer", plain().route_layer(auth.require("")), "/g/x"),
        ("layer", plain().layer(auth.require("")), "/g/x"),
        ("merged", open().merge(plain().route_layer(auth.require(""))), "/g/x"),
        ("nested", open().nest("/g", inner().route_layer(auth.require(""))), "/g/x"),
        (
            "nested, guarded outside",
            open().merge(Router::new().nest("/g", inner()).layer(auth.require(""))),
            "/g/x",
        ),
        ("nested service", open().nest_service("/g", auth.require("").layer(inner())), "/g/x"),
        ("method router", Router::new().route("/g/x", any(secret).layer(auth.require(""))), "/g/x"),
        ("get only", Router::new().route("/g/x", get(secret).route_layer(auth.require(""))), "/g/x"),
        (
            "fallback of a guarded router",
            Router::new().nest("/g", Router::new().fallback(secret).layer(auth.require(""))),
            "/g/x",
        ),
        ("fallback, guarded outside", Router::new().fallback(secret).layer(auth.require("")), "/g/x"),
        ("fallback service", open().fallback_service(auth.require("").layer(any(secret))), "/g/x"),
        ("wildcard", Router::new().route("/g/{*rest}", any(secret)).route_layer(auth.require("")), "/g/x"),
        ("capture", Router::new().route("/g/{id}", any(secret)).route_layer(auth.require("")), "/g/x"),
        ("two guards", plain().route_layer(auth.require("")).route_layer(auth.require("a")), "/g/x"),
    ];
    let by_argument = Router::new()
        .route("/g/x", any(guarded_by_argument))
        .fallback(guarded_by_argument)
        .with_state(auth.clone());
    applications.push(("extractor", by_argument, "/g/x"));
    applications
}

const METHODS: [&str; 11] =
    ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get"];

const PATHS: [&str; 14] = [
    "/g/x",
    "/g/x/",
    "/g//x",
    "//g/x",
    "/g/./x",
    "/g/y/../x",
    "/g/%78",
    "/%67/x",
    "/G/X",
    "/g/x?access_token=x",
    "/g/x;a=b",
    "/g",
    "/g/",
    "http://id.example.com/g/x",
];

fn requests(path: &str, method: &str) -> Vec<Request<Body>> {
    let plain = || Request::builder().method(method).uri(path);
    let credentials: [&[&str]; 7] = [
        &[],
        &["Basic aTpi"],
        &["Bearer"],
        &["Bearer  "],
        &["Bearer gat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
        &["Bearer a", "Bearer b"],
        &["Bearer a, Bearer b"],
    ];
    let with = |headers: &&[&str]| {
        let request = headers.iter().fold(plain(), |request, value| request.header(AUTHORIZATION, *value));
        request.body(Body::empty()).unwrap()
    };
    credentials.iter().map(with).collect()
}

#[tokio::test]
async fn without_a_token_nothing_guarded_is_reached() {
    let auth = server().await;
    let mut tried = 0;
    for (name, app, _) in applications(&auth) {
        for method in METHODS {
            for path in PATHS {
                for request in requests(path, method) {
                    let answer = app.clone().oneshot(request).await.unwrap();
                    assert!(!answer.headers().contains_key(REACHED), "{name}: {method} {path}");
                    let status = answer.status().as_u16();
                    assert!(matches!(status, 400 | 401 | 404 | 405), "{name}: {method} {path}: {status}");
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 15 * METHODS.len() * PATHS.len() * 7);
}

#[tokio::test]
async fn with_a_token_every_handler_is_reached() {
    let auth = server().await;
    let authorization = bearer(&auth, "a").await;
    for (name, app, path) in applications(&auth) {
        let request = Request::get(path).header(AUTHORIZATION, &authorization).body(Body::empty()).unwrap();
        let answer = app.oneshot(request).await.unwrap();
        assert!(answer.headers().contains_key(REACHED), "{name}: {}", answer.status());
    }
}

/// A token in a query or a form is ignored: RFC 6750 sections 2.2 and 2.3 are deliberately not supported.
#[tokio::test]
async fn a_token_outside_of_the_header_is_ignored() {
    let auth = server().await;
    let authorization = bearer(&auth, "a").await;
    let token = authorization.trim_start_matches("Bearer ");
    for (name, app, path) in applications(&auth) {
        let in_query = Request::get(format!("{path}?access_token={token}")).body(Body::empty()).unwrap();
        let in_form = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("access_token={token}")))
            .unwrap();
        for request in [in_query, in_form] {
            let answer = app.clone().oneshot(request).await.unwrap();
            assert!(!answer.headers().contains_key(REACHED), "{name}");
        }
    }
}
