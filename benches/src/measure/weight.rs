//! The size of a live grant, in the file and in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gridauth::{GridAuth, MintRequest, Store};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::directory;
use crate::process::memory_of;
use crate::{Result, Settings};

/// The number of grants that are made concurrently.
const AT_ONCE: usize = 512;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    let path = directory.path().join("weight.db");
    let begun = Instant::now();
    let token = fill(&path, settings.grants).await?;
    let took = begun.elapsed();
    let size = std::fs::metadata(&path)?.len();
    println!("| {} live grants, an access token each | bytes each |\n| --- | ---: |", settings.grants);
    println!("| file | {:.0} |", size as f64 / settings.grants as f64);
    println!("| file, of which rows and indexes | {:.0} |", stored(&path)? as f64 / settings.grants as f64);
    for kind in ["minted", "read"] {
        let program = std::env::current_exe()?;
        let output =
            Command::new(program).args(["weigh", kind, &settings.grants.to_string()]).output().await?;
        println!("| memory, {kind} | {} |", String::from_utf8_lossy(&output.stdout).trim());
    }
    println!(
        "\nThe file was filled in {:.1} s; the last token is {} characters long",
        took.as_secs_f64(),
        token.len()
    );
    Ok(())
}

/// Makes this many live grants in the file at `path`; returns the last token.
pub(super) async fn fill(path: &Path, grants: usize) -> Result<String> {
    let store = Store::open(&format!("file:{}", path.display())).await?;
    let auth = GridAuth::builder("http://127.0.0.1").store(store).sweep_every(None).build().await?;
    Ok(mint(&auth, grants).await?.pop().ok_or("there is no token")?)
}

/// Makes this many grants, several concurrently; returns the last token of each maker.
pub(super) async fn mint(auth: &GridAuth, grants: usize) -> Result<Vec<String>> {
    let mut makers = JoinSet::new();
    for maker in 0..AT_ONCE {
        let auth = auth.clone();
        let count = grants / AT_ONCE + usize::from(maker < grants % AT_ONCE);
        makers.spawn(async move {
            let mut last = String::new();
            for number in 0..count {
                let user = format!("user-{}", (maker * 7919 + number) % 100_000);
                let request = MintRequest::for_user(user).client("web").scope("notes.read");
                last = auth.mint(request).await?.access_token.expose().to_owned();
            }
            Ok::<_, crate::Error>(last)
        });
    }
    let mut last = Vec::new();
    while let Some(token) = makers.join_next().await {
        last.push(token??);
    }
    last.retain(|token| !token.is_empty());
    Ok(last)
}

/// The number of bytes in use in the file.
fn stored(path: &Path) -> Result<u64> {
    let database = redb::Database::open(path)?;
    let stats = database.begin_write()?.stats()?;
    Ok(stats.stored_bytes() + stats.metadata_bytes())
}

/// Runs in its own process: makes grants in memory, and prints the size of one. If `kind` is `read`, each token is presented
/// once, so that its row is kept decoded.
pub(crate) fn in_memory(kind: &str, grants: &str) -> Result<()> {
    let grants: usize = grants.parse()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let auth =
            GridAuth::builder("http://127.0.0.1").store(Store::memory()).sweep_every(None).build().await?;
        let before = memory_of(std::process::id())?;
        let auth = Arc::new(auth);
        if kind == "read" {
            for number in 0..grants {
                let request = MintRequest::for_user(format!("user-{}", number % 100_000))
                    .client("web")
                    .scope("notes.read");
                let token = auth.mint(request).await?;
                let access =
                    auth.authenticate(&gridauth::http::BearerToken::new(token.access_token.expose())).await;
                access.map_err(|rejection| rejection.to_string())?;
            }
        } else {
            mint(&auth, grants).await?;
        }
        let after = memory_of(std::process::id())?;
        println!("{:.0}", after.saturating_sub(before) as f64 / grants as f64);
        Ok(())
    })
}
