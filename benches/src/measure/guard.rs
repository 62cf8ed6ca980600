//! The cost of a guard: the same handler with and without it, in the same server, alternating.

use std::sync::Arc;

use super::{directory, other_frameworks, ours, peers};
use crate::jobs::{Issue, Visit};
use crate::load::{Figures, connect, drive_on, median, warm_up};
use crate::{Result, Settings, table};

/// The slices of each run. Short slices make sure that other load on the machine affects all handlers alike.
const SLICES: usize = 20;

/// The unguarded handler. Every handler alternates with it; it also alternates with itself, which shows the noise.
const UNGUARDED: &str = "/open";

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    // A server has to wake a client that sleeps, and the slower the server, the more often clients sleep. That would count
    // against the guard, so the clients never sleep as long as they have their own core.
    if !settings.spread {
        tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
    }
    table::head("handler");
    let mut ratios = Vec::new();
    let candidates = ours(&directory).into_iter().chain(other_frameworks()).chain(peers());
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
        // The clients of all handlers use the same connections and tokens.
        let mut connections = connect(&server, settings.clients).await?;
        let visits = |path| Visit::of(path, &tokens, settings.clients);
        let mut open = visits(UNGUARDED);
        for path in paths {
            let (mut guarded, mut pairs) = (visits(path), Vec::new());
            for slice in 0..=settings.runs * SLICES {
                let time = settings.time / if slice == 0 { 4 } else { SLICES as u32 };
                let mut pair = [Figures::default(); 2];
                for side in if slice % 2 == 0 { [0, 1] } else { [1, 0] } {
                    let jobs = if side == 0 { &mut open } else { &mut guarded };
                    let own = std::mem::take(jobs);
                    (pair[side], *jobs) = drive_on(&mut connections, &server, own, time).await?;
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

/// The throughput of the guarded handler relative to the unguarded one.
fn compared(guarded: &[Figures], open: &[Figures]) -> String {
    let mut ratios: Vec<f64> =
        guarded.iter().zip(open).map(|(guarded, open)| guarded.per_second / open.per_second).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |quarter: usize| ratios[ratios.len() * quarter / 4];
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

/// The server's CPU time per request, over all slices: the ticks that it is measured in are too coarse for a single slice.
fn cpu(runs: &[Figures]) -> f64 {
    let requests: f64 = runs.iter().map(|run| run.per_second).sum();
    runs.iter().map(|run| run.cpu_micros * run.per_second).sum::<f64>() / requests
}

/// The share of time that the server was busy. If it is much less than 1, the clients were the bottleneck.
fn busy(runs: &[Figures]) -> f64 {
    runs.iter().map(|run| run.cpu_micros * run.per_second / 1e6).sum::<f64>() / runs.len() as f64
}
