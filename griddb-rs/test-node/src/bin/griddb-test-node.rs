//! The simulator as a process of its own, for clients in other languages and for trying out an application.
//!
//! ```text
//! griddb-test-node [--port 10001] [--partitions 128] [--user admin] [--password admin] [--cluster gridauth]
//!                  [--log-write-mode 1] [--login-flaw] [--nodes 1] [--times 1]
//! ```
//!
//! Prints one line when it listens. With more than one node, all ports are chosen freely and the line lists them.
//! `--times` scales the delays of a cluster, as a percentage of a real cluster's.
//!
//! It reads commands from its input: `crash 0` (kills and restarts), `kill 0`, `restart 0`, `pause 0` and
//! `wake 0`, where 0 is the node. Data are kept in memory only.

use griddb_test_node::{ClusterOptions, LogWrite, Options, TestCluster, TestNode};
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match parse(std::env::args().skip(1)) {
        Ok(setup) => run(setup).await,
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            drop(writeln!(std::io::stderr(), "griddb-test-node: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// The parsed arguments.
struct Setup {
    options: Options,
    nodes: usize,
    times: u32,
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

async fn run(setup: Setup) -> Result<(), String> {
    let mut commands = commands();
    if setup.nodes == 1 {
        let node = TestNode::start(setup.options).await.map_err(text)?;
        writeln!(std::io::stdout(), "griddb-test-node listens on {}", node.address()).map_err(text)?;
        while let Some((command, _)) = commands.recv().await {
            match command.as_str() {
                "crash" => node.crash_and_restart().await.map_err(text)?,
                "kill" => node.crash().await.map_err(text)?,
                "restart" => node.restart().map_err(text)?,
                "pause" => node.pause(),
                "wake" => node.wake(),
                _ => {}
            }
        }
        return std::future::pending().await;
    }
    let cluster = TestCluster::start(setup.nodes, times(setup.options, setup.times)).await.map_err(text)?;
    let addresses: Vec<_> = cluster.nodes().iter().map(|node| node.address().to_string()).collect();
    writeln!(std::io::stdout(), "griddb-test-node listens on {}", addresses.join(",")).map_err(text)?;
    while let Some((command, node)) = commands.recv().await {
        if node >= cluster.nodes().len() {
            continue;
        }
        match command.as_str() {
            "kill" => cluster.kill(node).await.map_err(text)?,
            "restart" => cluster.restart(node).map_err(text)?,
            "pause" => cluster.pause(node),
            "wake" => cluster.wake(node),
            _ => {}
        }
    }
    std::future::pending().await
}

/// The delays of a cluster, as a percentage of the measured ones.
fn times(options: Options, factor: u32) -> ClusterOptions {
    let times = |millis: u64| Duration::from_millis(millis) * factor;
    ClusterOptions::new(options)
        .takeover(times(130))
        .master_loss(times(150))
        .election(times(50))
        .quorum_loss(times(100))
        .demotion(times(60))
        .rejoin(times(50))
        .catch_up(times(70))
}

/// One command: the word and the node.
fn commands() -> mpsc::UnboundedReceiver<(String, usize)> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let mut words = line.split_whitespace();
            let command = words.next().unwrap_or_default().to_owned();
            let node = words.next().and_then(|node| node.parse().ok()).unwrap_or(0);
            if sender.send((command, node)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Setup, String> {
    let (mut user, mut password) = ("admin".to_owned(), "admin".to_owned());
    let mut setup = Setup { options: Options::new().port(10001), nodes: 1, times: 1 };
    while let Some(name) = arguments.next() {
        let options = setup.options.clone();
        if name == "--login-flaw" {
            setup.options = options.login_flaw(true);
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u32>().map_err(|_| format!("{name} needs a number"));
        match name.as_str() {
            "--port" => {
                setup.options = options.port(u16::try_from(number()?).map_err(|_| "--port is too large")?);
            }
            "--partitions" => setup.options = options.partitions(number()?),
            "--user" => user = value,
            "--password" => password = value,
            "--cluster" => setup.options = options.cluster(&value),
            "--nodes" => setup.nodes = usize::try_from(number()?.clamp(1, 16)).unwrap_or(1),
            "--times" => setup.times = number()?.clamp(1, 1000),
            "--log-write-mode" => {
                setup.options = options.log_write(match value.as_str() {
                    "0" | "-1" => LogWrite::EveryCommit,
                    _ => LogWrite::Every(Duration::from_secs(u64::from(number()?))),
                });
            }
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    setup.options = setup.options.user(&user, &password);
    Ok(setup)
}
