//! The endpoints as a Rocket mounts them, over a socket where only a socket can show the difference.

mod support;

use gridauth::identity::ThrottleSettings;
use gridauth::{GridAuth, Peer, Store};
use gridauth_rocket::GridAuthExt;
use rocket::fairing::AdHoc;
use rocket::http::{Header, Method, Status};
use rocket::local::asynchronous::{Client, LocalRequest};
use rocket::{Request, catch, catchers};
use support::running::Running;
use support::{ask, auth, auth_with, launch, quiet};

fn token_request<'c>(client: &'c Client, path: &'c str) -> LocalRequest<'c> {
    client
        .post(path)
        .header(Header::new("authorization", "Basic d2ViOndlYi1zZWNyZXQ="))
        .header(Header::new("content-type", "application/x-www-form-urlencoded"))
}

#[catch(404)]
fn teapot(_request: &Request<'_>) -> (Status, &'static str) {
    (Status::ImATeapot, "")
}

#[rocket::async_test]
async fn a_client_gets_a_token() {
    let auth = auth().await;
    let client = launch(quiet().attach(auth.fairing())).await;
    let answer = ask(token_request(&client, "/oauth/token").body("grant_type=client_credentials")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    let access = auth
        .authenticate(&gridauth::http::BearerToken::new(answer.json()["access_token"].as_str().unwrap()))
        .await
        .unwrap();
    assert_eq!(access.client(), "web");
}

#[rocket::async_test]
async fn every_endpoint_answers_every_method_itself() {
    let auth = auth().await;
    let client = launch(quiet().attach(auth.fairing()).register("/", catchers![teapot])).await;
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    for path in auth.paths() {
        for method in methods {
            let answer = ask(client.req(method.parse::<Method>().unwrap(), &path)).await;
            assert_ne!(answer.status, 418, "{method} {path}");
            assert_ne!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.header("allow").is_empty(), answer.status != 405, "{method} {path}");
        }
    }
}

#[rocket::async_test]
async fn head_is_get_without_its_body() {
    let auth = auth().await;
    let client = launch(quiet().attach(auth.fairing())).await;
    let path = "/.well-known/oauth-authorization-server";
    let (get, head) = (ask(client.get(path)).await, ask(client.head(path)).await);
    assert_eq!((get.status, head.status), (200, 200));
    assert_eq!(get.header("content-type"), head.header("content-type"));
    assert_eq!(get.json()["issuer"], "https://id.example.com");
    assert_eq!(head.body, "");
}

#[rocket::async_test]
async fn the_query_arrives_as_it_was_sent() {
    let auth = auth().await;
    let client = launch(quiet().attach(auth.fairing())).await;
    let twice = ask(client.get("/oauth/authorize?client_id=a&client_id=a")).await;
    let unknown = ask(client.get("/oauth/authorize?client_id=a%26b")).await;
    assert_eq!((twice.status, unknown.status), (400, 400));
    assert_ne!(twice.body, unknown.body);
}

#[rocket::async_test]
async fn a_body_is_read_up_to_the_limit_and_no_further() {
    let auth = auth().await;
    let client = launch(quiet().attach(auth.fairing())).await;
    let body = |length: usize| {
        let mut body = "grant_type=client_credentials&padding=".to_owned();
        body.extend(std::iter::repeat_n('x', length - body.len()));
        body
    };
    let largest = ask(token_request(&client, "/oauth/token").body(body(GridAuth::MAX_BODY))).await;
    assert_ne!(largest.status, 413, "{}", largest.body);
    let larger = ask(token_request(&client, "/oauth/token").body(body(GridAuth::MAX_BODY + 1))).await;
    // A script can read this answer as any other of the endpoint.
    assert_eq!((larger.status, larger.header("access-control-allow-origin")), (413, "*"));
    assert_eq!(larger.json()["error"], "invalid_request");
}

#[rocket::async_test]
async fn an_endpoint_has_one_spelling() {
    let auth = auth().await;
    let client = launch(quiet().attach(auth.fairing()).register("/", catchers![teapot])).await;
    for path in
        ["/oauth/%74oken", "/oauth/token/", "//oauth/token", "/OAUTH/token", "/oauth/token/x", "/oauth"]
    {
        assert_eq!(ask(client.post(path)).await.status, 418, "{path}");
    }
}

#[rocket::async_test]
async fn an_issuer_with_a_path_is_found_there() {
    for path in ["/tenant/1", "/~a-b.c_d"] {
        let auth = GridAuth::builder(format!("https://id.example.com{path}"))
            .store(Store::memory())
            .grant(gridauth::grant::ClientCredentials::new())
            .build()
            .await
            .unwrap();
        let routes = quiet().attach(auth.fairing()).ignite().await.unwrap().routes().count();
        assert_eq!(routes, auth.paths().len() * 9, "{path}");
        let client = launch(quiet().attach(auth.fairing())).await;
        for path in auth.paths() {
            assert_ne!(ask(client.post(&path)).await.status, 404, "{path}");
        }
    }
}

/// Rocket treats a form that starts with `_method` as a request with another method; the endpoints ignore that field.
#[rocket::async_test]
async fn a_form_cannot_change_its_method() {
    let auth = auth().await;
    let client = launch(quiet().attach(auth.fairing())).await;
    for renamed in ["get", "PUT", "delete", "brew"] {
        let body = format!("_method={renamed}&grant_type=client_credentials");
        let answer = ask(token_request(&client, "/oauth/token").body(body)).await;
        assert_eq!(answer.status, 200, "{renamed}: {}", answer.body);
    }
    assert_eq!(ask(client.put("/oauth/token").body("_method=put")).await.status, 405);
}

/// The server learns the address of the peer and throttles each one separately. An address that the application sets takes
/// precedence over that of the socket.
#[rocket::async_test]
async fn each_peer_is_throttled_separately() {
    let settings = ThrottleSettings::default().source_failures(1);
    let auth = auth_with(|builder| builder.throttle(settings)).await;
    let behind_proxy = AdHoc::on_request("behind a proxy", |request, _| {
        Box::pin(async move {
            let told = request.headers().get_one("x-source").and_then(|value| value.parse().ok());
            if let Some(source) = told {
                request.local_cache(|| Some(Peer(source)));
            }
        })
    });
    let client = launch(quiet().attach(auth.fairing()).attach(behind_proxy)).await;
    for (at, (socket, told, status)) in [
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
        let fails = client
            .post("/oauth/token")
            .remote(format!("{socket}:1").parse().unwrap())
            .header(Header::new("x-source", told))
            .header(Header::new("content-type", "application/x-www-form-urlencoded"))
            .body(format!("grant_type=client_credentials&client_id=nobody{at}&client_secret=x"));
        assert_eq!(ask(fails).await.status, status, "{at}: {socket} {told}");
    }
}

/// Over a socket: a method unknown to Rocket is answered like one that the endpoint does not support.
#[rocket::async_test]
async fn an_unknown_method_is_405_at_an_endpoint_and_left_to_rocket_elsewhere() {
    let auth = auth_with(|builder| builder.mount("/login")).await;
    let running = Running::start(quiet().attach(auth.fairing())).await;
    for (path, status) in [("/login/token", "405"), ("/login/token/", "400"), ("/", "400")] {
        let answer =
            running.send(&format!("BREW {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert_eq!(answer.contains("allow: POST"), status == "405", "{path}: {answer}");
    }
    running.stop().await;
}

/// Over a socket: a body that breaks off is never taken for a complete one, wherever it breaks off.
#[rocket::async_test]
async fn a_body_that_breaks_off_is_not_taken_for_a_shorter_one() {
    let auth = auth().await;
    let running = Running::start(quiet().attach(auth.fairing())).await;
    let whole = "grant_type=client_credentials";
    for length in [0, 1, 10, 13, 14, 15, 20, whole.len()] {
        let request = |headers: &str| {
            format!(
                "POST /oauth/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic \
                 d2ViOndlYi1zZWNyZXQ=\r\ncontent-type: application/x-www-form-urlencoded\r\n{headers}"
            )
        };
        let part = &whole[..length];
        let cut = request(&format!("content-length: {}\r\n\r\n{part}", whole.len() + 1));
        let broken = request(&format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{part}\r\nx\r\n"));
        for answer in [running.send_cut(&cut).await, running.send_cut(&broken).await] {
            // An empty chunk ends the body.
            let is_unreadable = answer.contains("could not be read") || length == 0;
            assert!(answer.starts_with("HTTP/1.1 400") && is_unreadable, "{length}: {answer}");
        }
    }
    let short = "POST /oauth/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: \
                 application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na=b";
    let answer = running.send(short).await;
    assert!(!answer.contains("could not be read"), "{answer}");
    running.stop().await;
}

/// Methods, queries and bodies of the admin API reach it.
#[rocket::async_test]
async fn the_admin_api_is_mounted_with_the_rest() {
    let auth = auth_with(|builder| builder.admin_routes("gridauth.admin")).await;
    let client = launch(quiet().attach(auth.fairing())).await;
    let request = gridauth::MintRequest::for_client("operator").scope("gridauth.admin");
    let token = auth.mint(request).await.unwrap();
    let bearer = format!("Bearer {}", token.access_token.expose());
    let ask_for = async |method: Method, path: &str, body: &'static str| {
        let request = client
            .req(method, format!("/oauth/admin{path}"))
            .header(Header::new("authorization", bearer.clone()))
            .header(Header::new("content-type", "application/json"))
            .body(body);
        ask(request).await.status
    };
    let robot = r#"{"client_id": "robot", "grant_types": ["client_credentials"], "response_types": []}"#;
    assert_eq!(ask_for(Method::Post, "/clients", robot).await, 201);
    assert_eq!(ask_for(Method::Patch, "/client?client_id=robot", r#"{"client_name": "R2"}"#).await, 200);
    assert_eq!(auth.client("robot").await.unwrap().unwrap().name(), Some("R2"));
    assert_eq!(ask_for(Method::Delete, "/client?client_id=robot", "").await, 204);
    assert_eq!(ask_for(Method::Get, "/client?client_id=robot", "").await, 404);
    assert_eq!(ask(client.get("/oauth/admin/clients")).await.status, 401);
}
