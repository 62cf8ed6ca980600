//! Measures gridauth and its peers over HTTP. `README.md` describes the method and the results.
//!
//! Each server runs as its own process, one at a time, on one core; this process drives it from the other core. Everything
//! runs over the loopback, bounded in number and time.

#![allow(clippy::print_stdout, reason = "the figures go to standard output")]
#![allow(clippy::disallowed_methods, reason = "a measurement needs a real clock")]

mod http;
mod jobs;
mod load;
mod measure;
mod process;
mod serve;
mod table;

use std::process::ExitCode;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// The settings of a measurement.
#[derive(Clone, Debug)]
struct Settings {
    /// How long each run takes.
    time: Duration,
    /// The number of runs; the median counts.
    runs: usize,
    /// The number of concurrent clients.
    clients: usize,
    /// Whether server and clients may use all cores.
    spread: bool,
    /// The number of live tokens that the clients of a guard cycle through.
    tokens: usize,
    /// The number of grants, where a measurement needs many.
    grants: usize,
    /// Measures only servers with this in their name.
    only: String,
}

const USAGE: &str = "\
load WHAT [--seconds N] [--runs N] [--clients N] [--spread] [--tokens N] [--grants N] [--only NAME]

WHAT is one of
  guard      a guarded handler against the same one unguarded, here and in peers
  issue      access tokens by client credentials, here and in peers
  codes      codes redeemed for tokens
  rotation   refresh tokens rotated
  passwords  users signing in with a password
  idle       memory of axum-app before its first request
  start      start of axum-app with many live grants in its file, to the first guarded answer
  weight     bytes of a live grant, in memory and in the file
  churn      the file's size while grants come and expire
  griddb     guard and issue on the server that GRIDAUTH_TEST_GRIDDB names, with few grants and with many
--spread lets server and clients use all cores; by default each side has its own.
--tokens is for guard: live tokens that the clients cycle through.
--only is for guard: measures only the servers with this in their name, such as \"file\" or \"actix\".
Defaults: 3 seconds, 5 runs, 64 clients, a token for each of them, 1,000,000 grants.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", what, on, core] => serve::main(what, on, core.parse().ok()),
        ["weigh", kind, grants] => measure::weight::in_memory(kind, grants),
        [what, ref options @ ..] => settings(options).and_then(|settings| run(what, &settings)),
        [] => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&*error);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "errors go to standard error")]
fn print_error(error: &(dyn std::error::Error + Send + Sync)) {
    eprintln!("{error}");
}

fn settings(options: &[&str]) -> Result<Settings> {
    let mut settings = Settings {
        time: Duration::from_secs(3),
        runs: 5,
        clients: 64,
        spread: false,
        tokens: 0,
        grants: 1_000_000,
        only: String::new(),
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut text = || options.next().ok_or(USAGE);
        let mut number = || -> Result<usize> {
            let text = text()?;
            text.parse().map_err(|_| format!("{option} takes a number, not {text}").into())
        };
        match *option {
            "--seconds" => settings.time = Duration::from_secs(number()? as u64),
            "--runs" => settings.runs = number()?.max(1),
            "--clients" => settings.clients = number()?.max(1),
            "--tokens" => settings.tokens = number()?,
            "--grants" => settings.grants = number()?,
            "--spread" => settings.spread = true,
            "--only" => settings.only = (*text()?).to_owned(),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(settings)
}

fn run(what: &str, settings: &Settings) -> Result<()> {
    // The server runs on the first core, the clients on the second.
    if !settings.spread {
        process::pin(1)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match what {
            "guard" => measure::guard::run(settings).await,
            "issue" => measure::issue::run(settings).await,
            "codes" => measure::codes::run(settings).await,
            "rotation" => measure::rotation::run(settings).await,
            "passwords" => measure::passwords::run(settings).await,
            "idle" => measure::idle::run().await,
            "start" => measure::start::run(settings).await,
            "weight" => measure::weight::run(settings).await,
            "churn" => measure::churn::run().await,
            "griddb" => measure::griddb::run(settings).await,
            _ => Err(USAGE.into()),
        }
    })
}
