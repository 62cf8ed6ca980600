//! The requests that guards accept, and their responses to the others.

mod support;

use bytes::Bytes;
use gridauth::guard::RejectionBody;
use gridauth::store::memory::MemoryStore;
use gridauth::{GridAuth, Store};
use gridauth_rocket::{Access, AccessRejection, GridAuthExt, OptionalAccess};
use gridauth_test_stores::{Counting, Delaying, Failing};
use http::HeaderValue;
use rocket::error::ErrorKind;
use rocket::http::{Header, Method, Status};
use rocket::local::asynchronous::Client;
use rocket::{Build, Rocket, State, get, post, routes};
use serde_json::json;
use support::{ask, auth, auth_with, bearing, launch, quiet, token};

gridauth::scopes! { NotesRead = "notes.read"; NotesWrite = "notes.write" }

#[get("/extracted")]
fn extracted(access: Access<NotesRead>) -> String {
    access.subject().to_owned()
}

#[get("/wrapped")]
fn wrapped(access: Access) -> String {
    access.subject().to_owned()
}

/// A handler that forgets to ask.
#[get("/forgetful")]
fn forgetful(auth: &State<GridAuth>) -> &'static str {
    if auth.issuer().is_empty() { "" } else { "israel" }
}

#[get("/both")]
fn both(_read: Access<NotesRead>, _write: Access<NotesWrite>, _any: Access) {}

#[get("/writes")]
fn writes(_access: Access<NotesWrite>) {}

#[get("/option")]
fn option(access: Option<Access>) -> String {
    access.map_or_else(|| "nobody".to_owned(), |access| access.subject().to_owned())
}

#[get("/result")]
fn result(access: Result<Access<NotesRead>, AccessRejection>) -> Result<String, AccessRejection> {
    match access {
        Ok(access) => Ok(access.subject().to_owned()),
        Err(rejection) if rejection.rejection().is_some_and(|found| found.error().is_none()) => {
            Ok("nobody".to_owned())
        }
        Err(rejection) => Err(rejection),
    }
}

fn rocket(auth: &GridAuth) -> Rocket<Build> {
    quiet()
        .attach(auth.fairing())
        .mount("/", auth.require("notes.read", routes![wrapped, forgetful]))
        .mount("/", routes![extracted, both, option, result])
}

const GUARDED: [&str; 3] = ["/wrapped", "/forgetful", "/extracted"];

async fn get(client: &Client, path: &'static str, token: &str) -> support::Answer {
    ask(bearing(client.get(path), token)).await
}

/// Rocket #749: a check for many routes had nowhere to respond from, since a fairing cannot. #756: so the guard had to be
/// an argument of every handler. `require` guards a set of routes and responds itself, whatever arguments the handlers
/// have.
#[rocket::async_test]
async fn one_guard_protects_a_set_of_routes_without_an_argument_in_each_handler() {
    #[get("/one")]
    fn one() -> &'static str {
        "one"
    }
    #[get("/two/<_part>")]
    fn two(_part: &str) -> &'static str {
        "two"
    }
    #[post("/three")]
    fn three() -> &'static str {
        "three"
    }

    let auth = auth().await;
    let rocket = quiet()
        .attach(auth.fairing())
        .mount("/admin", auth.require("notes.write", routes![one, two, three]))
        .mount("/open", routes![one]);
    let client = launch(rocket).await;
    let (writes, reads) = (token(&auth, "notes.write").await, token(&auth, "notes.read").await);
    for (method, path, body) in [
        (Method::Get, "/admin/one", "one"),
        (Method::Get, "/admin/two/x", "two"),
        (Method::Post, "/admin/three", "three"),
    ] {
        let refused = ask(client.req(method, path)).await;
        assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_token")), "{path}");
        assert!(refused.header("www-authenticate").starts_with("Bearer "), "{path}");
        let refused = ask(bearing(client.req(method, path), &reads)).await;
        assert_eq!((refused.status, &refused.json()["scope"]), (403, &json!("notes.write")), "{path}");
        let passed = ask(bearing(client.req(method, path), &writes)).await;
        assert_eq!((passed.status, passed.body.as_str()), (200, body), "{path}");
    }
    assert_eq!(ask(client.get("/open/one")).await.status, 200);
}

#[rocket::async_test]
async fn a_valid_token_passes() {
    let auth = auth().await;
    let (client, token) = (launch(rocket(&auth)).await, token(&auth, "notes.read").await);
    for path in GUARDED {
        let answer = get(&client, path, &token).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "israel"), "{path}");
    }
}

#[rocket::async_test]
async fn a_request_without_a_token_gets_a_challenge() {
    let auth = auth().await;
    let client = launch(rocket(&auth)).await;
    for path in GUARDED {
        let answer = ask(client.get(path)).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"https://id.example.com\", resource_metadata=\"https://id.example.com/.well-known/oauth-protected-resource\"",
            "{path}"
        );
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["error"], "invalid_token");
    }
}

#[rocket::async_test]
async fn a_bad_token_is_401() {
    let auth = auth().await;
    let client = launch(rocket(&auth)).await;
    for path in GUARDED {
        for bad in ["x", "", "\u{e9}t\u{e9}", &"x".repeat(10_000)] {
            let answer = get(&client, path, bad).await;
            let expected = if bad.is_ascii() { 401 } else { 400 };
            assert_eq!(answer.status, expected, "{path} {bad}");
            assert!(answer.header("www-authenticate").contains("error=\"invalid_"), "{path} {bad}");
        }
    }
}

#[rocket::async_test]
async fn two_authorization_headers_are_refused() {
    let auth = auth().await;
    let (client, token) = (launch(rocket(&auth)).await, token(&auth, "notes.read").await);
    for path in GUARDED {
        let request = bearing(client.get(path), &token).header(Header::new("authorization", "Bearer x"));
        let answer = ask(request).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{path}");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""), "{path}");
    }
}

#[rocket::async_test]
async fn insufficient_scope_is_403_and_names_the_scope() {
    let auth = auth().await;
    let (client, token) = (launch(rocket(&auth)).await, token(&auth, "notes.write").await);
    for path in GUARDED {
        let answer = get(&client, path, &token).await;
        assert_eq!(answer.status, 403, "{path}");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"notes.read\"")
        );
        assert_eq!(answer.json()["scope"], "notes.read");
    }
}

/// Rocket #1232: without a `Result` in every handler, a guard could not shape the response when it rejected a request.
#[rocket::async_test]
async fn one_hook_shapes_the_rejections_of_guards_without_a_result_in_each_handler() {
    let auth = auth_with(|builder| {
        builder.rejection_body(|rejection| {
            Some(RejectionBody {
                content_type: HeaderValue::from_static("application/problem+json"),
                body: Bytes::from(json!({ "status": rejection.status().as_u16() }).to_string()),
            })
        })
    })
    .await;
    let (client, token) = (launch(rocket(&auth)).await, token(&auth, "notes.write").await);
    for path in GUARDED {
        let answer = ask(client.get(path)).await;
        assert_eq!((answer.status, &answer.json()), (401, &json!({ "status": 401 })), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"https://id.example.com\", resource_metadata=\"https://id.example.com/.well-known/oauth-protected-resource\""
        );
        let answer = get(&client, path, &token).await;
        assert_eq!((answer.status, &answer.json()), (403, &json!({ "status": 403 })), "{path}");
    }
}

#[rocket::async_test]
async fn an_unavailable_store_is_503_and_never_401() {
    let store = Failing::new(MemoryStore::new());
    let auth = auth_with(|builder| builder.store(Store::new(store.clone()))).await;
    let (client, token) = (launch(rocket(&auth)).await, token(&auth, "notes.read").await);
    store.take_down();
    for path in GUARDED {
        let answer = get(&client, path, &token).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

#[rocket::async_test]
async fn a_slow_store_is_waited_for() {
    let failing = Failing::new(MemoryStore::new());
    let reads = Counting::reads(failing.clone());
    let store = Delaying::new(reads.clone());
    let auth = auth_with(|builder| builder.store(Store::new(store))).await;
    let rocket = rocket(&auth).mount("/guarded", auth.require("notes.read", auth.require("", routes![both])));
    let (client, good) = (launch(rocket).await, token(&auth, "notes.read notes.write").await);
    let little = token(&auth, "notes.write").await;
    for path in GUARDED.into_iter().chain(["/both", "/guarded/both"]) {
        let before = reads.count();
        assert_eq!(get(&client, path, &good).await.status, 200, "{path}");
        assert_eq!(reads.count() - before, 1, "{path}");
        assert_eq!(get(&client, path, &little).await.status, 403, "{path}");
        assert_eq!(ask(client.get(path)).await.status, 401, "{path}");
    }
    failing.take_down();
    for path in GUARDED {
        assert_eq!(get(&client, path, &good).await.status, 503, "{path}");
    }
}

#[rocket::async_test]
async fn a_token_is_looked_up_once_per_request() {
    let reads = Counting::reads(MemoryStore::new());
    let auth = auth_with(|builder| builder.store(Store::new(reads.clone()))).await;
    let rocket = rocket(&auth).mount("/guarded", auth.require("notes.read", auth.require("", routes![both])));
    let (client, token) = (launch(rocket).await, token(&auth, "notes.read notes.write").await);
    for path in ["/both", "/guarded/both"] {
        let before = reads.count();
        assert_eq!(get(&client, path, &token).await.status, 200);
        assert_eq!(reads.count() - before, 1, "{path}");
    }
}

#[rocket::async_test]
async fn an_outer_guard_does_not_add_to_the_scope_of_an_inner_one() {
    let auth = auth().await;
    let rocket = quiet().attach(auth.fairing()).mount("/", auth.require("notes.read", routes![writes]));
    let (client, reads) = (launch(rocket).await, token(&auth, "notes.read").await);
    let answer = get(&client, "/writes", &reads).await;
    assert_eq!((answer.status, &answer.json()["scope"]), (403, &json!("notes.write")));
    let answer = get(&client, "/writes", &token(&auth, "notes.write").await).await;
    assert_eq!((answer.status, &answer.json()["scope"]), (403, &json!("notes.read")));
    assert_eq!(get(&client, "/writes", &token(&auth, "notes.write notes.read").await).await.status, 200);
}

#[rocket::async_test]
async fn a_token_of_another_server_is_refused() {
    let (one, other) = (auth().await, auth().await);
    let both = one.require("notes.read", other.require("notes.read", routes![wrapped]));
    let client = launch(quiet().attach(one.fairing()).mount("/", both)).await;
    for token in [token(&one, "notes.read").await, token(&other, "notes.read").await] {
        assert_eq!(get(&client, "/wrapped", &token).await.status, 401);
    }
}

#[rocket::async_test]
async fn an_option_and_a_result_leave_the_decision_to_the_handler() {
    let auth = auth().await;
    let (client, good) = (launch(rocket(&auth)).await, token(&auth, "notes.read").await);
    for path in ["/option", "/result"] {
        let answer = get(&client, path, &good).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "israel"), "{path}");
        let answer = ask(client.get(path)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "nobody"), "{path}");
    }
    assert_eq!(get(&client, "/option", "x").await.body, "nobody");
    let refused = get(&client, "/result", "x").await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[rocket::async_test]
async fn a_rocket_without_the_fairing_does_not_start() {
    for routes in [routes![extracted], routes![option], routes![result]] {
        let failed = quiet().mount("/", routes).ignite().await.unwrap_err();
        assert!(matches!(failed.kind(), ErrorKind::SentinelAborts(_)));
    }
}

#[rocket::async_test]
async fn a_guard_without_the_fairing_still_guards() {
    #[get("/")]
    fn secret() -> &'static str {
        "secret"
    }

    let auth = auth().await;
    let client = launch(quiet().mount("/", auth.require("notes.read", routes![secret]))).await;
    let answer = ask(client.get("/")).await;
    assert_eq!(answer.status, 401);
    assert!(!answer.body.contains("secret"));
    assert_eq!(get(&client, "/", &token(&auth, "notes.read").await).await.body, "secret");
}

#[rocket::async_test]
async fn a_rocket_with_a_second_fairing_does_not_start() {
    let auth = auth().await;
    let failed = quiet().attach(auth.fairing()).attach(auth.fairing()).ignite().await.unwrap_err();
    assert!(matches!(failed.kind(), ErrorKind::FailedFairings(_)));
}

#[rocket::async_test]
async fn every_method_and_every_spelling_meets_the_guard() {
    #[get("/<_..>")]
    fn anything() -> &'static str {
        "secret"
    }

    let auth = auth().await;
    let rocket = rocket(&auth).mount("/area", auth.require("", routes![anything]));
    let client = launch(rocket).await;
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    for path in ["/wrapped", "/area", "/area/", "/area/no/such"] {
        for method in methods {
            let method: Method = method.parse().unwrap();
            let answer = ask(client.req(method, path)).await;
            let is_routed = matches!(method, Method::Get | Method::Head);
            assert_eq!(answer.status, if is_routed { 401 } else { 404 }, "{method} {path}");
        }
    }
    for path in [
        "/wrapped/",
        "//wrapped",
        "/./wrapped",
        "/x/../wrapped",
        "/%77rapped",
        "/wrapped?x",
        "/WRAPPED",
        "/wrapped;x",
        "//area//page",
        "/area/%2e%2e/wrapped",
        "/%61rea/page",
    ] {
        let answer = ask(client.get(path)).await;
        assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.status);
        assert!(!answer.body.contains("secret") && !answer.body.contains("israel"), "{path}");
    }
}

#[rocket::async_test]
async fn a_401_of_the_application_gets_no_challenge() {
    #[get("/own")]
    fn own() -> Status {
        Status::Unauthorized
    }

    let auth = auth().await;
    let client = launch(rocket(&auth).mount("/", routes![own])).await;
    let answer = get(&client, "/own", "x").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, ""));
    assert!(answer.body.contains("401"), "{}", answer.body);
}

#[get("/optional")]
fn optional(access: OptionalAccess<NotesRead>) -> String {
    let OptionalAccess(access) = access;
    access.map_or_else(|| "nobody".to_owned(), |access| access.subject().to_owned())
}

#[rocket::async_test]
async fn an_optional_access_is_none_only_without_credentials() {
    let store = Failing::new(MemoryStore::new());
    let auth = auth_with(|builder| builder.store(Store::new(store.clone()))).await;
    let client = launch(quiet().attach(auth.fairing()).mount("/", routes![optional])).await;
    let (good, narrow) = (token(&auth, "notes.read").await, token(&auth, "notes.write").await);
    assert_eq!(ask(client.get("/optional")).await.body, "nobody");
    assert_eq!(get(&client, "/optional", &good).await.body, "israel");
    assert_eq!(get(&client, "/optional", "x").await.status, 401);
    assert_eq!(get(&client, "/optional", &narrow).await.status, 403);
    store.take_down();
    assert_eq!(get(&client, "/optional", &good).await.status, 503);
}
