//! A real browser goes through the pages of every demo application, at phone and desktop width.
//!
//! The browser is Debian's chromium, driven by the script `drive.mjs` beside this file; axe-core judges each page, and
//! the pictures that it takes are in `tests/screenshots/FRAMEWORK/WIDTH` below cargo's target directory.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `GRIDAUTH_CELLS` | the frameworks in it are the ones visited, on the store `memory` |
//! | `GRIDAUTH_CHROMIUM` | the browser, where it is not in the `PATH` under a name of its own |
//! | `GRIDAUTH_REQUIRE_BROWSER` | `1`: it is a failure where there is no browser; otherwise that is said and passed over |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test suite: an expectation that does not hold is how a case fails, and what is left out is said"
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

/// What `scenarios.mjs` plays.
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
    "unknown_client",
    "mismatching_redirect_uri",
    "expired_form",
    "too_many_tries",
    "no_page",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let frameworks = frameworks();
    // The runs take turns, so that two threads of the harness have two runs to wait for.
    let names: Vec<(&Framework, usize, &str)> = SCENARIOS
        .iter()
        .flat_map(|scenario| frameworks.iter().map(move |framework| (*framework, *scenario)))
        .flat_map(|(framework, scenario)| (0..WIDTHS.len()).map(move |width| (framework, width, scenario)))
        .collect();
    let name = |framework: &Framework, width: usize, scenario: &str| {
        format!("{}/{}/{scenario}", framework.name, WIDTHS[width].name)
    };
    let wanted = |name: String| match &arguments.filter {
        Some(filter) if arguments.exact => name == *filter,
        Some(filter) => name.contains(filter),
        None => true,
    };
    let wanted = names.iter().any(|(framework, width, scenario)| wanted(name(framework, *width, scenario)));
    let tools = if wanted && !arguments.list { Tools::find() } else { Err(String::new()) };
    if let (Err(reason), true, false) = (&tools, wanted, arguments.list) {
        if say_that_there_is_no_browser(reason) {
            return ExitCode::from(101);
        }
    }
    let runs: Vec<(&Framework, usize, Arc<Run>)> = match &tools {
        Ok(tools) => frameworks
            .iter()
            .flat_map(|framework| {
                build::binary(framework.package);
                (0..WIDTHS.len())
                    .map(|width| (*framework, width, Arc::new(Run::new(framework, width, tools))))
            })
            .collect(),
        Err(_) => Vec::new(),
    };
    let trials = names.into_iter().map(|(framework, width, scenario)| {
        let run = runs.iter().find(|(own, at, _)| own.name == framework.name && *at == width);
        let run = run.map(|(_, _, run)| Arc::clone(run));
        let ignored = run.is_none();
        Trial::test(name(framework, width, scenario), move || {
            let run = run.ok_or("there is no browser")?;
            caught(|| run.outcome(scenario, SCENARIOS)).and_then(|outcome| outcome).map_err(Failed::from)
        })
        .with_ignored_flag(ignored && !arguments.list)
    });
    let visited = libtest_mimic::run(&arguments, trials.collect());
    if arguments.list || runs.is_empty() {
        return visited.exit_code();
    }
    for (_, _, run) in &runs {
        run.tell_notes();
    }
    let whole = Arguments { filter: None, skip: Vec::new(), exact: false, ..arguments };
    let audited = libtest_mimic::run(&whole, frameworks.into_iter().map(no_panic).collect());
    if visited.has_failed() || audited.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// The frameworks of the cells that are to run.
fn frameworks() -> Vec<&'static Framework> {
    let cells = matrix::cells();
    matrix::FRAMEWORKS
        .iter()
        .filter(|framework| cells.iter().any(|cell| cell.framework.name == framework.name))
        .collect()
}

/// Says it so that nobody overlooks it, and whether it is a failure.
fn say_that_there_is_no_browser(reason: &str) -> bool {
    let required = std::env::var_os("GRIDAUTH_REQUIRE_BROWSER").is_some_and(|value| value == "1");
    let line = "!".repeat(100);
    let verdict = if required {
        "FAILED: GRIDAUTH_REQUIRE_BROWSER=1 asks for it."
    } else {
        "SKIPPED: every test in a real browser. No page has been looked at."
    };
    eprintln!("\n{line}\n!! {verdict}\n!! {reason}\n{line}\n");
    required
}

fn no_panic(framework: &'static Framework) -> Trial {
    Trial::test(format!("{}/audit/no_process_panicked", framework.name), move || {
        let found = audit::panics(&audit::logs_of(&run::cell(framework).name()));
        if found.is_empty() { Ok(()) } else { Err(Failed::from(found.join("\n"))) }
    })
}
