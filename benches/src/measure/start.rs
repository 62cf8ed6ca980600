//! The time from the start of axum-app to its first guarded response, with many live grants in its file.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::directory;
use super::idle::{axum_app, start, start_seeded};
use super::weight::fill;
use crate::http::Connection;
use crate::jobs::Issue;
use crate::load::drive;
use crate::{Result, Settings};

/// A client that can get tokens.
const SEED: &str = r#"{"clients": [{"client_id": "web", "client_secret": "web-secret", "scope": "notes.read",
    "grant_types": ["client_credentials"]}]}"#;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    axum_app()?;
    let directory = directory()?;
    let path = directory.path().join("start.db");
    let token = fill(&path, settings.grants).await?;
    let store = format!("file:{}", path.display());
    let seed = directory.path().join("seed.json");
    std::fs::write(&seed, SEED)?;
    println!(
        "{} live grants, {} MB\n\n| start of axum-app | to the first guarded answer, ms | memory then, MB |\n| --- | ---: | ---: |",
        settings.grants,
        std::fs::metadata(&path)?.len() / 1_000_000
    );
    for end in [End::Stopped, End::Killed, End::KilledWhileWriting] {
        let mut times = Vec::new();
        let mut memory = 0;
        for _ in 0..settings.runs {
            end.end_process(&store, &seed).await?;
            let begun = Instant::now();
            let server = start(&store).await?;
            let mut connection = Connection::open(&server.address).await?;
            let request = connection.get("/private", &format!("Bearer {token}"));
            connection.exchange(&request).await?.expect(200)?;
            times.push(begun.elapsed());
            memory = server.memory()?;
            server.stop().await?;
        }
        times.sort();
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        println!(
            "| {} | {:.1} (the slowest of {}: {:.1}) | {:.1} |",
            end.name(),
            median.as_secs_f64() * 1e3,
            times.len(),
            worst.as_secs_f64() * 1e3,
            memory as f64 / 1e6
        );
    }
    Ok(())
}

/// How the previous process ended.
#[derive(Clone, Copy)]
enum End {
    Stopped,
    Killed,
    KilledWhileWriting,
}

impl End {
    const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "after it was stopped",
            Self::Killed => "after kill -9 when it was quiet",
            Self::KilledWhileWriting => "after kill -9 as it was writing",
        }
    }

    /// Ends a process on this store in this way.
    async fn end_process(self, store: &str, seed: &Path) -> Result<()> {
        let mut server = start_seeded(store, seed).await?;
        if matches!(self, Self::Stopped) {
            return server.stop().await;
        }
        server.authorization = format!("Basic {}", STANDARD.encode("web:web-secret"));
        let jobs = Issue::client_credentials("/oauth/token", &server, 64);
        let writing = drive(&server, jobs, Duration::from_secs(2));
        if matches!(self, Self::Killed) {
            writing.await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            return server.kill().await;
        }
        let crash = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            server.crash()
        };
        let (written, crashed) = tokio::join!(writing, crash);
        crashed?;
        if written.is_ok() {
            return Err("the server did not exit".into());
        }
        server.kill().await
    }
}
