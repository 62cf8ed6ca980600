//! The demo application on Rocket: an authorization server and guarded routes in one Rocket.
//!
//! `main` is what every program does around its Rocket; `routes` is where gridauth is used.

mod address;
mod as_sent;
mod finish;
mod routes;

use std::net::SocketAddr;
use std::process::ExitCode;

use gridauth_demo::run::{self, Signals};
use gridauth_demo::{App, Settings, Stop};
use rocket::config::{Config, Ident, LogLevel, Shutdown};
use rocket::fairing::AdHoc;
use rocket::shield::Shield;
use rocket::{Ignite, Rocket};

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
    let reserved = address::reserve(settings.listen).map_err(|error| {
        Stop::cannot_start(format_args!(
            "GRIDAUTH_LISTEN: {} cannot be listened on: {error}",
            settings.listen
        ))
    })?;
    let demo = App::start(&settings, reserved.address()).await?;
    let rocket = rocket::custom(config(reserved.address()))
        // The demo's answers are the same on every framework: Rocket adds no headers of its own.
        .attach(Shield::new())
        .attach(AdHoc::on_liftoff("announce", |rocket| {
            Box::pin(async { run::announce(SocketAddr::new(rocket.config().address, rocket.config().port)) })
        }))
        .attach(as_sent::fairing())
        .attach(finish::fairing())
        .attach(routes::stage(demo));
    let rocket = rocket.ignite().await.map_err(Stop::cannot_start)?;
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
async fn serve_until(signals: Signals, rocket: Rocket<Ignite>) -> Result<(), Stop> {
    let shutdown = rocket.shutdown();
    let out_of_time = async {
        signals.received().await;
        shutdown.notify();
        tokio::time::sleep(run::FINISH_WITHIN).await;
    };
    tokio::select! {
        served = rocket.launch() => served.map(|_| ()).map_err(Stop::cannot_start),
        () = out_of_time => Ok(()),
    }
}
