//! The binaries of the demo applications.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use serde_json::Value;

/// The binary of this package: from `GRIDAUTH_DEMO_BIN_DIR`, or built by cargo at the first call.
///
/// # Panics
/// If it cannot be built.
pub fn binary(package: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    if let Some(directory) = std::env::var_os("GRIDAUTH_DEMO_BIN_DIR") {
        return PathBuf::from(directory).join(package);
    }
    let mut built = BUILT.lock().unwrap();
    built.entry(package.to_owned()).or_insert_with(|| build(package)).clone()
}

fn build(package: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--message-format=json-render-diagnostics",
            "--package",
            package,
            "--bin",
            package,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo could not build {package}");
    let text = String::from_utf8(output.stdout).unwrap();
    let executable =
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
            let named = message["target"]["name"] == package;
            message["executable"].as_str().filter(|_| named).map(PathBuf::from)
        });
    executable.unwrap_or_else(|| panic!("cargo built no binary {package}"))
}
