//! The demo application on axum: an authorization server and guarded routes in one router.
//!
//! `main` is what every program does around its router; `router` and the handlers are where gridauth is used.

mod routes;

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::{Router, serve};
use gridauth_demo::run::{self, Signals};
use gridauth_demo::{App, Settings, Stop};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => stop.report(),
    }
}

async fn start() -> Result<(), Stop> {
    let settings = Settings::from_env()?;
    let signals = Signals::new()?;
    run::log(&settings);
    let (listener, address) = run::listen(&settings)?;
    let listener = TcpListener::from_std(listener).map_err(Stop::cannot_start)?;
    let demo = App::start(&settings, address).await?;
    run::announce(address);
    // With the peer's address, failed sign-ins are slowed down per source as well.
    let service = routes::router(demo).into_make_service_with_connect_info::<SocketAddr>();
    serve_until(signals, listener, service).await.map_err(Stop::cannot_start)
}

/// Serves until a signal comes. Idle connections are then closed at once, and requests in flight may finish, but not for
/// ever.
async fn serve_until(
    signals: Signals,
    listener: TcpListener,
    service: IntoMakeServiceWithConnectInfo<Router, SocketAddr>,
) -> std::io::Result<()> {
    let (told, stopping) = oneshot::channel();
    let server = serve(listener, service).with_graceful_shutdown(async move {
        signals.received().await;
        let _ = told.send(());
    });
    let out_of_time = async {
        let _ = stopping.await;
        tokio::time::sleep(run::FINISH_WITHIN).await;
    };
    tokio::select! {
        served = server => served,
        () = out_of_time => Ok(()),
    }
}
