//! The size of the file while grants are made, expire and are swept: it must stop growing.

use std::sync::Arc;
use std::time::Duration;

use gridauth::env::{ManualClock, Timestamp};
use gridauth::{GridAuth, MintRequest, Store};
use tokio::task::JoinSet;

use super::directory;
use crate::Result;

const ROUNDS: usize = 20;
const GRANTS: usize = 20_000;
const AT_ONCE: usize = 256;

pub(crate) async fn run() -> Result<()> {
    let directory = directory()?;
    let path = directory.path().join("churn.db");
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
    let auth = GridAuth::builder("http://127.0.0.1")
        .store(Store::open(&format!("file:{}", path.display())).await?)
        .clock(Arc::clone(&clock))
        .access_token_lifetime(Duration::from_secs(3600))
        .sweep_every(None)
        .build()
        .await?;
    println!(
        "| round | grants made | rows swept | the file, MB | its logs, MB |\n| ---: | ---: | ---: | ---: | ---: |"
    );
    for round in 1..=ROUNDS {
        let mut makers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let auth = auth.clone();
            makers.spawn(async move {
                for number in 0..GRANTS / AT_ONCE {
                    let request =
                        MintRequest::for_user(format!("user-{number}")).client("web").scope("notes.read");
                    auth.mint(request).await?;
                }
                Ok::<_, crate::Error>(())
            });
        }
        while let Some(made) = makers.join_next().await {
            made??;
        }
        // Half a lifetime: when a round is swept, the next one is live.
        clock.advance(Duration::from_secs(1801));
        let swept = auth.sweep().await?;
        let megabytes = |suffix: &str| -> Result<f64> {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            Ok(std::fs::metadata(name)?.len() as f64 / 1e6)
        };
        println!(
            "| {round} | {} | {swept} | {:.1} | {:.1} |",
            GRANTS / AT_ONCE * AT_ONCE,
            megabytes("")?,
            megabytes(".log1")? + megabytes(".log2")?,
        );
    }
    Ok(())
}
