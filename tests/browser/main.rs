//! A real browser goes through the pages of every demo application, at phone and desktop width.
//!
//! The browser is Debian's chromium, driven by the script `drive.mjs` beside this file. On the first framework, axe-core
//! checks the accessibility of each page, and screenshots go to `tests/screenshots/FRAMEWORK/WIDTH` below cargo's target
//! directory.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `GRIDAUTH_COMBINATIONS` | its frameworks are the ones visited, on the store `memory` |
//! | `GRIDAUTH_CHROMIUM` | the browser, if it is not in the `PATH` under one of its usual names |
//! | `GRIDAUTH_REQUIRE_BROWSER` | `1`: without a browser the tests fail; otherwise they are skipped with a message |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test suite: a case fails by panicking, and skipped tests are reported"
)]

mod run;
mod seed;
mod tools;

use std::process::ExitCode;
use std::sync::Arc;

use gridauth_conformance::case::caught;
use gridauth_conformance::matrix::{self, Framework};
use gridauth_conformance::{audit, build};
use libtest_mimic::{Arguments, Failed, Trial};

use self::run::{Run, WIDTHS};
use self::tools::Tools;

/// The scenarios of `scenarios.mjs`.
const SCENARIOS: &[&str] = &[
    "home",
    "sign_up",
    "sign_in_at_home",
    "sign_in",
    "wrong_password",
    "empty_fields",
    "keyboard_only",
    "consent",
    "consent_for_a_website",
    "consent_with_long_names",
    "allow",
    "deny",
    "remembered_consent",
    "form_post_without_script",
    "form_post_with_script",
    "redeemed_by_a_script",
    "unknown_client",
    "mismatching_redirect_uri",
    "expired_form",
    "too_many_tries",
    "no_page",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let frameworks = frameworks();
    let visits: Vec<(&Framework, usize)> = frameworks
        .iter()
        .flat_map(|framework| (0..WIDTHS.len()).map(move |width| (*framework, width)))
        .collect();
    let name = |(framework, width): (&Framework, usize), scenario: &str| {
        format!("{}/{}/{scenario}", framework.name, WIDTHS[width].name)
    };
    let is_wanted = |name: String| match &arguments.filter {
        Some(filter) if arguments.exact => name == *filter,
        Some(filter) => name.contains(filter),
        None => true,
    };
    let any_wanted =
        visits.iter().any(|visit| SCENARIOS.iter().any(|scenario| is_wanted(name(*visit, scenario))));
    let mut runs = Vec::new();
    if any_wanted && !arguments.list {
        match Tools::find() {
            Ok(tools) => {
                // All frameworks serve the same pages, byte for byte (`the_frameworks_responded_alike`), so one is enough.
                let closely = |framework: &Framework| framework.name == frameworks[0].name;
                runs = visits
                    .iter()
                    .map(|(framework, width)| {
                        Arc::new(Run::new(framework, *width, closely(framework), &tools))
                    })
                    .collect()
            }
            Err(reason) if report_missing_browser(&reason) => return ExitCode::from(101),
            Err(_) => {}
        }
    }
    for framework in frameworks.iter().filter(|_| !runs.is_empty()) {
        build::binary(framework.package);
    }
    let mut trials = Vec::new();
    // The visits alternate, so that two threads of the harness wait for two different visits.
    for scenario in SCENARIOS {
        trials.extend(visits.iter().enumerate().map(|(at, visit)| {
            let run = runs.get(at).cloned();
            let nowhere = run.is_none() && !arguments.list;
            Trial::test(name(*visit, scenario), move || {
                let run = run.ok_or("there is no browser")?;
                caught(|| run.outcome(scenario, SCENARIOS)).flatten().map_err(Failed::from)
            })
            .with_ignored_flag(nowhere)
        }));
    }
    let visited = libtest_mimic::run(&arguments, trials);
    if runs.is_empty() {
        return visited.exit_code();
    }
    for run in &runs {
        run.print_notes();
    }
    let whole = Arguments { filter: None, skip: Vec::new(), exact: false, ..arguments };
    let audited = libtest_mimic::run(&whole, frameworks.into_iter().map(no_panic).collect());
    if visited.has_failed() || audited.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// The frameworks of the chosen combinations.
fn frameworks() -> Vec<&'static Framework> {
    let combinations = matrix::combinations();
    matrix::FRAMEWORKS
        .iter()
        .filter(|framework| {
            combinations.iter().any(|combination| combination.framework.name == framework.name)
        })
        .collect()
}

/// Reports that the tests cannot run; returns whether that is a failure.
fn report_missing_browser(reason: &str) -> bool {
    let required = std::env::var_os("GRIDAUTH_REQUIRE_BROWSER").is_some_and(|value| value == "1");
    let line = "!".repeat(100);
    let verdict = if required {
        "FAILED: GRIDAUTH_REQUIRE_BROWSER=1 requires a browser."
    } else {
        "SKIPPED: every test in a real browser. No page was checked."
    };
    eprintln!("\n{line}\n!! {verdict}\n!! {reason}\n{line}\n");
    required
}

fn no_panic(framework: &'static Framework) -> Trial {
    Trial::test(format!("{}/audit/no_process_panicked", framework.name), move || {
        let found = audit::panics(&audit::logs_of(&run::combination(framework).name()));
        if found.is_empty() { Ok(()) } else { Err(Failed::from(found.join("\n"))) }
    })
}
