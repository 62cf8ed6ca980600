//! What a guard costs: the same handler with and without it, in the same server, by turns.

use std::sync::Arc;

use super::{directory, elsewhere, ours, peers};
use crate::jobs::{Issue, Visit};
use crate::load::{Figures, drive, median, middle, warm_up};
use crate::{Result, Settings, table};

/// Each run is cut into so many, so that what else the machine does meets all handlers alike.
const SLICES: usize = 4;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    table::head("handler");
    let mut ratios = Vec::new();
    for candidate in ours(&directory).into_iter().chain(elsewhere()).chain(peers()) {
        let server = candidate.start(settings.spread).await?;
        let mut jobs = Issue::client_credentials(candidate.token_path, &server, settings.clients);
        let each = (settings.tokens / settings.clients).max(1);
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
        for slice in 0..settings.runs * SLICES {
            let mut turns: Vec<usize> = (0..paths.len()).collect();
            if slice % 2 == 1 {
                turns.reverse();
            }
            for turn in turns {
                runs[turn].push(drive(&server, visit(paths[turn]), settings.time / SLICES as u32).await?.0);
            }
        }
        for (path, runs) in paths.iter().zip(&runs) {
            table::figures(&format!("{}, {path}", candidate.name), median(runs));
        }
        for (path, guarded) in paths.iter().zip(&runs).skip(1) {
            let ratio = |of: fn(&Figures, &Figures) -> f64| {
                middle(runs[0].iter().zip(guarded).map(|(open, guarded)| of(open, guarded)).collect())
            };
            ratios.push(format!(
                "{}: {path} has {:.3} of the throughput of /open, and {:.3} by the server's CPU time",
                candidate.name,
                ratio(|open, guarded| guarded.per_second / open.per_second),
                ratio(|open, guarded| open.cpu_micros / guarded.cpu_micros),
            ));
        }
    }
    println!("\n{}", ratios.join("\n"));
    Ok(())
}
