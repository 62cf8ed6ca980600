//! The headers that say what a body is: a body that two readers could take for two things is not read.

use bytes::Bytes;
use gridauth::Response;

use crate::support::*;

const FORM: &str = "application/x-www-form-urlencoded";

/// A POST with exactly these headers.
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

/// RFC 9110 section 5.3: a field that is no list comes once.
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

/// RFC 9110 sections 8.4 and 15.5.16: what is encoded in a way that the server does not read is 415, never read as if it
/// were not.
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

/// At the authorization endpoint too, and a person is told, since a client cannot be trusted to be the one named.
#[tokio::test]
async fn the_authorization_endpoint_reads_no_such_body_either() {
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
