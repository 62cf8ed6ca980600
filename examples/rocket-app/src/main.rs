//! The demo application on Rocket: an authorization server and guarded routes in one Rocket.
//!
//! This file does what every program needs around its Rocket. In `routes`, the application uses gridauth.

mod address;
mod as_sent;
mod routes;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use gridauth_demo::run::{self, Signals};
use gridauth_demo::{App, Settings, StartError};
use rocket::config::{Config, Ident, LogLevel, Shutdown};
use rocket::fairing::AdHoc;
use rocket::shield::Shield;
use rocket::{Build, Rocket};
use tokio::sync::oneshot;

#[rocket::main]
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
    let reserved = address::reserve(settings.listen)?;
    let Some(demo) = signals.or_started(App::start(&settings, reserved.address())).await else {
        return Ok(());
    };
    let demo = demo?;
    let streams = demo.clone();
    let rocket = rocket::custom(config(reserved.address()))
        .attach(AdHoc::on_liftoff("announce", |rocket| {
            Box::pin(async { run::announce(SocketAddr::new(rocket.config().address, rocket.config().port)) })
        }))
        // The demo behaves the same on every framework, so Rocket adds nothing to responses and reads nothing into
        // requests.
        .attach(Shield::new())
        .attach(as_sent::fairing())
        .attach(routes::stage(demo));
    serve_until(signals, rocket, &streams).await
}

fn config(address: SocketAddr) -> Config {
    Config {
        address: address.ip(),
        port: address.port(),
        ident: Ident::none(),
        // The program logs through `tracing`. Rocket's own log would contain tokens.
        log_level: LogLevel::Off,
        shutdown: Shutdown {
            // `Signals` handles them.
            ctrlc: false,
            signals: [].into(),
            grace: u32::try_from(run::SHUTDOWN_TIMEOUT.as_secs()).unwrap_or(u32::MAX),
            mercy: 0,
            ..Shutdown::default()
        },
        ..Config::release_default()
    }
}

/// Serves until a signal arrives. Then idle connections are closed at once, and requests in flight may finish within
/// a time limit.
async fn serve_until(signals: Signals, rocket: Rocket<Build>, streams: &App) -> Result<(), StartError> {
    // Managed state is dropped with the last connection.
    let (alive, ended) = oneshot::channel::<()>();
    let rocket = rocket.manage(alive).ignite().await.map_err(StartError::cannot_start)?;
    let shutdown = rocket.shutdown();
    let stop = async {
        signals.received().await;
        streams.end_streams();
        shutdown.notify();
        // Rocket closes its listener and notifies its connections. If any of them is still open then, Rocket sleeps
        // for the whole grace period, even if they all close earlier.
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    tokio::select! {
        served = rocket.launch() => return served.map(|_| ()).map_err(StartError::cannot_start),
        () = stop => {}
    }
    let _ = tokio::time::timeout(run::SHUTDOWN_TIMEOUT, ended).await;
    Ok(())
}
