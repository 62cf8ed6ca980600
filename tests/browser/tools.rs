//! The tools that the browser tests need besides cargo: chromium, Node.js, and the modules of `package-lock.json`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

/// The files that pin the modules.
const PACKAGE: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// Names of the browser. The headless shell is the same engine and takes half the time.
const BROWSERS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/// The tools.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) chromium: PathBuf,
    pub(crate) node: PathBuf,
    /// The directory that contains `node_modules`.
    pub(crate) modules: PathBuf,
}

impl Tools {
    /// Finds the tools, and installs the modules below cargo's target directory unless they are there.
    ///
    /// The error says what is missing and how to get it.
    pub(crate) fn find() -> Result<Self, String> {
        let chromium = match std::env::var_os("GRIDAUTH_CHROMIUM") {
            Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
            None => BROWSERS.into_iter().find_map(in_path),
        };
        let chromium =
            chromium.ok_or("There is no chromium. On Debian: apt-get install chromium-headless-shell")?;
        let node = in_path("node").ok_or("There is no Node.js. On Debian: apt-get install nodejs npm")?;
        Ok(Self { chromium, node, modules: modules()? })
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// Cargo's target directory.
pub(crate) fn target_directory() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("cargo's directory for tests is in its target directory")
}

/// The directory of the scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Installs the modules once for each content of the lock file. An unfinished installation is never used.
fn modules() -> Result<PathBuf, String> {
    let shown = |error: std::io::Error| format!("The modules could not be installed: {error}");
    let mut hash = Sha256::new();
    for file in PACKAGE {
        hash.update(std::fs::read(scripts().join(file)).map_err(shown)?);
    }
    let key: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let tests = target_directory().join("tests");
    let finished = tests.join(format!("browser-{key}"));
    if finished.join("node_modules").is_dir() {
        return Ok(finished);
    }
    std::fs::create_dir_all(&tests).map_err(shown)?;
    let unfinished = tempfile::tempdir_in(&tests).map_err(shown)?;
    for file in PACKAGE {
        std::fs::copy(scripts().join(file), unfinished.path().join(file)).map_err(shown)?;
    }
    let npm = in_path("npm").ok_or("There is no npm. On Debian: apt-get install npm")?;
    let output = Command::new(npm)
        .args(["ci", "--no-progress"])
        .current_dir(unfinished.path())
        .stdin(Stdio::null())
        .output()
        .map_err(shown)?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("npm ci exited with {}:\n{}", output.status, told.trim_end()));
    }
    // If another process was faster, its directory serves as well.
    match std::fs::rename(unfinished.path(), &finished) {
        Ok(()) => {}
        Err(_) if finished.join("node_modules").is_dir() => {}
        Err(error) => return Err(shown(error)),
    }
    Ok(finished)
}
