//! The logo of a client, on the pages and from the server's own origin.

use bytes::Bytes;
use gridauth::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::provider::{provider_with, put_web, request};
use crate::support::*;

const GIF: &[u8] = b"GIF89a, more or less";

/// Has a picture, a page, and nothing else.
struct Host;

#[gridauth::async_trait]
impl Fetch for Host {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        let body = match request.url().path() {
            "/logo.gif" => GIF,
            "/logo.svg" => b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            _ => return Err(FetchError::TimedOut),
        };
        Ok(FetchResponse::new(StatusCode::OK, &HeaderMap::new(), Bytes::from_static(body)))
    }
}

#[tokio::test]
async fn a_logo_is_shown_from_the_servers_own_origin() {
    let server = provider_with(|builder| builder.fetch(Host)).await;
    put_web(&server, |web| web.metadata("logo_uri", json!("https://web.example.com/logo.gif"))).await;
    let page = server.get(&request("code", &[]), None).await;
    let path = "/oauth/client_logo?client_id=web";
    assert!(text(&page).contains(&format!(r#"<img class="logo" src="{path}" alt="">"#)), "{}", text(&page));
    assert!(!text(&page).contains("web.example.com/logo.gif"));
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("img-src 'self'"), "{policy}");
    let logo = server.get(path, None).await;
    assert_eq!((logo.status(), &logo.body()[..]), (StatusCode::OK, GIF));
    let header = |name: &str| logo.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/gif");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    assert!(header("cache-control").contains("max-age"));
}

#[tokio::test]
async fn what_is_no_picture_is_not_served() {
    let server = provider_with(|builder| builder.fetch(Host)).await;
    for uri in
        ["https://web.example.com/logo.svg", "https://web.example.com/gone.gif", "data:image/gif;base64,R0lG"]
    {
        put_web(&server, |web| web.metadata("logo_uri", json!(uri))).await;
        assert_eq!(server.get("/oauth/client_logo?client_id=web", None).await.status(), 404, "{uri}");
    }
    for query in ["", "?client_id=", "?client_id=nobody", "?client_id=spa", "?client_id=%ff"] {
        let answer = server.get(&format!("/oauth/client_logo{query}"), None).await;
        assert!([StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&answer.status()), "{query}");
    }
}
