//! The admin API: what operators do over HTTP, and who is kept out.

use bytes::Bytes;
use gridauth::{Builder, MintRequest, Response};
use http::Method;
use serde_json::{Value, json};

use crate::support::*;

const SCOPE: &str = "gridauth.admin";

/// A server with the API, and a token for it.
struct Admin {
    server: Server,
    token: String,
}

impl Admin {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let server = server_with(|builder| configure(builder.admin_routes(SCOPE))).await;
        let token = token(&server, SCOPE).await;
        Self { server, token }
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, Value)>) -> Response {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("/oauth/admin{path}"))
            .header("authorization", format!("Bearer {}", self.token));
        let mut bytes = Bytes::new();
        if let Some((content_type, body)) = body {
            request = request.header("content-type", content_type);
            bytes = body.to_string().into();
        }
        self.server.auth.handle(request.body(bytes).unwrap()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.send(Method::GET, path, None).await)
    }

    async fn delete(&self, path: &str) -> u16 {
        self.send(Method::DELETE, path, None).await.status().as_u16()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.send(Method::POST, path, Some(("application/json", body))).await)
    }

    async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.send(Method::PATCH, path, Some(("application/merge-patch+json", body))).await)
    }
}

async fn token(server: &Server, scope: &str) -> String {
    let minted = server.auth.mint(MintRequest::for_client("operator").scope(scope)).await.unwrap();
    minted.access_token.expose().to_owned()
}

/// Every path and method that the document names.
async fn operations(admin: &Admin) -> Vec<(Method, String)> {
    let (status, document) = admin.get("/openapi.json").await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    assert_eq!(document["servers"][0]["url"], format!("{ISSUER}/oauth/admin"));
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    all
}

#[tokio::test]
async fn nobody_gets_in_without_the_scope_and_nothing_is_changed() {
    let admin = Admin::new().await;
    let all = operations(&admin).await;
    assert_eq!(all.len(), 13);
    let weak = token(&admin.server, "notes.read gridauth.administration").await;
    let revoked = token(&admin.server, SCOPE).await;
    admin.server.auth.revoke_client("operator").await.unwrap();
    let weak = [Some(("403", format!("Bearer {weak}"))), Some(("401", format!("Bearer {revoked}")))];
    let weak = weak.into_iter().chain([
        None,
        Some(("401", "Bearer x".to_owned())),
        Some(("401", basic("web", "web-secret"))),
    ]);
    for (number, credentials) in weak.enumerate() {
        for (method, path) in &all {
            let query = "?client_id=web&sub=israel&id=x&overlap=0";
            let mut request =
                http::Request::builder().method(method.clone()).uri(format!("/oauth/admin{path}{query}"));
            if let Some((_, credentials)) = &credentials {
                request = request.header("authorization", credentials);
            }
            let request = request.header("content-type", "application/json");
            let answer = admin.server.auth.handle(request.body("{}".into()).unwrap()).await;
            // The weak token was revoked with the others.
            assert_eq!(answer.status(), 401, "{number}: {method} {path}");
            assert!(answer.headers().contains_key("www-authenticate"), "{method} {path}");
        }
    }
    let weak = token(&admin.server, "notes.read gridauth.administration").await;
    for (method, path) in &all {
        let request = http::Request::builder()
            .method(method.clone())
            .uri(format!("/oauth/admin{path}?client_id=web&sub=israel&overlap=0"))
            .header("authorization", format!("Bearer {weak}"));
        let refused = admin.server.auth.handle(request.body("{}".into()).unwrap()).await;
        assert_eq!(refused.status(), 403, "{method} {path}");
    }
    assert_eq!(admin.server.token(&[("grant_type", "client_credentials")]).await.0, 200);
}

/// The document describes what there is: each operation answers, and no other method does.
#[tokio::test]
async fn the_document_is_true() {
    let admin = Admin::new().await;
    let all = operations(&admin).await;
    for (_, path) in &all {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let is_named = all.contains(&(method.clone(), path.clone()));
            let status = admin.send(method.clone(), path, None).await.status().as_u16();
            assert_eq!(status != 405, is_named, "{method} {path}: {status}");
        }
    }
    let paths = admin.server.auth.paths();
    assert_eq!(paths.iter().filter(|path| path.contains("/admin/")).count(), 8);
    let text = admin.get("/openapi.json").await.1.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        let (_, document) = admin.get("/openapi.json").await;
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn what_is_off_is_not_there() {
    let server = server().await;
    assert!(server.auth.paths().iter().all(|path| !path.contains("admin")));
    assert_eq!(server.get("/oauth/admin/clients", None).await.status(), 404);
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    assert!(!metadata.to_string().contains("admin"));
    let malformed = gridauth::GridAuth::builder(ISSUER).store(gridauth::Store::memory()).admin_routes("a\"b");
    assert!(malformed.build().await.unwrap_err().to_string().contains("admin API"));
}

#[tokio::test]
async fn a_client_lives_and_ends_over_http() {
    let admin = Admin::new().await;
    let robot = json!({
        "client_id": "https://robot.example/meta.json?x=1&y=2", "client_name": "Robot", "scope": "notes.read",
        "grant_types": ["client_credentials"], "response_types": [],
    });
    let (status, created) = admin.post("/clients", robot.clone()).await;
    assert_eq!((status, &created["client_name"]), (201, &json!("Robot")), "{created}");
    let first = string(&created, "client_secret");
    assert_eq!(admin.post("/clients", robot).await.0, 409);
    let id = "client_id=https%3A%2F%2Frobot.example%2Fmeta.json%3Fx%3D1%26y%3D2";
    let (status, shown) = admin.get(&format!("/client?{id}")).await;
    assert_eq!((status, shown.get("client_secret")), (200, None));

    let patch = json!({ "client_name": null, "gridauth_lifetimes": { "access_token": 60 } });
    let (status, edited) = admin.patch(&format!("/client?{id}"), patch).await;
    assert_eq!((status, edited.get("client_name")), (200, None), "{edited}");
    assert_eq!(edited["gridauth_lifetimes"], json!({ "access_token": 60 }));

    let rotate = format!("/client/secret?{id}&overlap=60");
    let (status, rotated) = answer(admin.send(Method::POST, &rotate, None).await);
    assert_eq!(status, 200, "{rotated}");
    let second = string(&rotated, "client_secret");
    let ask = async |secret: &str| {
        let id =
            form_urlencoded::byte_serialize(b"https://robot.example/meta.json?x=1&y=2").collect::<String>();
        let authorization = basic(&id, secret);
        let form = [("grant_type", "client_credentials")];
        answer(admin.server.post("/oauth/token", &[("authorization", &authorization)], &form).await)
    };
    for secret in [&first, &second] {
        let (status, tokens) = ask(secret).await;
        assert_eq!((status, &tokens["expires_in"]), (200, &json!(60)), "{tokens}");
    }
    assert_eq!(admin.delete(&format!("/client?{id}")).await, 204);
    assert_eq!(admin.delete(&format!("/client?{id}")).await, 404);
    assert_eq!(admin.get(&format!("/client?{id}")).await.0, 404);
    assert_eq!(ask(&second).await.0, 401);
    // Without an id it gets one.
    let (_, nameless) = admin
        .post(
            "/clients",
            json!({ "token_endpoint_auth_method": "none", "redirect_uris": ["https://a.example/cb"] }),
        )
        .await;
    assert!(
        string(&nameless, "client_id").len() >= 20 && nameless.get("client_secret").is_none(),
        "{nameless}"
    );
}

#[tokio::test]
async fn clients_are_listed_page_by_page() {
    let admin = Admin::new().await;
    let (mut seen, mut path) = (Vec::new(), "/clients?limit=1".to_owned());
    loop {
        let (status, page) = admin.get(&path).await;
        assert_eq!(status, 200, "{page}");
        let clients = page["clients"].as_array().unwrap();
        seen.extend(clients.iter().map(|client| string(client, "client_id")));
        assert!(clients.len() <= 1 && !page.to_string().contains("argon2"));
        let Some(next) = page["next"].as_str() else { break };
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        path = format!("/clients?limit=1&after={next}");
    }
    seen.sort();
    assert_eq!(seen, ["spa", "web"]);
    let (status, users) = admin.get("/users").await;
    assert_eq!((status, &users["users"][0]["username"]), (200, &json!("israel")));
    assert!(!users.to_string().contains("argon2"), "{users}");
}

#[tokio::test]
async fn access_is_seen_and_ended() {
    let admin = Admin::new().await;
    let tokens = admin.server.tokens().await;
    let (status, access) = admin.get("/access?sub=israel").await;
    assert_eq!((status, &access["clients"][0]["client_id"]), (200, &json!("web")), "{access}");
    let (_, grants) = admin.get("/grants?sub=israel").await;
    let id = string(&grants["grants"][0], "id");
    let (_, of_client) = admin.get("/grants?client_id=web").await;
    assert_eq!(of_client["grants"].as_array().unwrap().len(), 1);
    let secret = string(&tokens, "access_token");
    assert!(!grants.to_string().contains(&secret[secret.len() - 20..]), "{grants}");
    assert_eq!(admin.get(&format!("/grant?id={id}")).await.1["id"], json!(id));
    assert_eq!(admin.delete(&format!("/grant?id={id}")).await, 204);
    assert!(!admin.server.is_valid(&tokens).await);
    assert_eq!(admin.delete(&format!("/grant?id={id}")).await, 404);
    for path in ["/access?sub=israel&client_id=web", "/access?sub=israel", "/access?client_id=web"] {
        let tokens = admin.server.tokens().await;
        assert_eq!(admin.delete(path).await, 204, "{path}");
        assert!(!admin.server.is_valid(&tokens).await, "{path}");
    }
    // What is left is the consent.
    let (_, access) = admin.get("/access?sub=israel").await;
    assert_eq!(access["clients"][0]["grants"], 0, "{access}");
}

/// What makes no sense is 400, whatever it is, and changes nothing.
#[tokio::test]
async fn odd_requests_are_refused() {
    let admin = Admin::new().await;
    let rotate = |query: &str| format!("/client/secret?{query}");
    for path in [
        rotate("client_id=web"),
        rotate("overlap=60"),
        rotate("client_id=web&overlap=-1"),
        rotate("client_id=web&overlap=1e3"),
        rotate("client_id=web&overlap=99999999999999999999"),
        rotate("client_id=web&overlap=1&overlap=2"),
        rotate("client_id=spa&overlap=1"),
    ] {
        assert_eq!(admin.send(Method::POST, &path, None).await.status(), 400, "{path}");
    }
    assert_eq!(admin.send(Method::POST, &rotate("client_id=no&overlap=1"), None).await.status(), 404);
    for path in [
        "/clients?limit=0",
        "/clients?limit=1001",
        "/clients?limit=x",
        "/client",
        "/grants",
        "/grants?sub=a&client_id=b",
        "/grant?id=x",
        "/grant",
        "/access",
    ] {
        assert_eq!(admin.get(path).await.0, 400, "{path}");
    }
    assert_eq!(admin.delete("/access").await, 400);
    for body in [
        json!([]),
        json!("x"),
        json!({ "scope": 1 }),
        json!({ "client_id": "" }),
        json!({ "client_id": 7 }),
        json!({ "client_secret": "x" }),
        json!({ "grant_types": ["magic"] }),
        json!({ "redirect_uris": ["javascript:alert(1)"] }),
    ] {
        let (status, error) = admin.post("/clients", body.clone()).await;
        assert!(status == 400 && error["error_description"].is_string(), "{body}: {error}");
    }
    for body in [
        json!({ "client_id": "other" }),
        json!({ "redirect_uris": ["http://a.example/cb"] }),
        json!({ "token_endpoint_auth_method": "none" }),
    ] {
        assert_eq!(admin.patch("/client?client_id=web", body.clone()).await.0, 400, "{body}");
    }
    assert_eq!(admin.patch("/client?client_id=no", json!({ "client_name": "x" })).await.0, 404);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let sent = admin.send(Method::POST, "/clients", Some((content_type, json!({})))).await;
        assert_eq!(sent.status(), 400, "{content_type}");
    }
    let deep = "[".repeat(50_000);
    let request = http::Request::post("/oauth/admin/clients")
        .header("authorization", format!("Bearer {}", admin.token))
        .header("content-type", "application/json");
    assert_eq!(admin.server.auth.handle(request.body(deep.into()).unwrap()).await.status(), 400);
    assert_eq!(admin.server.auth.clients(gridauth::ListOptions::new()).await.unwrap().items.len(), 2);
}

/// A token that grants administration never comes from the scope of a page in a browser: answers are for no script of another origin.
#[tokio::test]
async fn no_other_origin_reads_the_answers() {
    let admin = Admin::new().await;
    let request = http::Request::get("/oauth/admin/clients")
        .header("authorization", format!("Bearer {}", admin.token))
        .header("origin", "https://evil.example");
    let answer = admin.server.auth.handle(request.body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn a_store_that_is_down_is_503() {
    use gridauth::store::memory::MemoryStore;
    use gridauth_test_stores::{Call, Failing, Failure};
    let store = Failing::new(MemoryStore::new());
    let of_api = store.clone();
    let admin = Admin::with(|builder| builder.store(gridauth::Store::new(of_api))).await;
    store.fail(
        Failure::Before,
        |call| !matches!(call, Call::Get(key) if key.kind == gridauth::store::Kind::Grant),
    );
    for path in ["/clients", "/grants?sub=israel", "/access?sub=israel", "/users"] {
        let down = admin.send(Method::GET, path, None).await;
        assert_eq!(down.status(), 503, "{path}");
        assert!(down.headers().contains_key("retry-after"), "{path}");
    }
}
