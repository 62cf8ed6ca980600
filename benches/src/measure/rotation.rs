//! Rotation of refresh tokens; each client rotates its own.

use super::codes::codes;
use super::{directory, ours};
use crate::jobs::{Redeem, Rotate};
use crate::load::{drive, median, warm_up};
use crate::{Result, Settings, table};

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    table::head("rotations");
    let mut per_second = Vec::new();
    for candidate in ours(&directory) {
        let server = candidate.start(settings.spread).await?;
        let codes = codes(&server, settings.clients, settings).await?.0;
        let jobs = codes.into_iter().map(|code| Redeem::new(&server, vec![code], true)).collect();
        let redeemed = drive(&server, jobs, settings.time * 20).await?.1;
        let tokens = redeemed.into_iter().map(|job| job.refresh_token.ok_or("there is no refresh token"));
        let jobs = tokens.map(|token| Ok(Rotate::new(&server, token?))).collect::<Result<Vec<_>>>()?;
        let mut jobs = warm_up(&server, jobs, settings).await?;
        let mut runs = Vec::new();
        for _ in 0..settings.runs {
            let run;
            (run, jobs) = drive(&server, jobs, settings.time).await?;
            runs.push(run);
        }
        table::figures(candidate.name, median(&runs));
        per_second.push(median(&runs).per_second);
    }
    println!("\nThe file rotates {:.3} of what memory rotates in a second", per_second[1] / per_second[0]);
    Ok(())
}
