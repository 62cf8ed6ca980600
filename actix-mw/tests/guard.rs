//! The requests that a guard and an extractor accept, and their responses to the others.

mod support;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use bytes::Bytes;
use gridauth::guard::RejectionBody;
use gridauth::store::memory::MemoryStore;
use gridauth::{GridAuth, Store};
use gridauth_actix::{Access, AccessRejection, GridAuthExt, OptionalAccess};
use gridauth_test_stores::{Counting, Delaying, Failing};
use http::HeaderValue;
use serde_json::json;
use support::{ask, auth, auth_with, bearing, token};

gridauth::scopes! { NotesRead = "notes.read"; NotesWrite = "notes.write" }

async fn read(access: Access<NotesRead>) -> String {
    access.subject().to_owned()
}

/// The same guard in three positions: around the route, around its scope, in the handler.
macro_rules! app {
    ($auth:expr) => {
        init_service(
            App::new()
                .configure($auth.configure())
                .service(
                    web::resource("/wrapped")
                        .wrap($auth.require("notes.read"))
                        .route(web::get().to(|access: Access| async move { access.subject().to_owned() })),
                )
                .service(
                    web::scope("/scope").wrap($auth.require("notes.read")).route(
                        "/in",
                        web::get().to(|access: Access| async move { access.subject().to_owned() }),
                    ),
                )
                .route("/extracted", web::get().to(read)),
        )
        .await
    };
}

const GUARDED: [&str; 3] = ["/wrapped", "/scope/in", "/extracted"];

#[actix_web::test]
async fn a_valid_token_passes() {
    let auth = auth().await;
    let (app, token) = (app!(auth), token(&auth, "notes.read").await);
    for path in GUARDED {
        let answer = ask(&app, bearing(TestRequest::get().uri(path), &token)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "israel"), "{path}");
    }
}

/// The challenge of a request without credentials: the realm, and where the resource's metadata is (RFC 9728 section 5.1).
const CHALLENGE: &str = "Bearer realm=\"https://id.example.com\", resource_metadata=\"https://id.example.com/.well-known/oauth-protected-resource\"";

#[actix_web::test]
async fn a_request_without_a_token_gets_a_challenge() {
    let auth = auth().await;
    let app = app!(auth);
    for path in GUARDED {
        let answer = ask(&app, TestRequest::get().uri(path)).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("www-authenticate"), CHALLENGE, "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["error"], "invalid_token");
    }
}

/// actix-extras #140: a failed login was answered with 500.
#[actix_web::test]
async fn a_bad_token_is_401_and_not_500() {
    let auth = auth().await;
    let app = app!(auth);
    for path in GUARDED {
        for bad in ["x", "", "\u{e9}t\u{e9}", &"x".repeat(10_000)] {
            let answer = ask(&app, bearing(TestRequest::get().uri(path), bad)).await;
            let expected = if bad.is_ascii() { 401 } else { 400 };
            assert_eq!(answer.status, expected, "{path} {bad}");
            assert!(answer.header("www-authenticate").contains("error=\"invalid_"), "{path} {bad}");
        }
    }
}

#[actix_web::test]
async fn two_authorization_headers_are_refused() {
    let auth = auth().await;
    let (app, token) = (app!(auth), token(&auth, "notes.read").await);
    for path in GUARDED {
        let request =
            bearing(TestRequest::get().uri(path), &token).append_header(("authorization", "Bearer x"));
        assert_eq!(ask(&app, request).await.status, 400, "{path}");
    }
}

#[actix_web::test]
async fn insufficient_scope_is_403_and_names_the_scope() {
    let auth = auth().await;
    let (app, token) = (app!(auth), token(&auth, "notes.write").await);
    for path in GUARDED {
        let answer = ask(&app, bearing(TestRequest::get().uri(path), &token)).await;
        assert_eq!(answer.status, 403, "{path}");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"notes.read\"")
        );
        assert_eq!(answer.json()["scope"], "notes.read");
    }
}

/// actix-extras #13: the body of a rejection could not be changed. #156: least of all without a token, since no code of the
/// application ran. #587: nor that of the extractor, which did not know the middleware's handler. One hook shapes all of
/// them; status and challenge stay.
#[actix_web::test]
async fn one_hook_shapes_the_rejections_of_middleware_and_extractor_with_and_without_a_token() {
    let auth = auth_with(|builder| {
        builder.rejection_body(|rejection| {
            Some(RejectionBody {
                content_type: HeaderValue::from_static("application/problem+json"),
                body: Bytes::from(json!({ "status": rejection.status().as_u16() }).to_string()),
            })
        })
    })
    .await;
    let (app, token) = (app!(auth), token(&auth, "notes.write").await);
    for path in GUARDED {
        let answer = ask(&app, TestRequest::get().uri(path)).await;
        assert_eq!((answer.status, &answer.json()), (401, &json!({ "status": 401 })), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("www-authenticate"), CHALLENGE);
        let answer = ask(&app, bearing(TestRequest::get().uri(path), &token)).await;
        assert_eq!((answer.status, &answer.json()), (403, &json!({ "status": 403 })), "{path}");
    }
}

#[actix_web::test]
async fn an_unavailable_store_is_503_and_never_401() {
    let store = Failing::new(MemoryStore::new());
    let auth = auth_with(|builder| builder.store(Store::new(store.clone()))).await;
    let (app, token) = (app!(auth), token(&auth, "notes.read").await);
    store.take_down();
    for path in GUARDED {
        let answer = ask(&app, bearing(TestRequest::get().uri(path), &token)).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

#[actix_web::test]
async fn a_slow_store_is_waited_for() {
    let failing = Failing::new(MemoryStore::new());
    let reads = Counting::reads(failing.clone());
    let store = Delaying::new(reads.clone());
    let auth = auth_with(|builder| builder.store(Store::new(store))).await;
    let (app, good) = (app!(auth), token(&auth, "notes.read").await);
    let little = token(&auth, "notes.write").await;
    for path in GUARDED {
        let before = reads.count();
        let answer = ask(&app, bearing(TestRequest::get().uri(path), &good)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "israel"), "{path}");
        assert_eq!(reads.count() - before, 1, "{path}");
        assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), &little)).await.status, 403, "{path}");
        assert_eq!(ask(&app, TestRequest::get().uri(path)).await.status, 401, "{path}");
    }
    failing.take_down();
    for path in GUARDED {
        assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), &good)).await.status, 503, "{path}");
    }
}

#[actix_web::test]
async fn a_token_is_looked_up_once_per_request() {
    let reads = Counting::reads(MemoryStore::new());
    let auth = auth_with(|builder| builder.store(Store::new(reads.clone()))).await;
    let both = |_: Access<NotesRead>, _: Access<NotesWrite>, _: Access| async { "" };
    let app = init_service(
        App::new()
            .configure(auth.configure())
            .route("/extracted", web::get().to(both))
            .service(web::resource("/guarded").wrap(auth.require("notes.read")).route(web::get().to(both))),
    )
    .await;
    let token = token(&auth, "notes.read notes.write").await;
    for path in ["/extracted", "/guarded"] {
        let before = reads.count();
        assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), &token)).await.status, 200);
        assert_eq!(reads.count() - before, 1, "{path}");
    }
}

#[actix_web::test]
async fn middleware_behind_a_guard_finds_the_access() {
    let auth = auth().await;
    let told = from_fn(async |request: ServiceRequest, next: Next<BoxBody>| {
        let user = Access::of(&request).map(|access| access.subject().to_owned());
        let mut response = next.call(request).await?;
        response.headers_mut().insert(HeaderName::from_static("x-user"), user.unwrap_or_default().parse()?);
        Ok::<_, actix_web::Error>(response)
    });
    let resource = web::resource("/").wrap(told).wrap(auth.require("notes.read")).to(HttpResponse::Ok);
    let app = init_service(App::new().service(resource)).await;
    let answer = ask(&app, bearing(TestRequest::get(), &token(&auth, "notes.read").await)).await;
    assert_eq!(answer.header("x-user"), "israel");
}

#[actix_web::test]
async fn an_outer_guard_does_not_add_to_the_scope_of_an_inner_one() {
    let auth = auth().await;
    let app = init_service(
        App::new().service(
            web::resource("/")
                .wrap(auth.require("notes.read"))
                .route(web::get().to(|_: Access<NotesWrite>| async { "" })),
        ),
    )
    .await;
    let token = token(&auth, "notes.read").await;
    let answer = ask(&app, bearing(TestRequest::get(), &token)).await;
    assert_eq!((answer.status, &answer.json()["scope"]), (403, &json!("notes.write")));
}

#[actix_web::test]
async fn several_scopes_are_all_required_and_no_scope_means_any_token() {
    let auth = auth().await;
    let app = init_service(
        App::new()
            .service(web::resource("/both").wrap(auth.require("notes.read notes.write")).to(HttpResponse::Ok))
            .service(web::resource("/any").wrap(auth.require("")).to(HttpResponse::Ok)),
    )
    .await;
    let (one, both) = (token(&auth, "notes.read").await, token(&auth, "notes.write notes.read").await);
    for (path, token, status) in [("/both", &one, 403), ("/both", &both, 200), ("/any", &one, 200)] {
        assert_eq!(ask(&app, bearing(TestRequest::get().uri(path), token)).await.status, status, "{path}");
    }
    assert_eq!(ask(&app, TestRequest::get().uri("/any")).await.status, 401);
}

#[actix_web::test]
async fn an_option_and_a_result_leave_the_decision_to_the_handler() {
    let auth = auth().await;
    let optional = |access: Option<Access>| async move {
        access.map_or_else(|| "nobody".to_owned(), |access| access.subject().to_owned())
    };
    let result = |access: Result<Access<NotesRead>, AccessRejection>| async move {
        match access {
            Ok(access) => Ok(access.subject().to_owned()),
            Err(rejection) if rejection.rejection().is_some_and(|found| found.error().is_none()) => {
                Ok("nobody".to_owned())
            }
            Err(rejection) => Err(rejection),
        }
    };
    let any_error = |access: actix_web::Result<Access>| async move { access.map(|_| "somebody") };
    let app = init_service(
        App::new()
            .app_data(web::Data::new(auth.clone()))
            .route("/option", web::get().to(optional))
            .route("/result", web::get().to(result))
            .route("/any", web::get().to(any_error)),
    )
    .await;
    let good = token(&auth, "notes.read").await;
    for path in ["/option", "/result"] {
        let answer = ask(&app, bearing(TestRequest::get().uri(path), &good)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "israel"));
        assert_eq!(ask(&app, TestRequest::get().uri(path)).await.body, "nobody");
    }
    assert_eq!(ask(&app, bearing(TestRequest::get().uri("/option"), "x")).await.body, "nobody");
    let refused = ask(&app, bearing(TestRequest::get().uri("/result"), "x")).await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    assert_eq!(ask(&app, TestRequest::get().uri("/any")).await.status, 401);
}

#[actix_web::test]
async fn an_application_without_the_server_grants_no_access() {
    let app = init_service(App::new().route("/", web::get().to(read))).await;
    for request in [TestRequest::get(), bearing(TestRequest::get(), "x")] {
        let answer = ask(&app, request).await;
        assert_eq!((answer.status, answer.body.as_str()), (500, ""));
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

#[actix_web::test]
async fn every_method_and_every_spelling_meets_the_guard() {
    let auth = auth().await;
    let app = init_service(
        App::new()
            .service(web::resource("/private").wrap(auth.require("")).to(|| async { "secret" }))
            .service(
                web::scope("/area")
                    .wrap(auth.require(""))
                    .service(web::scope("/nested").route("/page", web::to(|| async { "secret" })))
                    .default_service(web::to(|| async { "secret" })),
            ),
    )
    .await;
    let methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "BREW"];
    for method in methods {
        for path in ["/private", "/area/nested/page", "/area/nested", "/area", "/area/", "/area/no/such"] {
            let request = TestRequest::with_uri(path).method(Method::from_bytes(method.as_bytes()).unwrap());
            assert_eq!(ask(&app, request).await.status, 401, "{method} {path}");
        }
    }
    for path in [
        "/private/",
        "//private",
        "/./private",
        "/x/../private",
        "/%70rivate",
        "/private%2F",
        "/private?x",
        "/PRIVATE",
        "/private;x",
        "/private%00",
        "/area//nested/page",
        "/area/%6Eested/page",
        "/x/../area/nested/page",
        "//area/nested/page",
        "/area/../area/nested/page",
        "/area%2Fnested%2Fpage",
    ] {
        let answer = ask(&app, TestRequest::get().uri(path)).await;
        assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.status);
        assert!(!answer.body.contains("secret"), "{path}");
    }
}

#[actix_web::test]
async fn a_token_of_another_server_is_refused() {
    let (one, other) = (auth().await, auth().await);
    let app = init_service(App::new().service(web::scope("/one").wrap(one.require("notes.read")).service(
        web::resource("/other").wrap(other.require("notes.read")).route(web::get().to(|| async { "secret" })),
    )))
    .await;
    let token = token(&one, "notes.read").await;
    assert_eq!(ask(&app, bearing(TestRequest::get().uri("/one/other"), &token)).await.status, 401);
}

/// Two servers in one application: what the guard of one says is nothing to the extractor of the other.
#[actix_web::test]
async fn the_word_of_one_server_is_not_that_of_another() {
    let (one, other) = (auth().await, auth().await);
    let service = || web::get().to(|access: Access| async move { access.subject().to_owned() });
    let app = init_service(
        App::new()
            .configure(one.configure())
            .service(web::resource("/own").wrap(one.require("")).route(service()))
            .service(web::resource("/foreign").wrap(other.require("")).route(service())),
    )
    .await;
    let (own, foreign) = (token(&one, "notes.read").await, token(&other, "notes.read").await);
    assert_eq!(ask(&app, bearing(TestRequest::get().uri("/own"), &own)).await.status, 200);
    assert_eq!(ask(&app, bearing(TestRequest::get().uri("/foreign"), &foreign)).await.status, 401);
    assert_eq!(ask(&app, bearing(TestRequest::get().uri("/foreign"), &own)).await.status, 401);
}

/// A comma is no separator: no token can have such a scope.
#[actix_web::test]
#[should_panic(expected = "one space each")]
async fn a_comma_list_is_refused_when_a_guard_is_made() {
    auth().await.require("notes.read,notes.write");
}

/// The examples of the documentation take the server as `web::Data`.
#[actix_web::test]
async fn configure_provides_the_server_as_data() {
    let auth = auth().await;
    let issuer = web::get().to(|auth: web::Data<GridAuth>| async move { auth.issuer().to_owned() });
    let app = init_service(App::new().configure(auth.configure()).route("/issuer", issuer)).await;
    let answer = ask(&app, TestRequest::get().uri("/issuer")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "https://id.example.com"));
}

#[actix_web::test]
async fn an_optional_access_is_none_only_without_credentials() {
    let store = Failing::new(MemoryStore::new());
    let auth = auth_with(|builder| builder.store(Store::new(store.clone()))).await;
    let greet = |OptionalAccess(access): OptionalAccess<NotesRead>| async move {
        access.map_or("nobody".to_owned(), |access| access.subject().to_owned())
    };
    let app = init_service(App::new().configure(auth.configure()).route("/", web::get().to(greet))).await;
    let asked = || TestRequest::get().uri("/");
    let (good, narrow) = (token(&auth, "notes.read").await, token(&auth, "notes.write").await);
    assert_eq!(ask(&app, asked()).await.body, "nobody");
    assert_eq!(ask(&app, bearing(asked(), &good)).await.body, "israel");
    assert_eq!(ask(&app, bearing(asked(), "x")).await.status, 401);
    assert_eq!(ask(&app, bearing(asked(), &narrow)).await.status, 403);
    store.take_down();
    assert_eq!(ask(&app, bearing(asked(), &good)).await.status, 503);
}
