//! gridauth under Rocket, as its documentation shows it.

use gridauth_rocket::{Access, GridAuthExt};
use rocket::config::{Config, LogLevel};
use rocket::fairing::AdHoc;
use rocket::{get, routes};

use super::gridauth::{NotesRead, server};
use crate::Result;

/// Serves until the process is stopped.
pub(super) async fn serve(store: &str) -> Result<()> {
    let (auth, authorization) = server(store).await?;
    let config = Config { port: 0, log_level: LogLevel::Off, ..Config::release_default() };
    rocket::custom(config)
        .attach(auth.fairing())
        .attach(AdHoc::on_liftoff("address", move |rocket| {
            Box::pin(async move {
                let Config { address, port, .. } = rocket.config();
                println!("listening on http://{address}:{port} {authorization}");
            })
        }))
        .mount("/", routes![open])
        .mount("/", auth.require("notes.read", routes![guarded]))
        .mount("/", routes![extracted])
        .launch()
        .await?;
    Ok(())
}

#[get("/guarded")]
async fn guarded() -> &'static str {
    super::BODY
}

#[get("/extracted")]
async fn extracted(_access: Access<NotesRead>) -> &'static str {
    super::BODY
}

#[get("/open")]
async fn open() -> &'static str {
    super::BODY
}
