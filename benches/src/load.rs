//! Concurrent clients, each of which sends its next request as soon as it has a response.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::http::{Answer, Connection};
use crate::process::Server;
use crate::{Result, Settings};

/// The requests of one client.
pub(crate) trait Job: Send + 'static {
    /// The next request; `None` if there is nothing left to do.
    fn request(&mut self, connection: &Connection) -> Option<&[u8]>;

    /// Checks the response.
    fn answered(&mut self, answer: &Answer<'_>) -> Result<()>;
}

/// The figures of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Responses per second.
    pub(crate) per_second: f64,
    /// The server's CPU time per request, in microseconds.
    pub(crate) cpu_micros: f64,
    /// The median latency, in milliseconds.
    pub(crate) median_millis: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub(crate) slow_millis: f64,
}

/// Opens one connection per client.
pub(crate) async fn connect(server: &Server, clients: usize) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(Connection::open(&server.address).await?);
    }
    Ok(connections)
}

/// Runs all jobs for `time`, and measures the server meanwhile.
pub(crate) async fn drive<J: Job>(
    server: &Server,
    jobs: Vec<J>,
    time: Duration,
) -> Result<(Figures, Vec<J>)> {
    let mut connections = connect(server, jobs.len()).await?;
    drive_on(&mut connections, server, jobs, time).await
}

/// Like [`drive`], on connections that stay open.
pub(crate) async fn drive_on<J: Job>(
    connections: &mut Vec<Connection>,
    server: &Server,
    jobs: Vec<J>,
    time: Duration,
) -> Result<(Figures, Vec<J>)> {
    let mut clients = JoinSet::new();
    let (cpu, start) = (server.cpu()?, Instant::now());
    for (mut job, mut connection) in jobs.into_iter().zip(connections.drain(..)) {
        clients.spawn(async move {
            let mut latencies = Vec::new();
            let mut sent = Instant::now();
            while sent.duration_since(start) < time {
                let Some(request) = job.request(&connection) else { break };
                let answer = connection.exchange(request).await?;
                job.answered(&answer)?;
                let now = Instant::now();
                latencies.push(u32::try_from(now.duration_since(sent).as_micros()).unwrap_or(u32::MAX));
                sent = now;
            }
            Ok::<_, crate::Error>((job, connection, latencies))
        });
    }
    let (mut jobs, mut latencies) = (Vec::new(), Vec::new());
    while let Some(client) = clients.join_next().await {
        let (job, connection, of_client) = client??;
        jobs.push(job);
        connections.push(connection);
        latencies.extend(of_client);
    }
    let (elapsed, cpu) = (start.elapsed(), server.cpu()? - cpu);
    latencies.sort_unstable();
    let at = |share: f64| -> Result<f64> {
        let index = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
        Ok(f64::from(*latencies.get(index).ok_or("nothing was answered")?) / 1000.0)
    };
    let count = latencies.len() as f64;
    let figures = Figures {
        per_second: count / elapsed.as_secs_f64(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / count,
        median_millis: at(0.5)?,
        slow_millis: at(0.99)?,
    };
    Ok((figures, jobs))
}

/// Warms the server up with `jobs`, so that first-time costs are not measured.
pub(crate) async fn warm_up<J: Job>(server: &Server, jobs: Vec<J>, settings: &Settings) -> Result<Vec<J>> {
    Ok(drive(server, jobs, settings.time.min(Duration::from_secs(1))).await?.1)
}

/// The median.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of each figure.
pub(crate) fn median(runs: &[Figures]) -> Figures {
    let middle = |of: fn(&Figures) -> f64| middle(runs.iter().map(of).collect());
    Figures {
        per_second: middle(|run| run.per_second),
        cpu_micros: middle(|run| run.cpu_micros),
        median_millis: middle(|run| run.median_millis),
        slow_millis: middle(|run| run.slow_millis),
    }
}
