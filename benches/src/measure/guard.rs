//! What a guard costs: the same handler with and without it, in the same server, by turns.

use std::sync::Arc;

use super::{directory, elsewhere, ours, peers};
use crate::jobs::{Issue, Visit};
use crate::load::{drive, median, warm_up};
use crate::{Result, Settings, table};

/// Live tokens that the clients take turns with.
const TOKENS: usize = 8192;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    table::head("handler");
    let mut ratios = Vec::new();
    for candidate in ours(&directory).into_iter().chain(elsewhere()).chain(peers()) {
        let server = candidate.start(settings.spread).await?;
        let mut jobs = Issue::client_credentials(candidate.token_path, &server, settings.clients);
        let each = TOKENS / settings.clients;
        jobs.iter_mut().for_each(|job| job.keep = each);
        while jobs.iter().any(|job| job.tokens.len() < each) {
            jobs = warm_up(&server, jobs, settings).await?;
        }
        let tokens: Arc<[String]> = jobs.into_iter().flat_map(|job| job.tokens).collect();
        let mut paths = vec!["/open", "/guarded"];
        if candidate.what.starts_with("gridauth") {
            paths.push("/extracted");
        }
        let visit = |path| Visit::of(path, &tokens, settings.clients);
        for path in &paths {
            warm_up(&server, visit(path), settings).await?;
        }
        let mut runs = vec![Vec::new(); paths.len()];
        for _ in 0..settings.runs {
            for (path, runs) in paths.iter().zip(&mut runs) {
                runs.push(drive(&server, visit(path), settings.time).await?.0);
            }
        }
        let medians: Vec<_> = runs.iter().map(|runs| median(runs)).collect();
        for (path, figures) in paths.iter().zip(&medians) {
            table::figures(&format!("{}, {path}", candidate.name), *figures);
        }
        for (path, figures) in paths.iter().zip(&medians).skip(1) {
            ratios.push(format!(
                "{}: {path} has {:.3} of the throughput of /open, and {:.3} by the server's CPU time",
                candidate.name,
                figures.per_second / medians[0].per_second,
                medians[0].cpu_micros / figures.cpu_micros
            ));
        }
    }
    println!("\n{}", ratios.join("\n"));
    Ok(())
}
