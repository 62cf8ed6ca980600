//! What a guard costs: the same handler with and without it, in the same server, by turns.

use std::sync::Arc;

use super::{directory, elsewhere, ours, peers};
use crate::jobs::{Issue, Visit};
use crate::load::{Figures, connect, drive_on, median, warm_up};
use crate::{Result, Settings, table};

/// Each run is cut into so many, so that what else the machine does meets all handlers alike.
const SLICES: usize = 20;

/// The unguarded handler, with which all take turns, and it with itself: by that one sees how exact the figures are.
const UNGUARDED: &str = "/open";

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    // A server that answers a client that sleeps has to wake it, and the slower the server the more often they sleep: that
    // would be counted against the guard, and is none of its doing. With a core of their own they need not sleep.
    if !settings.spread {
        tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
    }
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
        let mut paths = vec![UNGUARDED, "/guarded"];
        if candidate.what.starts_with("gridauth") {
            paths.push("/extracted");
        }
        // The clients of every handler ask on the same connections, with the same tokens.
        let mut connections = connect(&server, settings.clients).await?;
        let visits = |path| Visit::of(path, &tokens, settings.clients);
        let mut open = visits(UNGUARDED);
        for path in paths {
            let (mut guarded, mut pairs) = (visits(path), Vec::new());
            for slice in 0..=settings.runs * SLICES {
                let time = settings.time / if slice == 0 { 4 } else { SLICES as u32 };
                let mut pair = [Figures::default(); 2];
                for turn in if slice % 2 == 0 { [0, 1] } else { [1, 0] } {
                    let jobs = if turn == 0 { &mut open } else { &mut guarded };
                    let own = std::mem::take(jobs);
                    (pair[turn], *jobs) = drive_on(&mut connections, &server, own, time).await?;
                }
                // The first slice warms up.
                if slice > 0 {
                    pairs.push(pair);
                }
            }
            let [open, guarded] = [0, 1].map(|of| pairs.iter().map(|pair| pair[of]).collect::<Vec<_>>());
            table::figures(&format!("{}, {path}", candidate.name), median(&guarded));
            ratios.push(format!("{}: {path} has {}", candidate.name, compared(&guarded, &open)));
        }
    }
    println!("\n{}", ratios.join("\n"));
    Ok(())
}

/// What is left of the throughput of the unguarded handler.
fn compared(guarded: &[Figures], open: &[Figures]) -> String {
    let mut of_neighbours: Vec<f64> =
        guarded.iter().zip(open).map(|(guarded, open)| guarded.per_second / open.per_second).collect();
    of_neighbours.sort_by(f64::total_cmp);
    let at = |quarter: usize| of_neighbours[of_neighbours.len() * quarter / 4];
    format!(
        "{:.3} of the throughput of /open ({:.3} to {:.3} in the middle half of the slices), and {:.3} by the server's CPU \
         time; the server was busy {:.2} of the time, and {:.2} with /open",
        at(2),
        at(1),
        at(3),
        cpu(open) / cpu(guarded),
        busy(guarded),
        busy(open),
    )
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
