//! Interpreters with the client libraries, set up below cargo's target directory at the first use.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// How long an installation may take, in steps of a twentieth of a second.
const STEPS: u32 = 20 * 600;
const STEP: Duration = Duration::from_millis(50);

/// The oldest release of Node that the libraries run on.
const NODE: u32 = 20;

/// An interpreter of scripts.
pub(crate) struct Interpreter {
    pub(crate) command: PathBuf,
    /// The directory of the scripts.
    pub(crate) scripts: PathBuf,
    _copies: Option<TempDir>,
}

/// Python in a virtual environment with the packages of `requirements.txt`.
pub(crate) fn python() -> Result<Interpreter, String> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python");
    let requirements = scripts.join("requirements.txt");
    let version = output(Command::new("python3").args(["-c", "import ensurepip, sys; print(sys.version)"]))?;
    let key = key(&[version.as_bytes(), &read(&requirements)?]);
    let directory = once("python", &key, |directory| {
        output(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
        output(Command::new(directory.join("bin/python")).args(pip).arg(&requirements))
    })?;
    Ok(Interpreter { command: directory.join("bin/python"), scripts, _copies: None })
}

/// Node with the modules of `package-lock.json`.
pub(crate) fn node() -> Result<Interpreter, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/node");
    let version = output(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < NODE) {
        return Err(format!("node {} is older than {NODE}", version.trim()));
    }
    let (package, lock) = (read(&sources.join("package.json"))?, read(&sources.join("package-lock.json"))?);
    let directory = once("node", &key(&[&package, &lock]), |directory| {
        fs::create_dir_all(directory).map_err(said)?;
        fs::write(directory.join("package.json"), &package).map_err(said)?;
        fs::write(directory.join("package-lock.json"), &lock).map_err(said)?;
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        output(Command::new("npm").args(npm).current_dir(directory))
    })?;
    // Node looks for modules beside the script and above it, and nothing is installed inside the repository.
    let copies = tempfile::tempdir_in(&directory).map_err(said)?;
    for entry in fs::read_dir(&sources).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if path.extension().is_some_and(|extension| extension == "mjs") {
            fs::copy(&path, copies.path().join(path.file_name().unwrap_or_default())).map_err(said)?;
        }
    }
    Ok(Interpreter { command: "node".into(), scripts: copies.path().to_owned(), _copies: Some(copies) })
}

/// The directory of this key, which the first process that needs it fills by `install`.
fn once(
    language: &str,
    key: &str,
    install: impl FnOnce(&Path) -> Result<String, String>,
) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("."));
    let directory = target.join("tests").join(language);
    fs::create_dir_all(&directory).map_err(said)?;
    let lock = File::create(directory.join(format!("{key}.lock"))).map_err(said)?;
    lock.lock().map_err(said)?;
    let (folder, installed) = (directory.join(key), directory.join(format!("{key}.installed")));
    if !installed.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(said)?;
        }
        install(&folder)?;
        File::create(installed).map_err(said)?;
    }
    Ok(folder)
}

fn key(parts: &[&[u8]]) -> String {
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a command to its end and returns its standard output.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (mut out, mut err) = (tempfile::tempfile().map_err(said)?, tempfile::tempfile().map_err(said)?);
    command.stdin(Stdio::null());
    command.stdout(out.try_clone().map_err(said)?).stderr(err.try_clone().map_err(said)?);
    let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    for _ in 0..STEPS {
        if let Some(status) = child.try_wait().map_err(said)? {
            if status.success() {
                return written(&mut out);
            }
            let what = [written(&mut out)?, written(&mut err)?].concat();
            return Err(format!("{name}: {status}: {}", what.trim()));
        }
        std::thread::sleep(STEP);
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("{name}: it did not exit"))
}

fn written(file: &mut File) -> Result<String, String> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(said)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn said(error: std::io::Error) -> String {
    error.to_string()
}
