//! Codes: issued to a browser in which a user is signed in, and redeemed with PKCE for an access and a refresh token.

use super::{Candidate, directory, ours};
use crate::jobs::{Authorize, Redeem};
use crate::load::{Figures, drive, median};
use crate::process::Server;
use crate::{Result, Settings, table};

/// The number of codes in a run.
const CODES: usize = 32_000;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    table::head("codes");
    let mut redeemed = Vec::new();
    for candidate in ours(&directory) {
        let server = candidate.start(settings.spread).await?;
        let (mut issued, mut redemptions) = (Vec::new(), Vec::new());
        for run in 0..=settings.runs {
            let (codes, authorize) = codes(&server, CODES, settings).await?;
            let share = codes.len().div_ceil(settings.clients);
            let jobs = codes.chunks(share).map(|codes| Redeem::new(&server, codes.to_vec(), false)).collect();
            let redeem = drive(&server, jobs, settings.time * 20).await?.0;
            // The first run warms the server up.
            if run > 0 {
                issued.push(authorize);
                redemptions.push(redeem);
            }
        }
        let Candidate { name, .. } = candidate;
        table::figures(&format!("{name}, issued"), median(&issued));
        table::figures(&format!("{name}, redeemed"), median(&redemptions));
        redeemed.push(median(&redemptions).per_second);
    }
    println!("\nThe file redeems {:.3} of what memory redeems in a second", redeemed[1] / redeemed[0]);
    Ok(())
}

/// Requests this many codes.
pub(super) async fn codes(
    server: &Server,
    codes: usize,
    settings: &Settings,
) -> Result<(Vec<String>, Figures)> {
    let share = codes.div_ceil(settings.clients);
    let jobs = (0..settings.clients).map(|_| Authorize::new(share)).collect();
    let (figures, jobs) = drive(server, jobs, settings.time * 20).await?;
    Ok((jobs.into_iter().flat_map(|job| job.codes).collect(), figures))
}
