//! Access tokens by client credentials.

use super::{directory, ours, peers};
use crate::jobs::Issue;
use crate::load::{Figures, drive, median, warm_up};
use crate::process::Server;
use crate::{Result, Settings, table};

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    let candidates: Vec<_> = ours(&directory).into_iter().chain(peers()).collect();
    let mut servers: Vec<(Server, Vec<Figures>)> = Vec::new();
    for candidate in &candidates {
        let server = candidate.start(settings.spread).await?;
        warm_up(
            &server,
            Issue::client_credentials(candidate.token_path, &server, settings.clients),
            settings,
        )
        .await?;
        servers.push((server, Vec::new()));
    }
    for _ in 0..settings.runs {
        for (candidate, (server, runs)) in candidates.iter().zip(&mut servers) {
            let jobs = Issue::client_credentials(candidate.token_path, server, settings.clients);
            runs.push(drive(server, jobs, settings.time).await?.0);
        }
    }
    table::head("access tokens");
    let medians: Vec<_> = servers.iter().map(|(_, runs)| median(runs)).collect();
    for (candidate, figures) in candidates.iter().zip(&medians) {
        table::figures(candidate.name, *figures);
    }
    println!(
        "\nThe file gives {:.3} of the tokens per second that memory gives",
        medians[1].per_second / medians[0].per_second
    );
    Ok(())
}
