//! What a guard costs: the same handler with and without it, in the same server, by turns.

use std::sync::Arc;

use super::{directory, elsewhere, ours, peers};
use crate::jobs::{Issue, Visit};
use crate::load::{Figures, drive, median, warm_up};
use crate::{Result, Settings, table};

/// Each run is cut into so many, so that what else the machine does meets all handlers alike.
const SLICES: usize = 4;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    table::head("handler");
    let mut ratios = Vec::new();
    let candidates = ours(&directory).into_iter().chain(elsewhere()).chain(peers());
    for candidate in candidates.filter(|candidate| candidate.name.contains(&settings.only)) {
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
            let mut of_neighbours: Vec<f64> =
                runs[0].iter().zip(guarded).map(|(open, guarded)| guarded.per_second / open.per_second).collect();
            of_neighbours.sort_by(f64::total_cmp);
            let at = |share: usize| of_neighbours[(of_neighbours.len() * share / 4).min(of_neighbours.len() - 1)];
            ratios.push(format!(
                "{}: {path} has {:.3} of the throughput of /open ({:.3} to {:.3} in the middle half of the slices), and \
                 {:.3} by the server's CPU time; the server was busy {:.2} and {:.2} of the time",
                candidate.name,
                at(2),
                at(1),
                at(3),
                cpu(&runs[0]) / cpu(guarded),
                busy(guarded),
                busy(&runs[0]),
            ));
        }
    }
    println!("\n{}", ratios.join("\n"));
    Ok(())
}

/// The server's processor time for one request, over all slices: that of a single one is told in ticks too coarse for it.
fn cpu(runs: &[Figures]) -> f64 {
    let requests: f64 = runs.iter().map(|run| run.per_second).sum();
    runs.iter().map(|run| run.cpu_micros * run.per_second).sum::<f64>() / requests
}

/// How much of the time the server computed. Where it is much less than all of it, the clients were what limits.
fn busy(runs: &[Figures]) -> f64 {
    runs.iter().map(|run| run.cpu_micros * run.per_second / 1e6).sum::<f64>() / runs.len() as f64
}
