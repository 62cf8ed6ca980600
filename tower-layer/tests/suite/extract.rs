//! `Access` as an argument of axum's handlers.

use axum::extract::FromRef;
use axum::routing::get as get_route;
use axum::{Json, Router};
use gridauth::guard::RejectionBody;
use gridauth::store::memory::MemoryStore;
use gridauth::{GridAuth, Store};
use gridauth_test_stores::{Counting, Delaying, Failing};
use gridauth_tower::{Access, AccessRejection, GridAuthExt, OptionalAccess};
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tower::ServiceExt;

use crate::server::{ISSUER, bearer, get, get_with, header, json as json_of, server, server_on, text};

gridauth::scopes! {
    NotesRead = "notes.read";
    NotesBoth = "notes.read notes.write";
}

async fn who(access: Access) -> String {
    format!("{} by {}", access.subject(), access.client())
}

async fn reads(_: Access<NotesRead>) {}

async fn both(access: Access<NotesBoth>) -> String {
    access.into_inner().scope().to_string()
}

async fn perhaps(access: Option<Access>) -> String {
    access.map_or("nobody".to_owned(), |access| access.subject().to_owned())
}

async fn perhaps_reads(access: Option<Access<NotesRead>>) -> String {
    access.map_or("nobody".to_owned(), |access| access.subject().to_owned())
}

async fn own_answer(access: Result<Access, AccessRejection>) -> (StatusCode, Json<serde_json::Value>) {
    match access {
        Ok(access) => (StatusCode::OK, Json(json!(access.subject()))),
        Err(rejected) => (StatusCode::IM_A_TEAPOT, Json(json!(rejected.rejection().status().as_u16()))),
    }
}

async fn twice(first: Access, second: Access<NotesRead>) -> String {
    format!("{} {}", first.subject(), second.subject())
}

/// By the name that it has on every framework.
async fn by_common_name(OptionalAccess(access): OptionalAccess) -> String {
    perhaps(access).await
}

fn routes() -> Router<GridAuth> {
    Router::new()
        .route("/who", get_route(who))
        .route("/reads", get_route(reads))
        .route("/both", get_route(both))
        .route("/perhaps", get_route(perhaps))
        .route("/by_common_name", get_route(by_common_name))
        .route("/perhaps_reads", get_route(perhaps_reads))
        .route("/own_answer", get_route(own_answer))
        .route("/twice", get_route(twice))
}

#[tokio::test]
async fn a_handler_gets_the_access_it_asks_for() {
    let auth = server().await;
    let app = routes().with_state(auth.clone());
    let read = bearer(&auth, "notes.read").await;
    let write = bearer(&auth, "notes.write notes.read").await;
    let none = bearer(&auth, "").await;
    for (path, authorization, status, says) in [
        ("/who", &none, 200, "israel by web"),
        ("/reads", &read, 200, ""),
        ("/both", &write, 200, "notes.write notes.read"),
        ("/perhaps", &none, 200, "israel"),
        ("/perhaps_reads", &read, 200, "israel"),
        ("/twice", &read, 200, "israel israel"),
        ("/own_answer", &none, 200, "\"israel\""),
    ] {
        let answer = app.clone().oneshot(get_with(path, authorization)).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(text(answer).await, says, "{path}");
    }
    for (path, authorization, needed) in [
        ("/reads", &none, "notes.read"),
        ("/both", &read, "notes.read notes.write"),
        ("/perhaps_reads", &none, "notes.read"),
        ("/twice", &none, "notes.read"),
    ] {
        let answer = app.clone().oneshot(get_with(path, authorization)).await.unwrap();
        assert_eq!(answer.status(), 403, "{path}");
        let challenge = header(&answer, "www-authenticate").to_owned();
        assert!(challenge.contains(&format!("scope=\"{needed}\"")), "{path}: {challenge}");
        let body = json_of(answer).await;
        assert_eq!((&body["error"], &body["scope"]), (&json!("insufficient_scope"), &json!(needed)));
    }
}

#[tokio::test]
async fn an_optional_access_is_none_only_without_credentials() {
    let auth = server().await;
    let app = routes().with_state(auth.clone());
    let answer = app.clone().oneshot(get("/perhaps")).await.unwrap();
    assert_eq!((answer.status(), text(answer).await.as_str()), (StatusCode::OK, "nobody"));
    // Credentials of another scheme are not for the guard.
    let answer = app.clone().oneshot(get_with("/perhaps", "Basic aTpi")).await.unwrap();
    assert_eq!((answer.status(), text(answer).await.as_str()), (StatusCode::OK, "nobody"));
    for bad in ["Bearer", "Bearer ", "bearer nonsense", "Bearer gat_AAAA"] {
        let answer = app.clone().oneshot(get_with("/perhaps", bad)).await.unwrap();
        assert_eq!(answer.status(), 401, "{bad:?}");
        assert!(header(&answer, "www-authenticate").contains("invalid_token"), "{bad:?}");
    }
    let answer = app.clone().oneshot(get("/by_common_name")).await.unwrap();
    assert_eq!((answer.status(), text(answer).await.as_str()), (StatusCode::OK, "nobody"));
    assert_eq!(app.clone().oneshot(get_with("/by_common_name", "Bearer x")).await.unwrap().status(), 401);
    let mut two = get_with("/perhaps", &bearer(&auth, "").await);
    two.headers_mut().append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    assert_eq!(app.oneshot(two).await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_rejection_is_a_value() {
    let auth = server().await;
    let app = routes().with_state(auth);
    let answer = app.oneshot(get("/own_answer")).await.unwrap();
    assert_eq!((answer.status(), text(answer).await.as_str()), (StatusCode::IM_A_TEAPOT, "401"));
}

#[tokio::test]
async fn the_application_shapes_the_rejections_of_extractors_too() {
    let auth = GridAuth::builder(ISSUER).store(Store::memory()).rejection_body(|rejection| {
        let body = format!("{:?}", rejection.error().map(|code| code.as_str()));
        Some(RejectionBody { content_type: HeaderValue::from_static("text/plain"), body: body.into() })
    });
    let app = routes().with_state(auth.build().await.unwrap());
    let answer = app.oneshot(get_with("/who", "Bearer x")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(header(&answer, "www-authenticate").contains("error=\"invalid_token\""));
    assert_eq!(text(answer).await, "Some(\"invalid_token\")");
}

#[tokio::test]
async fn behind_the_layer_a_token_is_looked_up_once_and_the_scope_is_still_checked() {
    let reads = Counting::reads(MemoryStore::new());
    let auth = server_on(reads.clone()).await;
    let app: Router = routes().route_layer(auth.require("notes.write")).with_state(auth.clone());
    let (write, both) = (bearer(&auth, "notes.write").await, bearer(&auth, "notes.write notes.read").await);
    let before = reads.count();
    assert_eq!(app.clone().oneshot(get_with("/twice", &both)).await.unwrap().status(), 200);
    assert_eq!(reads.count(), before + 1);
    let answer = app.oneshot(get_with("/reads", &write)).await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(header(&answer, "www-authenticate").contains("scope=\"notes.read\""));
    assert_eq!(reads.count(), before + 2);
}

#[tokio::test]
async fn a_slow_store_is_waited_for() {
    let failing = Failing::new(MemoryStore::new());
    let reads = Counting::reads(failing.clone());
    let auth = server_on(Delaying::new(reads.clone())).await;
    let layered = Router::new().nest("/layer", routes().route_layer(auth.require("notes.read")));
    let app: Router = layered.merge(routes()).with_state(auth.clone());
    let (good, little) = (bearer(&auth, "notes.read").await, bearer(&auth, "notes.write").await);
    for path in ["/reads", "/twice", "/layer/who", "/layer/twice"] {
        let before = reads.count();
        assert_eq!(app.clone().oneshot(get_with(path, &good)).await.unwrap().status(), 200, "{path}");
        assert_eq!(reads.count(), before + 1, "{path}");
        assert_eq!(app.clone().oneshot(get_with(path, &little)).await.unwrap().status(), 403, "{path}");
        assert_eq!(app.clone().oneshot(get(path)).await.unwrap().status(), 401, "{path}");
    }
    failing.take_down();
    for path in ["/reads", "/layer/who"] {
        assert_eq!(app.clone().oneshot(get_with(path, &good)).await.unwrap().status(), 503, "{path}");
    }
}

#[tokio::test]
async fn two_extractors_look_a_token_up_once() {
    let reads = Counting::reads(MemoryStore::new());
    let auth = server_on(reads.clone()).await;
    let app: Router = routes().with_state(auth.clone());
    let authorization = bearer(&auth, "notes.read").await;
    let before = reads.count();
    assert_eq!(app.oneshot(get_with("/twice", &authorization)).await.unwrap().status(), 200);
    assert_eq!(reads.count(), before + 1);
}

#[tokio::test]
async fn an_access_of_another_server_is_not_used() {
    let (outer, inner) = (server().await, server().await);
    let app: Router = routes().route_layer(outer.require("")).with_state(inner);
    let answer = app.oneshot(get_with("/who", &bearer(&outer, "notes.read").await)).await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn an_unavailable_store_is_503() {
    let store = Failing::new(MemoryStore::new());
    let auth = server_on(store.clone()).await;
    let app: Router = routes().with_state(auth.clone());
    let authorization = bearer(&auth, "notes.read").await;
    store.take_down();
    for path in ["/who", "/reads", "/perhaps"] {
        let answer = app.clone().oneshot(get_with(path, &authorization)).await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(header(&answer, "retry-after"), "1", "{path}");
    }
}

#[derive(Clone, FromRef)]
struct AppState {
    auth: GridAuth,
    name: &'static str,
}

#[tokio::test]
async fn the_state_may_be_a_struct_with_the_server_in_it() {
    async fn named(access: Access, axum::extract::State(name): axum::extract::State<&'static str>) -> String {
        format!("{name}: {}", access.subject())
    }
    let auth = server().await;
    let app: Router =
        Router::new().route("/", get_route(named)).with_state(AppState { auth: auth.clone(), name: "app" });
    let answer = app.oneshot(get_with("/", &bearer(&auth, "").await)).await.unwrap();
    assert_eq!(text(answer).await, "app: israel");
}
