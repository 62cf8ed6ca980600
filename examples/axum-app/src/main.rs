//! The demo application on axum: an authorization server and guarded routes in one router.
//!
//! This file does what every program needs around its router. In `routes`, the application uses gridauth.

mod routes;

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::{Router, serve};
use gridauth_demo::run::{self, Signals};
use gridauth_demo::{App, Settings, StartError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

async fn start() -> Result<(), StartError> {
    let settings = Settings::from_env()?;
    let signals = Signals::new()?;
    run::log(&settings);
    let (listener, address) = run::listen(&settings)?;
    let listener = TcpListener::from_std(listener).map_err(StartError::cannot_start)?;
    let demo = App::start(&settings, address).await?;
    run::announce(address);
    // With the peer's address, failed sign-ins are also throttled per source.
    let service = routes::router(demo).into_make_service_with_connect_info::<SocketAddr>();
    serve_until(signals, listener, service).await.map_err(StartError::cannot_start)
}

/// Serves until a signal arrives. Then idle connections are closed at once, and requests in flight may finish within
/// a time limit.
async fn serve_until(
    signals: Signals,
    listener: TcpListener,
    service: IntoMakeServiceWithConnectInfo<Router, SocketAddr>,
) -> std::io::Result<()> {
    let (stop, stopped) = oneshot::channel();
    let server = serve(listener, service).with_graceful_shutdown(async move {
        signals.received().await;
        let _ = stop.send(());
    });
    let timeout = async {
        let _ = stopped.await;
        tokio::time::sleep(run::SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        served = server => served,
        () = timeout => Ok(()),
    }
}
