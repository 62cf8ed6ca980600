//! gridauth on the GridDB server that `GRIDAUTH_TEST_GRIDDB` names, with few grants and with many.

use std::sync::Arc;

use gridauth::store::Kind;
use gridauth::{GridAuth, Store};
use griddb_rs::Client;

use super::Candidate;
use super::weight::mint;
use crate::jobs::{Issue, Visit};
use crate::load::{Job, drive, median, warm_up};
use crate::process::Server;
use crate::{Result, Settings, table};

/// The prefix of the containers that are created and dropped here.
const PREFIX: &str = "GRIDAUTH_BENCH_";
/// The number of containers that grants are spread over.
const GRANT_CONTAINERS: u8 = 16;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let Ok(server) = std::env::var("GRIDAUTH_TEST_GRIDDB") else {
        return Err("GRIDAUTH_TEST_GRIDDB names no server: griddb://USER:PASSWORD@HOST:PORT/CLUSTER".into());
    };
    let with =
        |options: &str| format!("{server}?prefix={PREFIX}&grant_containers={GRANT_CONTAINERS}{options}");
    drop_containers(&server).await?;
    let measured = measure(settings, &with(""), &with("&durability=server")).await;
    drop_containers(&server).await?;
    measured
}

async fn measure(settings: &Settings, url: &str, unsynced: &str) -> Result<()> {
    table::head("gridauth under axum, GridDB");
    let mut memory = Vec::new();
    for grants in [settings.clients.max(64), settings.grants] {
        // Making many grants is faster without waiting for the disk.
        let store = Store::open(unsynced).await?;
        let auth = GridAuth::builder("http://127.0.0.1").store(store).sweep_every(None).build().await?;
        let tokens: Arc<[String]> = mint(&auth, grants).await?.into();
        drop(auth);
        for (durability, url) in [("flush", url), ("server", unsynced)] {
            let on = Candidate { name: "", what: "gridauth", on: url.to_owned(), token_path: "/oauth/token" };
            let server = on.start(settings.spread).await?;
            let name = |what: &str| format!("{what}, {grants} grants, durability={durability}");
            if durability == "server" {
                for clients in [1, settings.clients] {
                    let jobs = || Visit::of("/guarded", &tokens, clients);
                    figures(&name(&format!("guard, {clients} at once")), &server, jobs, settings).await?;
                }
                let jobs = || Visit::of("/open", &tokens, settings.clients);
                figures(&name("no guard"), &server, jobs, settings).await?;
            }
            for clients in [1, settings.clients] {
                let jobs = || Issue::client_credentials(on.token_path, &server, clients);
                figures(&name(&format!("issue, {clients} at once")), &server, jobs, settings).await?;
            }
            memory.push(format!(
                "{}: {:.1} MB",
                name("memory of the application"),
                server.memory()? as f64 / 1e6
            ));
        }
    }
    println!("\n{}", memory.join("\n"));
    Ok(())
}

async fn figures<J: Job>(
    name: &str,
    server: &Server,
    jobs: impl Fn() -> Vec<J>,
    settings: &Settings,
) -> Result<()> {
    warm_up(server, jobs(), settings).await?;
    let mut runs = Vec::new();
    for _ in 0..settings.runs {
        runs.push(drive(server, jobs(), settings.time).await?.0);
    }
    table::figures(name, median(&runs));
    Ok(())
}

async fn drop_containers(server: &str) -> Result<()> {
    let client = Client::connect(server).await?;
    let grants = (0..GRANT_CONTAINERS).map(|number| format!("{PREFIX}GRANTS_{number:02}@{number}"));
    let others = Kind::ALL.into_iter().map(|kind| format!("{PREFIX}{}S", kind.name().to_uppercase()));
    for name in grants.chain(others).chain(["CUSTOM", "LAYOUT"].map(|name| format!("{PREFIX}{name}"))) {
        client.drop_collection(&name).await?;
    }
    client.close().await;
    Ok(())
}
