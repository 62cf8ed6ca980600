//! The endpoints as an application mounts them.

mod support;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpMessage, HttpResponse, web};
use gridauth::identity::ThrottleSettings;
use gridauth::{GridAuth, Peer};
use gridauth_actix::GridAuthExt;
use support::{ask, auth, auth_with};

fn token_request(path: &str) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header(("authorization", "Basic d2ViOndlYi1zZWNyZXQ="))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
}

#[actix_web::test]
async fn a_client_gets_a_token() {
    let auth = auth().await;
    let app = init_service(App::new().configure(auth.configure())).await;
    let answer = ask(&app, token_request("/oauth/token").set_payload("grant_type=client_credentials")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    let access = auth
        .authenticate(&gridauth::http::BearerToken::new(answer.json()["access_token"].as_str().unwrap()))
        .await
        .unwrap();
    assert_eq!(access.client(), "web");
}

#[actix_web::test]
async fn every_endpoint_answers_every_method_itself() {
    let auth = auth().await;
    let app = init_service(
        App::new().configure(auth.configure()).default_service(web::to(HttpResponse::ImATeapot)),
    )
    .await;
    let methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "BREW"];
    for path in auth.paths() {
        for method in methods {
            let request = TestRequest::with_uri(&path).method(Method::from_bytes(method.as_bytes()).unwrap());
            let answer = ask(&app, request).await;
            assert_ne!(answer.status, 418, "{method} {path}");
            assert_ne!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.header("allow").is_empty(), answer.status != 405, "{method} {path}");
        }
        assert_eq!(
            ask(&app, TestRequest::with_uri(&path).method(Method::from_bytes(b"BREW").unwrap())).await.status,
            405
        );
    }
}

#[actix_web::test]
async fn head_is_get_without_its_body() {
    let auth = auth().await;
    let app = init_service(App::new().configure(auth.configure())).await;
    let path = "/.well-known/oauth-authorization-server";
    let get = ask(&app, TestRequest::get().uri(path)).await;
    let head = ask(&app, TestRequest::with_uri(path).method(Method::HEAD)).await;
    assert_eq!((get.status, head.status), (200, 200));
    assert_eq!(get.header("content-type"), head.header("content-type"));
    assert_eq!(get.json()["issuer"], "https://id.example.com");
    assert_eq!(head.body, "");
}

#[actix_web::test]
async fn the_query_arrives_as_it_was_sent() {
    let auth = auth().await;
    let app = init_service(App::new().configure(auth.configure())).await;
    let twice = ask(&app, TestRequest::get().uri("/oauth/authorize?client_id=a&client_id=a")).await;
    assert_eq!(twice.status, 400);
    let unknown = ask(&app, TestRequest::get().uri("/oauth/authorize?client_id=a%26b")).await;
    assert_eq!(unknown.status, 400);
    assert_ne!(twice.body, unknown.body);
}

#[actix_web::test]
async fn a_body_is_read_up_to_the_limit_and_no_further() {
    let auth = auth().await;
    let app = init_service(App::new().configure(auth.configure())).await;
    let body = |length: usize| {
        let mut body = "grant_type=client_credentials&padding=".to_owned();
        body.extend(std::iter::repeat_n('x', length - body.len()));
        body
    };
    let largest = ask(&app, token_request("/oauth/token").set_payload(body(GridAuth::MAX_BODY))).await;
    assert_ne!(largest.status, 413, "{}", largest.body);
    let larger = ask(&app, token_request("/oauth/token").set_payload(body(GridAuth::MAX_BODY + 1))).await;
    assert_eq!(larger.status, 413);
    assert_eq!(larger.json()["error"], "invalid_request");
}

#[actix_web::test]
async fn an_endpoint_has_one_spelling() {
    let auth = auth().await;
    let app = init_service(
        App::new().configure(auth.configure()).default_service(web::to(HttpResponse::ImATeapot)),
    )
    .await;
    for path in
        ["/oauth/%74oken", "/oauth/token/", "//oauth/token", "/OAUTH/token", "/oauth/token/x", "/oauth"]
    {
        assert_eq!(ask(&app, TestRequest::post().uri(path)).await.status, 418, "{path}");
    }
}

#[actix_web::test]
async fn an_issuer_with_a_path_is_mounted_in_a_scope_or_at_the_root() {
    let auth = auth_with(|builder| builder.mount("/login")).await;
    let nested = init_service(App::new().service(web::scope("/tenant").configure(auth.configure()))).await;
    let answer =
        ask(&nested, token_request("/tenant/login/token").set_payload("grant_type=client_credentials")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // What the server says of an endpoint counts wherever it is nested, also for a body that is too long.
    let body = "x".repeat(GridAuth::MAX_BODY + 1);
    let larger = ask(&nested, token_request("/tenant/login/token").set_payload(body)).await;
    assert_eq!((larger.status, larger.header("access-control-allow-origin")), (413, "*"));

    let auth = GridAuth::builder("https://id.example.com/a-tenant")
        .store(gridauth::Store::memory())
        .grant(gridauth::grant::ClientCredentials::new())
        .build()
        .await
        .unwrap();
    let app = init_service(App::new().configure(auth.configure())).await;
    for path in auth.paths() {
        assert_ne!(ask(&app, TestRequest::post().uri(&path)).await.status, 404, "{path}");
    }
}

/// The server learns the address of the peer and throttles each one separately. An address that the application sets takes
/// precedence over that of the socket.
#[actix_web::test]
async fn each_peer_is_throttled_separately() {
    let settings = ThrottleSettings::default().source_failures(1);
    let auth = auth_with(|builder| builder.throttle(settings)).await;
    let behind_proxy = from_fn(async |request: ServiceRequest, next: Next<BoxBody>| {
        let told = request.headers().get("x-source").and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(source) = told {
            request.extensions_mut().insert(Peer(source));
        }
        next.call(request).await
    });
    let app = init_service(App::new().configure(auth.configure()).wrap(behind_proxy)).await;
    let fail = |socket: &str, told: &str, client: usize| {
        let body = format!("grant_type=client_credentials&client_id=nobody{client}&client_secret=x");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let request = TestRequest::post().uri("/oauth/token").insert_header(form).set_payload(body);
        request.peer_addr(format!("{socket}:1").parse().unwrap()).insert_header(("x-source", told))
    };
    for (client, (socket, told, status)) in [
        ("203.0.113.1", "", 401),
        ("203.0.113.1", "", 429),
        ("203.0.113.2", "", 401),
        ("203.0.113.1", "192.0.2.1", 401),
        ("203.0.113.2", "192.0.2.1", 429),
        ("203.0.113.1", "", 429),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(ask(&app, fail(socket, told, client)).await.status, status, "{client}: {socket} {told}");
    }
}

/// Methods, queries and bodies of the admin API reach it.
#[actix_web::test]
async fn the_admin_api_is_mounted_with_the_rest() {
    let auth = auth_with(|builder| builder.admin_routes("gridauth.admin")).await;
    let app = init_service(App::new().configure(auth.configure())).await;
    let request = gridauth::MintRequest::for_client("operator").scope("gridauth.admin");
    let token = auth.mint(request).await.unwrap();
    let bearer = format!("Bearer {}", token.access_token.expose());
    let ask_for = async |method: &str, path: &str, body: &'static str| {
        let request = TestRequest::with_uri(&format!("/oauth/admin{path}"))
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .insert_header(("authorization", bearer.as_str()))
            .insert_header(("content-type", "application/json"))
            .set_payload(body);
        ask(&app, request).await.status
    };
    let robot = r#"{"client_id": "robot", "grant_types": ["client_credentials"], "response_types": []}"#;
    assert_eq!(ask_for("POST", "/clients", robot).await, 201);
    assert_eq!(ask_for("PATCH", "/client?client_id=robot", r#"{"client_name": "R2"}"#).await, 200);
    assert_eq!(auth.client("robot").await.unwrap().unwrap().name(), Some("R2"));
    assert_eq!(ask_for("DELETE", "/client?client_id=robot", "").await, 204);
    assert_eq!(ask_for("GET", "/client?client_id=robot", "").await, 404);
    assert_eq!(ask(&app, TestRequest::with_uri("/oauth/admin/clients")).await.status, 401);
}
