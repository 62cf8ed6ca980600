//! One demo application, visited at one width.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use gridauth_conformance::case::caught;
use gridauth_conformance::matrix::{Combination, Framework, STORES};
use gridauth_conformance::{Demo, Deployment, Options};
use serde_json::{Value, json};

use crate::seed;
use crate::tools::{Tools, scripts, target_directory};

/// A screen, in CSS pixels.
pub(crate) struct Width {
    /// Its name in the names of trials and directories.
    pub(crate) name: &'static str,
    /// Whether it is a touch screen with twice the density.
    phone: bool,
    width: u32,
    height: u32,
}

/// The screens.
pub(crate) const WIDTHS: [Width; 2] = [
    Width { name: "phone", phone: true, width: 375, height: 812 },
    Width { name: "desktop", phone: false, width: 1280, height: 800 },
];

/// The framework on the fastest store.
pub(crate) fn combination(framework: &'static Framework) -> Combination {
    let store = STORES.iter().find(|store| store.name == "memory").expect("a store in memory");
    Combination { framework, store }
}

/// The outcome of a scenario.
struct Outcome {
    /// Remarks that are not failures.
    notes: Vec<String>,
    verdict: Result<(), String>,
}

/// A visit, made when the outcome of its first scenario is needed.
pub(crate) struct Run {
    framework: &'static Framework,
    width: usize,
    /// Whether each page is also checked by axe-core and has its screenshot taken.
    closely: bool,
    tools: Tools,
    played: OnceLock<Result<BTreeMap<String, Outcome>, String>>,
}

impl Run {
    pub(crate) fn new(framework: &'static Framework, width: usize, closely: bool, tools: &Tools) -> Self {
        Self { framework, width, closely, tools: tools.clone(), played: OnceLock::new() }
    }

    /// The outcome of one of the scenarios that `all` names.
    pub(crate) fn outcome(&self, scenario: &str, all: &[&str]) -> Result<(), String> {
        let played =
            self.played.get_or_init(|| caught(|| self.play()).flatten()).as_ref().map_err(Clone::clone)?;
        if let Some(stranger) = played.keys().find(|name| !all.contains(&name.as_str())) {
            return Err(format!("{stranger} was played but is not in the list"));
        }
        played.get(scenario).ok_or_else(|| format!("{scenario} was not played"))?.verdict.clone()
    }

    /// Prints the remarks that are not failures.
    pub(crate) fn print_notes(&self) {
        let played = self.played.get().and_then(|played| played.as_ref().ok());
        for note in played.into_iter().flat_map(BTreeMap::values).flat_map(|outcome| &outcome.notes) {
            eprintln!("{}/{}: {note}", self.framework.name, WIDTHS[self.width].name);
        }
    }

    fn play(&self) -> Result<BTreeMap<String, Outcome>, String> {
        let width = &WIDTHS[self.width];
        let app = Demo::start(
            &Deployment::new(combination(self.framework)),
            &Options::new(&format!("browser {}", width.name)).seed(&seed::clients()),
        );
        let screenshots =
            target_directory().join("tests/screenshots").join(self.framework.name).join(width.name);
        let setting = json!({
            "origin": app.issuer,
            "phone": width.phone,
            "width": width.width,
            "height": width.height,
            "closely": self.closely,
            "chromium": self.tools.chromium,
            "modules": self.tools.modules,
            "screenshots": screenshots,
        });
        let mut node = Command::new(&self.tools.node)
            .arg(scripts().join("drive.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("Node.js does not start: {error}"))?;
        let mut input = node.stdin.take().expect("its input is piped");
        input.write_all(setting.to_string().as_bytes()).map_err(|error| error.to_string())?;
        drop(input);
        let output = node.wait_with_output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the browser's script exited with {}:\n{told}", output.status));
        }
        let lines = String::from_utf8_lossy(&output.stdout);
        lines.lines().map(outcome).collect()
    }
}

/// Reads a line of the script's output.
fn outcome(line: &str) -> Result<(String, Outcome), String> {
    let told: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let notes = told["notes"].as_array().into_iter().flatten().map(text).collect();
    let verdict = if told["ok"] == true { Ok(()) } else { Err(text(&told["error"])) };
    Ok((text(&told["scenario"]), Outcome { notes, verdict }))
}
