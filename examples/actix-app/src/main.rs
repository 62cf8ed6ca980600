//! The demo application on actix-web: an authorization server and guarded routes in one application.
//!
//! `main` is what every program does around its `App`; `routes` and the handlers are where gridauth is used.

mod routes;

use std::process::ExitCode;

use actix_web::HttpServer;
use gridauth_demo::run::{self, Signals};
use gridauth_demo::{App, Settings, Stop};
use tokio::sync::oneshot;

#[actix_web::main]
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
    let demo = App::start(&settings, address).await?;
    let (told, stopping) = oneshot::channel();
    let server = HttpServer::new(move || actix_web::App::new().configure(routes::routes(demo.clone())))
        .listen(listener)
        .map_err(Stop::cannot_start)?
        // Idle connections are closed at once then, and requests in flight may finish, but not for ever.
        .shutdown_signal(async move {
            signals.received().await;
            let _ = told.send(());
        })
        .shutdown_timeout(run::FINISH_WITHIN.as_secs())
        .run();
    run::announce(address);
    let out_of_time = async {
        let _ = stopping.await;
        tokio::time::sleep(run::FINISH_WITHIN).await;
    };
    tokio::select! {
        served = server => served.map_err(Stop::cannot_start),
        () = out_of_time => Ok(()),
    }
}
