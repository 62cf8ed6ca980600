//! Published OAuth clients, each run against every demo application.
//!
//! ```text
//! cargo test -p gridauth-conformance --test clients                           # every client, every framework
//! cargo test -p gridauth-conformance --test clients -- authlib/refresh        # cases with this in their name
//! GRIDAUTH_COMBINATIONS=axum/file cargo test -p gridauth-conformance --test clients  # another store
//! ```
//!
//! The clients in Python and Node need `python3` with `venv`, and `node` with `npm`; their libraries are installed below
//! cargo's target directory the first time. If that is not possible, these clients are skipped with a message; with
//! `GRIDAUTH_REQUIRE_CLIENTS=1` they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test suite: a case fails by panicking"
)]

mod languages;
mod program;
mod rust_oauth2;
mod site;
mod tools;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use gridauth_conformance::case::caught;
use gridauth_conformance::{Context, audit, build, matrix};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::languages::{BEHIND_A_PROXY, Client, LANGUAGES, Language};
use crate::program::{Failure, Program};
use crate::site::{Person, Site};
use crate::tools::Interpreter;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut combinations = matrix::combinations();
    if std::env::var_os("GRIDAUTH_COMBINATIONS").is_none() {
        // Stores are compared by the conformance suite; one is enough here.
        combinations.retain(|combination| combination.store.name == "memory");
    }
    if arguments.list {
        return libtest_mimic::run(&arguments, listed(&combinations)).exit_code();
    }
    for combination in &combinations {
        build::binary(combination.framework.package);
    }
    let interpreters = LANGUAGES.each_ref().map(|language| (language.prepare)().map(Arc::new));
    let warnings = warnings(&interpreters);
    warn(&warnings);
    let sites: Vec<Arc<Site>> =
        combinations.iter().map(|combination| Arc::new(Site::new(Context::new(*combination)))).collect();
    let mut trials = Vec::new();
    for (language, interpreter) in LANGUAGES.iter().zip(&interpreters) {
        for client in language.clients {
            let programs: Vec<Running> = sites.iter().map(|_| Running::default()).collect();
            for flow in client.flows {
                // Neighbouring trials use different processes, so that several run at once.
                for (site, running) in sites.iter().zip(&programs) {
                    trials.push(trial(client, flow, site, running, interpreter));
                }
            }
        }
    }
    trials.extend(sites.iter().flat_map(rust_trials));
    let clients = libtest_mimic::run(&arguments, trials);
    // This ends the processes, so that their logs are complete.
    drop(sites);
    let whole = Arguments { filter: None, skip: Vec::new(), exact: false, ..arguments };
    let audits = combinations.iter().flat_map(|combination| {
        let audit = |name, judge| audit::trial(&combination.name(), name, judge);
        [audit("no_process_panicked", audit::panics), audit("no_secret_is_in_a_log", audit::leaks)]
    });
    let audited = libtest_mimic::run(&whole, audits.collect());
    warn(&warnings);
    if clients.has_failed() || audited.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// A client program. Its first flow starts it.
type Running = Arc<Mutex<Option<Program>>>;

fn trial(
    client: &'static Client,
    flow: &'static str,
    site: &Arc<Site>,
    running: &Running,
    interpreter: &Result<Arc<Interpreter>, String>,
) -> Trial {
    let name = format!("{}/{}/{flow}", site.context.combination.name(), client.name);
    let interpreter = match interpreter {
        Ok(interpreter) => Arc::clone(interpreter),
        Err(why) => {
            let why = why.clone();
            return Trial::test(name, || Err(Failed::from(why))).with_ignored_flag(!required());
        }
    };
    let (site, running) = (Arc::clone(site), Arc::clone(running));
    Trial::test(name, move || {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        // A program that was lost in a flow is not reused.
        let mut program = running.take().unwrap_or_else(|| Program::start(&interpreter, client.script));
        let demo = if flow == BEHIND_A_PROXY { site.proxied() } else { site.direct() };
        let outcome = caught(|| program.go_through(flow, &mut Person::new(&site, demo)))?;
        if !matches!(outcome, Err(Failure::Lost(_))) {
            *running = Some(program);
        }
        outcome.map_err(|(Failure::Told(what) | Failure::Lost(what))| Failed::from(what))
    })
}

fn rust_trials(site: &Arc<Site>) -> Vec<Trial> {
    let trials = rust_oauth2::FLOWS.iter().map(|(flow, run)| {
        let site = Arc::clone(site);
        let name = format!("{}/oauth2/{flow}", site.context.combination.name());
        Trial::test(name, move || {
            caught(|| run(&mut Person::new(&site, site.proxied()))).map_err(Failed::from)
        })
    });
    trials.collect()
}

/// The names of the trials, without starting anything.
fn listed(combinations: &[matrix::Combination]) -> Vec<Trial> {
    let clients = LANGUAGES.iter().flat_map(|language| language.clients);
    let scripts = clients.flat_map(|client| client.flows.iter().map(|flow| (client.name, *flow)));
    let all: Vec<_> = scripts.chain(rust_oauth2::FLOWS.iter().map(|(flow, _)| ("oauth2", *flow))).collect();
    let of = |combination: &matrix::Combination| {
        let combination = combination.name();
        let name =
            |(client, flow): &(&str, &str)| Trial::test(format!("{combination}/{client}/{flow}"), || Ok(()));
        all.iter().map(name).collect::<Vec<Trial>>()
    };
    combinations.iter().flat_map(of).collect()
}

/// Whether a client that cannot run counts as a failure.
fn required() -> bool {
    std::env::var("GRIDAUTH_REQUIRE_CLIENTS").is_ok_and(|value| !matches!(value.as_str(), "" | "0"))
}

/// Which clients cannot run here, and why.
fn warnings(interpreters: &[Result<Arc<Interpreter>, String>]) -> Vec<String> {
    let word = if required() { "FAILING" } else { "SKIPPED" };
    let of = |(language, interpreter): (&Language, &Result<Arc<Interpreter>, String>)| {
        let why = interpreter.as_ref().err()?;
        let names: Vec<&str> = language.clients.iter().map(|client| client.name).collect();
        Some(format!(
            "{word}: every case of {}: {} cannot be set up: {why}",
            names.join(" and "),
            language.name
        ))
    };
    LANGUAGES.iter().zip(interpreters).filter_map(of).collect()
}

#[expect(clippy::print_stderr, reason = "skipped clients are reported even if everything passes")]
fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("\n{warning}\n");
    }
}
