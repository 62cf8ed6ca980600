//! The demo application on Rocket: an authorization server and guarded routes in one Rocket.
//!
//! `main` is what every program does around its Rocket; `routes` is where gridauth is used.

mod address;
mod as_sent;
mod routes;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use gridauth_demo::run::{self, Signals};
use gridauth_demo::{App, Settings, Stop};
use rocket::config::{Config, Ident, LogLevel, Shutdown};
use rocket::fairing::AdHoc;
use rocket::shield::Shield;
use rocket::{Build, Rocket};
use tokio::sync::oneshot;

#[rocket::main]
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
    let reserved = address::reserve(settings.listen)?;
    let demo = App::start(&settings, reserved.address()).await?;
    let rocket = rocket::custom(config(reserved.address()))
        .attach(AdHoc::on_liftoff("announce", |rocket| {
            Box::pin(async { run::announce(SocketAddr::new(rocket.config().address, rocket.config().port)) })
        }))
        // The demo answers alike on every framework: nothing is added to an answer, nothing read into a request.
        .attach(Shield::new())
        .attach(as_sent::fairing())
        .attach(routes::stage(demo));
    serve_until(signals, rocket).await
}

fn config(address: SocketAddr) -> Config {
    Config {
        address: address.ip(),
        port: address.port(),
        ident: Ident::none(),
        // The log is tracing's, and Rocket's own would show tokens.
        log_level: LogLevel::Off,
        shutdown: Shutdown {
            // `Signals` listens for them.
            ctrlc: false,
            signals: [].into(),
            grace: u32::try_from(run::FINISH_WITHIN.as_secs()).unwrap_or(u32::MAX),
            mercy: 0,
            ..Shutdown::default()
        },
        ..Config::release_default()
    }
}

/// Serves until a signal comes. Idle connections are then closed at once, and requests in flight may finish, but not for
/// ever.
async fn serve_until(signals: Signals, rocket: Rocket<Build>) -> Result<(), Stop> {
    // What a Rocket manages is dropped with its last connection.
    let (alive, ended) = oneshot::channel::<()>();
    let rocket = rocket.manage(alive).ignite().await.map_err(Stop::cannot_start)?;
    let shutdown = rocket.shutdown();
    let told = async {
        signals.received().await;
        shutdown.notify();
        // Rocket closes its listener and tells its connections. If any is still open it then sleeps until their time is
        // over, even when they have long been done.
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    tokio::select! {
        served = rocket.launch() => return served.map(|_| ()).map_err(Stop::cannot_start),
        () = told => {}
    }
    let _ = tokio::time::timeout(run::FINISH_WITHIN, ended).await;
    Ok(())
}
