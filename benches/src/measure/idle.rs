//! The memory of the demo application before its first request.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::directory;
use crate::Result;
use crate::process::Server;

pub(crate) async fn run() -> Result<()> {
    let directory = directory()?;
    println!("| axum-app, idle | resident memory, MB |\n| --- | ---: |");
    for (name, store) in [
        ("memory", "memory:".to_owned()),
        ("file", format!("file:{}", directory.path().join("idle.db").display())),
    ] {
        let server = start(&store).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        println!("| {name} | {:.1} |", server.memory()? as f64 / 1e6);
        server.stop().await?;
    }
    Ok(())
}

/// Starts axum-app on a store.
pub(super) async fn start(store: &str) -> Result<Server> {
    Server::of(command(store)?).await
}

/// Like [`start`], with users and clients from a seed file.
pub(super) async fn start_seeded(store: &str, seed: &Path) -> Result<Server> {
    let mut command = command(store)?;
    command.env("GRIDAUTH_SEED", seed);
    Server::of(command).await
}

fn command(store: &str) -> Result<Command> {
    let mut command = Command::new(axum_app()?);
    command.env("GRIDAUTH_LISTEN", "127.0.0.1:0").env("GRIDAUTH_STORE", store).env("RUST_LOG", "warn");
    Ok(command)
}

/// axum-app, built beside this program.
pub(super) fn axum_app() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let app = program.with_file_name("axum-app");
    if app.is_file() {
        Ok(app)
    } else {
        Err("build axum-app first: cargo build --release -p axum-app".into())
    }
}
