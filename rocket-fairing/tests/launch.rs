//! The fairing does not touch the configuration or the shutdown of a Rocket.

mod support;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use gridauth_rocket::{Access, GridAuthExt};
use rocket::config::{Config, Ident, Shutdown};
use rocket::data::{ByteUnit, Limits};
use rocket::error::ErrorKind;
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::sync::Notify;
use rocket::{State, get, routes, tokio};
use support::running::Running;
use support::{auth, quiet, token};

#[rocket::async_test]
async fn the_configuration_stays_the_applications() {
    let auth = auth().await;
    let unusual = Config {
        address: IpAddr::V6(Ipv6Addr::LOCALHOST),
        port: 4711,
        workers: 3,
        max_blocking: 7,
        ident: Ident::try_new("orders").unwrap(),
        ip_header: Some("X-Client".into()),
        limits: Limits::new().limit("json", ByteUnit::from(77)),
        keep_alive: 11,
        shutdown: Shutdown { ctrlc: false, grace: 9, mercy: 8, force: false, ..Shutdown::default() },
        ..Config::release_default()
    };
    for config in [unusual, Config::debug_default(), Config::release_default()] {
        let figment = rocket::custom(&config).figment().clone();
        let rocket = rocket::custom(&config).attach(auth.fairing()).ignite().await.unwrap();
        assert_eq!(*rocket.config(), config);
        assert_eq!(rocket.figment().clone().extract::<Config>().unwrap(), figment.extract().unwrap());
    }
}

#[get("/slow")]
async fn slow(access: Access, held: &State<Arc<Held>>) -> String {
    held.reached.notify_one();
    held.released.notified().await;
    access.subject().to_owned()
}

#[derive(Default)]
struct Held {
    reached: Notify,
    released: Notify,
}

/// A Rocket that is told to stop finishes a guarded request and exits by itself, as it does without the fairing.
#[rocket::async_test]
async fn the_shutdown_finishes_requests_in_flight_and_exits() {
    let (auth, held) = (auth().await, Arc::new(Held::default()));
    let rocket = quiet().attach(auth.fairing()).mount("/", routes![slow]).manage(Arc::clone(&held));
    let running = Running::start(rocket).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let token = token(&auth, "").await;
    let request = format!(
        "GET /slow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    held.reached.notified().await;
    running.shutdown.clone().notify();
    // New connections are refused once the shutdown has begun.
    let refused = async {
        while TcpStream::connect(running.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.unwrap();
    held.released.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("israel"), "{answer}");
    running.rocket.await.unwrap().unwrap();
}

gridauth::scopes! {
    static DECLARED;
    NotesRead = "notes.read";
}
gridauth::scopes! { Mistyped = "notes.raed" }

#[get("/read")]
fn read(_access: Access<NotesRead>) {}

#[get("/mistyped")]
fn mistyped(_access: Access<Mistyped>) {}

/// No token can have a scope that nothing declares.
#[rocket::async_test]
async fn a_rocket_whose_handler_asks_for_an_undeclared_scope_does_not_start() {
    let auth = support::auth_with(|builder| builder.scopes(DECLARED)).await;
    let rocket = |routes| quiet().attach(auth.fairing()).mount("/", routes);
    assert!(rocket(routes![read]).ignite().await.is_ok());
    let error = rocket(routes![mistyped]).ignite().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SentinelAborts(_)), "{error}");
}

/// A comma is no separator: no token can have such a scope.
#[rocket::async_test]
#[should_panic(expected = "one space each")]
async fn a_comma_list_is_refused_when_routes_are_guarded() {
    auth().await.require("notes.read,notes.write", routes![read]);
}
