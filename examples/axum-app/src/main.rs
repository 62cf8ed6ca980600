//! The demo application on axum: an authorization server and guarded routes in one router.
//!
//! This file does what every program needs around its router. In `routes`, the application uses gridauth.

mod routes;
mod serve;

use std::process::ExitCode;

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
    let mut signals = Signals::new()?;
    run::log(&settings);
    let (listener, address) = run::listen(&settings)?;
    let listener = TcpListener::from_std(listener).map_err(StartError::cannot_start)?;
    let Some(demo) = signals.or_started(App::start(&settings, address)).await else { return Ok(()) };
    let demo = demo?;
    run::announce(address);
    let (stop, stopped) = oneshot::channel();
    let server = serve::serve(listener, routes::router(demo.clone()), async move {
        signals.received().await;
        demo.end_streams();
        let _ = stop.send(());
    });
    let timeout = async {
        let _ = stopped.await;
        tokio::time::sleep(run::SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        () = server => {}
        () = timeout => {}
    }
    Ok(())
}
