//! Runs the cases on every combination. The documentation of the package says how to choose what runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test suite: a case fails by panicking"
)]

mod account;
mod app_routes;
mod assertions;
mod authorize;
mod bad_input;
mod code;
mod cors;
mod device;
mod dpop;
mod exchange;
mod grants;
mod guard;
mod introspection;
mod jar;
mod jarm;
mod logout;
mod metadata;
mod mtls;
mod openid_flows;
mod outage;
mod pages;
mod par;
mod proofs;
mod races;
mod readme;
mod refresh;
mod registration;
mod resources;
mod revocation;
mod seeding;
mod slow;
mod start;
mod step_up;
mod throttle;
mod ticks;
mod token;

use std::process::ExitCode;

use gridauth_conformance::case::caught;
use gridauth_conformance::{Case, Context, audit, build, matrix, record};
use libtest_mimic::{Arguments, Failed, Trial};

/// The cases in which the database goes away. They run on stores whose database a case can start and crash itself.
const OUTAGE: (&str, &[Case]) = ("outage", outage::CASES);

/// The subjects, one file each.
const SUBJECTS: &[(&str, &[Case])] = &[
    ("readme", readme::CASES),
    ("start", start::CASES),
    ("seeding", seeding::CASES),
    ("metadata", metadata::CASES),
    ("authorize", authorize::CASES),
    ("pages", pages::CASES),
    ("code", code::CASES),
    ("par", par::CASES),
    ("jar", jar::CASES),
    ("jarm", jarm::CASES),
    ("token", token::CASES),
    ("openid_flows", openid_flows::CASES),
    ("cors", cors::CASES),
    ("grants", grants::CASES),
    ("device", device::CASES),
    ("exchange", exchange::CASES),
    ("refresh", refresh::CASES),
    ("resources", resources::CASES),
    ("registration", registration::CASES),
    ("revocation", revocation::CASES),
    ("introspection", introspection::CASES),
    ("assertions", assertions::CASES),
    ("account", account::CASES),
    ("guard", guard::CASES),
    ("dpop", dpop::CASES),
    ("mtls", mtls::CASES),
    ("app_routes", app_routes::CASES),
    ("ticks", ticks::CASES),
    ("step_up", step_up::CASES),
    ("logout", logout::CASES),
    ("slow", slow::CASES),
    ("throttle", throttle::CASES),
    ("races", races::CASES),
    ("bad_input", bad_input::CASES),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let combinations = matrix::combinations();
    if !arguments.list {
        if std::env::var_os("GRIDAUTH_TEST_GRIDDB").is_none() {
            say("SKIPPED: every case on a real GridDB: GRIDAUTH_TEST_GRIDDB names no server");
        }
        for combination in &combinations {
            build::binary(combination.framework.package);
        }
    }
    let contexts: Vec<Context> = combinations.iter().map(|combination| Context::new(*combination)).collect();
    let mut trials = Vec::new();
    for context in &contexts {
        let outage = context.combination.store.crashes.then_some(&OUTAGE);
        for (subject, cases) in SUBJECTS.iter().chain(outage) {
            let here = cases.iter().filter(|case| matrix::includes(&context.combination, subject, case.name));
            trials.extend(here.map(|case| trial(context, subject, *case)));
        }
    }
    let cases = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return cases.exit_code();
    }
    let slow = slow::ended();
    // This ends the processes, so that their logs are complete.
    drop(contexts);
    let cut_off = start::cut_off();
    let mut audits: Vec<Trial> =
        combinations.iter().flat_map(|combination| audits(&combination.name())).collect();
    audits.extend(cut_off.into_iter().map(|(combination, outcome)| {
        let name = format!("{combination}/audit/a_request_that_never_ends_is_cut_off");
        Trial::test(name, || outcome.map_err(Failed::from))
    }));
    audits.extend(slow.into_iter().enumerate().map(|(number, (combination, outcome))| {
        let name = format!("{combination}/audit/slow_request_{number}_is_ended");
        Trial::test(name, || outcome.map_err(Failed::from))
    }));
    audits.extend(matrix::STORES.iter().map(comparison));
    let whole = Arguments { filter: None, skip: Vec::new(), exact: false, ..arguments };
    let audited = libtest_mimic::run(&whole, audits);
    if cases.has_failed() || audited.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

fn trial(context: &Context, subject: &str, case: Case) -> Trial {
    let name = format!("{}/{subject}/{}", context.combination.name(), case.name);
    let context = context.clone();
    let key = format!("{subject}/{}", case.name);
    let run = move || {
        record::of_case(context.combination, &key, || caught(|| (case.run)(&context)).map_err(Failed::from))
    };
    Trial::test(name, run).with_kind(case.rule)
}

/// The checks that run once every process of a combination has exited.
fn audits(combination: &str) -> Vec<Trial> {
    vec![
        audit::trial(combination, "no_process_panicked", audit::panics),
        audit::trial(combination, "no_secret_is_in_a_log", audit::leaks),
        audit::trial(combination, "standard_output_has_the_one_line_of_the_start", |logs| {
            let odd = logs.iter().filter(|log| log.stdout.lines().count() != usize::from(log.listened));
            odd.map(|log| format!("{}: {:?}", log.label, log.stdout)).collect()
        }),
    ]
}

/// Whether the frameworks responded alike on this store. If fewer than two of them ran the same case, there was nothing to
/// compare, and the check counts as ignored, not as passed.
fn comparison(store: &'static matrix::StoreKind) -> Trial {
    let found = record::compare(store.name);
    let nothing = format!("nothing to compare on the store {}: fewer than two frameworks ran", store.name);
    let found_nothing = found.cases == 0;
    if found_nothing {
        say(&format!("SKIPPED: {nothing}"));
    } else {
        say(&format!(
            "on the store {}: {} responses of {} cases compared",
            store.name, found.answers, found.cases
        ));
    }
    let judge = move || match found {
        record::Comparison { cases: 0, .. } => Err(Failed::from(nothing)),
        found if found.differences.is_empty() => Ok(()),
        found => Err(Failed::from(found.differences.join("\n"))),
    };
    Trial::test(format!("*/{}/audit/the_frameworks_responded_alike", store.name), judge)
        .with_ignored_flag(found_nothing)
}

#[expect(clippy::print_stderr, reason = "skipped cases are reported even if everything passes")]
fn say(line: &str) {
    eprintln!("{line}");
}
