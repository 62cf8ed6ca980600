//! The program of the page "The first hour": an API, its users, and a page in the browser that uses it.

use std::error::Error;
use std::net::SocketAddr;

use axum::{Router, response::Html, routing::get};
use gridauth::grant::{AuthorizationCode, RefreshToken};
use gridauth::{Client, GridAuth, Store};
use gridauth_tower::{Access, GridAuthExt};
use tokio::net::TcpListener;

gridauth::scopes! {
    static SCOPES;
    OrdersRead = "orders.read": "See your orders";
}

const PAGE: &str = include_str!("first_hour.html");

async fn orders(access: Access<OrdersRead>) -> String {
    format!("the orders of {}", access.username().unwrap_or("nobody"))
}

pub(crate) async fn app(store: Store) -> Result<Router, Box<dyn Error>> {
    let auth = GridAuth::builder("http://127.0.0.1:8080")
        .store(store)
        .grant(AuthorizationCode::new())
        .grant(RefreshToken::rotating())
        .scopes(SCOPES)
        .build()
        .await?;
    let password = "correct horse battery staple".into();
    auth.put_user("israel", &password, "1", Default::default()).await?;
    let page = Client::public("page")
        .name("Orders")
        .redirect_uri("http://127.0.0.1:8080/")
        .grant_types(["authorization_code", "refresh_token"])
        .scope("orders.read");
    auth.put_client(page.build()?).await?;
    Ok(Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/orders", get(orders))
        .merge(auth.routes())
        .with_state(auth))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Store::open("file:auth.db").await?).await?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app).with_graceful_shutdown(stop()).await?)
}

/// Waits for Ctrl-C, or for SIGTERM, which is how service managers and containers stop a program.
async fn stop() {
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
