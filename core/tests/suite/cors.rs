//! Scripts of other origins call the endpoints that are made for them, and no other (Fetch standard, section 3.3).

use gridauth::{Response, Unread};
use http::Method;

use crate::support::*;

const ORIGIN: &str = "https://app.example.com";
const OPEN: [(&str, &str); 3] = [
    ("/oauth/token", "POST"),
    ("/oauth/revoke", "POST"),
    ("/.well-known/oauth-authorization-server", "GET, HEAD"),
];
const CLOSED: [&str; 2] = ["/oauth/authorize", "/oauth/introspect"];

async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = http::Request::builder().method(method).uri(path).header("origin", ORIGIN);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.auth.handle(request.body(Default::default()).unwrap()).await
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

const PREFLIGHT: [(&str, &str); 2] = [
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,content-type,dpop"),
];

#[tokio::test]
async fn a_preflight_is_answered_where_scripts_may_call() {
    let server = server().await;
    for (path, methods) in OPEN {
        let answer = ask(&server, Method::OPTIONS, path, &PREFLIGHT).await;
        assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0), "{path}");
        assert_eq!(header(&answer, "access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(header(&answer, "access-control-allow-methods"), Some(methods), "{path}");
        let allowed = header(&answer, "access-control-allow-headers");
        assert_eq!(allowed, Some("authorization,content-type,dpop"), "{path}");
        assert_eq!(header(&answer, "access-control-allow-credentials"), None, "{path}");
        // Without a preflight's headers it is a method that the endpoint lacks.
        assert_eq!(ask(&server, Method::OPTIONS, path, &[]).await.status(), 405, "{path}");
    }
}

#[tokio::test]
async fn answers_and_errors_can_be_read_by_scripts() {
    let server = server().await;
    for (path, _) in OPEN {
        for method in [Method::POST, Method::GET, Method::PUT] {
            let answer = ask(&server, method, path, &[]).await;
            assert_eq!(header(&answer, "access-control-allow-origin"), Some("*"), "{path} {answer:?}");
            let exposed = header(&answer, "access-control-expose-headers");
            assert_eq!(exposed, Some("WWW-Authenticate, DPoP-Nonce"), "{path}");
        }
    }
    let tokens = [("grant_type", "client_credentials")];
    let authorization = basic("web", "web-secret");
    let answer = server.post("/oauth/token", &[("authorization", &authorization)], &tokens).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "access-control-allow-origin")), (200, Some("*")));
}

/// A script can read why its request was not read, as it can read any other answer of that path.
#[tokio::test]
async fn a_request_that_was_not_read_is_answered_as_any_other() {
    let open = server().await;
    let listed = server_with(|builder| builder.allowed_origins([ORIGIN])).await;
    for why in [Unread::TooLong, Unread::TooSlow, Unread::Broken] {
        let head = |path, origin| http::Request::post(path).header("origin", origin).body(()).unwrap();
        let allowed = |server: &Server, path, origin| {
            let answer = server.auth.refuse_unread(&head(path, origin), why);
            assert_eq!(answer.status(), why.status());
            header(&answer, "access-control-allow-origin").map(str::to_owned)
        };
        for (path, _) in OPEN {
            assert_eq!(allowed(&open, path, ORIGIN).as_deref(), Some("*"), "{path}");
            assert_eq!(allowed(&listed, path, ORIGIN).as_deref(), Some(ORIGIN), "{path}");
            assert_eq!(allowed(&listed, path, "https://evil.example"), None, "{path}");
        }
        for path in CLOSED.into_iter().chain(["/", "/oauth/token/"]) {
            assert_eq!(allowed(&open, path, ORIGIN), None, "{path}");
        }
    }
}

#[tokio::test]
async fn pages_and_introspection_are_not_for_scripts() {
    let server = server().await;
    for path in CLOSED {
        for (method, headers) in [(Method::OPTIONS, &PREFLIGHT[..]), (Method::GET, &[]), (Method::POST, &[])]
        {
            let answer = ask(&server, method.clone(), path, headers).await;
            let cors = answer.headers().keys().find(|name| name.as_str().starts_with("access-control"));
            assert_eq!(cors, None, "{method} {path}");
            assert!(method != Method::OPTIONS || answer.status() == 405, "{path}");
        }
    }
}

#[tokio::test]
async fn a_list_of_origins_lets_those_in_and_no_other() {
    let server = server_with(|builder| builder.allowed_origins([ORIGIN])).await;
    for (path, _) in OPEN {
        for (method, headers) in [(Method::OPTIONS, &PREFLIGHT[..]), (Method::POST, &[])] {
            let answer = ask(&server, method.clone(), path, headers).await;
            assert_eq!(header(&answer, "access-control-allow-origin"), Some(ORIGIN), "{method} {path}");
            assert_eq!(
                header(&answer, "vary").map(|vary| vary.contains("Origin") || vary.contains("Access")),
                Some(true)
            );
            let mut request = http::Request::builder().method(method).uri(path);
            for (name, value) in [("origin", "https://evil.example")].iter().chain(headers) {
                request = request.header(*name, *value);
            }
            let answer = server.auth.handle(request.body(Default::default()).unwrap()).await;
            assert_eq!(header(&answer, "access-control-allow-origin"), None, "{path}");
        }
    }
    let wrong = gridauth::GridAuth::builder(ISSUER).store(gridauth::Store::memory());
    let error = wrong.allowed_origins(["https://app.example.com/"]).build().await.unwrap_err();
    assert!(error.to_string().contains("https://app.example.com"), "{error}");
}
