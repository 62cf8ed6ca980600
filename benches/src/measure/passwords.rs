//! Users signing in with a password. The cost is that of argon2id at its default settings.

use super::{directory, ours};
use crate::jobs::Issue;
use crate::load::{drive, median, warm_up};
use crate::{Result, Settings, table};

/// The number of concurrent users: more would only wait.
const PEOPLE: usize = 4;

pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let directory = directory()?;
    table::head("sign-ins");
    for candidate in ours(&directory) {
        let server = candidate.start(settings.spread).await?;
        warm_up(&server, Issue::password(&server, PEOPLE), settings).await?;
        let mut runs = Vec::new();
        for _ in 0..settings.runs {
            runs.push(drive(&server, Issue::password(&server, PEOPLE), settings.time).await?.0);
        }
        table::figures(candidate.name, median(&runs));
    }
    Ok(())
}
