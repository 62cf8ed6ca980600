//! The headers that describe a body. A body that two readers could understand differently is refused.

use bytes::Bytes;
use gridauth::Response;

use crate::support::*;

const FORM: &str = "application/x-www-form-urlencoded";

/// Sends a POST with exactly these headers.
async fn send(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut request = http::Request::post(path).header("authorization", basic("web", "web-secret"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.auth.handle(request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()).await
}

const ENDPOINTS: [(&str, &str); 3] = [
    ("/oauth/token", "grant_type=client_credentials"),
    ("/oauth/revoke", "token=x"),
    ("/oauth/introspect", "token=x"),
];

/// RFC 9110 section 5.3: a field that is not a list occurs once.
#[tokio::test]
async fn two_content_types_are_refused() {
    let server = server().await;
    for (path, body) in ENDPOINTS {
        assert_eq!(send(&server, path, &[("content-type", FORM)], body).await.status(), 200, "{path}");
        for second in [FORM, "application/json", ""] {
            for types in [[FORM, second], [second, FORM]] {
                let headers = types.map(|value| ("content-type", value));
                let (status, error) = answer(send(&server, path, &headers, body).await);
                assert_eq!(
                    (status, error["error"].as_str()),
                    (400, Some("invalid_request")),
                    "{path}: {types:?}"
                );
            }
        }
    }
}

/// RFC 9110 sections 8.4 and 15.5.16: a body with an unsupported content coding is 415, never read as if it were plain.
#[tokio::test]
async fn an_encoded_body_is_415() {
    let server = server().await;
    for (path, body) in ENDPOINTS {
        for codings in [&["gzip"][..], &["br"], &["identity, gzip"], &["identity", "deflate"], &["x"]] {
            let mut headers = vec![("content-type", FORM)];
            headers.extend(codings.iter().map(|coding| ("content-encoding", *coding)));
            let (status, error) = answer(send(&server, path, &headers, body).await);
            assert_eq!(
                (status, error["error"].as_str()),
                (415, Some("invalid_request")),
                "{path}: {codings:?}"
            );
        }
        for coding in ["identity", "Identity", ""] {
            let headers = [("content-type", FORM), ("content-encoding", coding)];
            assert_eq!(send(&server, path, &headers, body).await.status(), 200, "{path}: {coding:?}");
        }
    }
}

/// The authorization endpoint refuses such a body too, on a page: the client that it names cannot be trusted.
#[tokio::test]
async fn the_authorization_endpoint_refuses_such_a_body_too() {
    let server = server().await;
    let query = authorize_uri(&[]).split_once('?').unwrap().1.to_owned();
    let repeated = format!("{query}&scope=notes.write");
    assert_eq!(send(&server, "/oauth/authorize", &[("content-type", FORM)], &query).await.status(), 200);
    assert_eq!(send(&server, "/oauth/authorize", &[("content-type", FORM)], &repeated).await.status(), 303);
    for (headers, status) in [
        (&[("content-type", FORM), ("content-encoding", "gzip")][..], 415),
        (&[("content-type", FORM), ("content-type", FORM)], 400),
        (&[("content-type", "text/plain")], 400),
        (&[], 400),
    ] {
        for body in [&query, &repeated] {
            let page = send(&server, "/oauth/authorize", headers, body).await;
            assert_eq!(page.status(), status, "{headers:?}, {body}");
            assert!(page.headers().get("location").is_none());
        }
    }
}
