//! The demo application on actix-web: an authorization server and guarded routes in one application.
//!
//! This file does what every program needs around its `App`. In `routes`, the application uses gridauth.

mod routes;
mod serve;

use std::process::ExitCode;

use gridauth_demo::run::{self, Signals};
use gridauth_demo::{App, Settings, StartError};
use tokio::sync::oneshot;

#[actix_web::main]
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
    let Some(demo) = signals.or_started(App::start(&settings, address)).await else { return Ok(()) };
    let demo = demo?;
    let (stop, stopped) = oneshot::channel();
    let streams = demo.clone();
    let signalled = async move {
        signals.received().await;
        streams.end_streams();
        let _ = stop.send(());
    };
    let server = serve::serve(listener, demo, signalled).map_err(StartError::cannot_start)?;
    run::announce(address);
    let timeout = async {
        let _ = stopped.await;
        tokio::time::sleep(run::SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        served = server => served.map_err(StartError::cannot_start),
        () = timeout => Ok(()),
    }
}
