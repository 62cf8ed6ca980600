//! A demo application as a process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Client, Request, Response};
use crate::matrix::Combination;
use crate::{audit, build, seed};

const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(5);

/// A directory and a store that demo processes are started on: one after the other, or several at once where the store
/// can be shared.
pub struct Deployment {
    /// The framework and the store.
    pub combination: Combination,
    directory: TempDir,
    store: String,
}

impl Deployment {
    /// A new one, with an empty store.
    ///
    /// # Panics
    /// If the store is not available.
    pub fn new(combination: Combination) -> Arc<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = (combination.store.url)(directory.path()).expect("the store is available");
        Arc::new(Self { combination, directory, store })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The value of `GRIDAUTH_STORE`.
    pub fn store(&self) -> &str {
        &self.store
    }
}

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Options {
    label: String,
    env: Vec<(String, Option<String>)>,
    seed: Option<String>,
}

impl Options {
    /// A free port, the standard seed, the deployment's store, logs at level `trace`, and time windows long enough for a
    /// slow machine.
    pub fn new(label: &str) -> Self {
        // On a busy machine a case must not reach the end of a window by accident.
        let unhurried = [("GRIDAUTH_REFRESH_GRACE", "600"), ("GRIDAUTH_CODE_TTL", "600")];
        let env = unhurried.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).to_vec();
        Self { label: label.to_owned(), env, seed: Some(seed::standard().to_string()) }
    }

    /// With this variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Without this variable, which is set by default.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.env.push((name.to_owned(), None));
        self
    }

    /// With this seed.
    #[must_use]
    pub fn seed(self, seed: &Value) -> Self {
        self.seed_text(seed.to_string())
    }

    /// With a seed file of this text.
    #[must_use]
    pub fn seed_text(mut self, text: String) -> Self {
        self.seed = Some(text);
        self
    }

    /// Without a seed file.
    #[must_use]
    pub fn no_seed(mut self) -> Self {
        self.seed = None;
        self
    }
}

/// A process that has exited by itself.
#[derive(Debug)]
pub struct Exit {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A running demo application. It is killed when this is dropped; its log is kept for the audit.
pub struct Demo {
    /// What it was started on.
    pub deployment: Arc<Deployment>,
    /// An HTTP client for it.
    pub client: Client,
    /// The path of its issuer, which precedes every path below `/oauth`.
    pub base: String,
    /// Its issuer.
    pub issuer: String,
    process: Process,
}

impl Demo {
    /// Starts one and waits until it listens.
    ///
    /// # Panics
    /// If it exits before that.
    #[track_caller]
    pub fn start(deployment: &Arc<Deployment>, options: &Options) -> Self {
        match Self::try_start(deployment, options) {
            Ok(demo) => demo,
            Err(exit) => {
                panic!("{}: exited with {}: {}", options.label, exit.status, last_lines(&exit.stderr))
            }
        }
    }

    /// Starts one that may exit before it listens.
    ///
    /// # Errors
    /// How it exited.
    ///
    /// # Panics
    /// If it neither listens nor exits.
    pub fn try_start(deployment: &Arc<Deployment>, options: &Options) -> Result<Self, Box<Exit>> {
        let mut process = Process::spawn(deployment, options);
        let Some(line) = process.first_line() else {
            return Err(Box::new(process.wait()));
        };
        let address: SocketAddr = line
            .strip_prefix("listening on http://")
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("not the line that says where it listens: {line:?}"));
        process.listened = true;
        let own =
            |name: &str| options.env.iter().rev().find(|(own, _)| own == name).and_then(|(_, v)| v.clone());
        let issuer = own("GRIDAUTH_ISSUER").unwrap_or_else(|| format!("http://{address}"));
        let base = issuer.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        Ok(Self { deployment: Arc::clone(deployment), client: Client { address }, base, issuer, process })
    }

    /// Starts one that must exit before it listens.
    ///
    /// # Panics
    /// If it listens.
    #[track_caller]
    pub fn start_refused(deployment: &Arc<Deployment>, options: &Options) -> Exit {
        match Self::try_start(deployment, options) {
            Ok(_) => panic!("{}: it started", options.label),
            Err(exit) => *exit,
        }
    }

    /// Starts one, and sends it a signal when its log has `said`, before it listens. Returns how it exited.
    ///
    /// # Panics
    /// If it listens, or says nothing of the kind, or does not exit.
    #[track_caller]
    pub fn signal_during_start(
        deployment: &Arc<Deployment>,
        options: &Options,
        said: &str,
        signal: Signal,
    ) -> Exit {
        let mut process = Process::spawn(deployment, options);
        let steps = PATIENCE.as_millis() / STEP.as_millis();
        let has_said = (0..steps).any(|_| {
            std::thread::sleep(STEP);
            process.stderr().contains(said)
        });
        assert!(has_said, "{}: {}", options.label, last_lines(&process.stderr()));
        process.signal(signal);
        let exit = process.wait();
        assert_eq!(exit.stdout, "", "{}: it listened", options.label);
        exit
    }

    /// Sends a request.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        self.client.send(request)
    }

    /// Sends a GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    /// The path of an endpoint of the authorization server.
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/oauth/{name}", self.base)
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it with SIGKILL.
    pub fn kill(self) {
        drop(self);
    }

    /// Waits until it has exited.
    ///
    /// # Panics
    /// If it does not exit.
    pub fn wait(mut self) -> Exit {
        self.process.wait()
    }

    /// Whether it has exited.
    ///
    /// # Panics
    /// If that cannot be determined.
    pub fn has_ended(&mut self) -> bool {
        self.process.child.try_wait().expect("the process is ours").is_some()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

struct Process {
    child: Child,
    label: String,
    combination: String,
    lines: Mutex<Receiver<String>>,
    stdout: Arc<Mutex<String>>,
    stderr: PathBuf,
    listened: bool,
    logged: bool,
    _deployment: Arc<Deployment>,
}

impl Process {
    fn spawn(deployment: &Arc<Deployment>, options: &Options) -> Self {
        let directory = deployment.path();
        let name = crate::random::unique("process");
        let stderr = directory.join(format!("{name}.log"));
        let mut command = Command::new(build::binary(deployment.combination.framework.package));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .env("GRIDAUTH_LISTEN", "127.0.0.1:0")
            .env("GRIDAUTH_STORE", deployment.store())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).expect("a file for the log"));
        if let Some(seed) = &options.seed {
            let path = directory.join(format!("{name}.json"));
            std::fs::write(&path, seed).expect("a seed file");
            command.env("GRIDAUTH_SEED", path);
        }
        for (name, value) in &options.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command.spawn().expect("the demo application starts");
        let output = child.stdout.take().expect("its output is piped");
        let (sender, lines) = channel();
        let stdout = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&stdout);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            label: options.label.clone(),
            combination: deployment.combination.name(),
            lines: Mutex::new(lines),
            stdout,
            stderr,
            listened: false,
            logged: false,
            _deployment: Arc::clone(deployment),
        }
    }

    /// The first line of its output; `None` if it exits without one.
    fn first_line(&mut self) -> Option<String> {
        match self.lines.get_mut().unwrap().recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{}: neither listens nor exits", self.label),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("the signal is sent");
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    fn wait(&mut self) -> Exit {
        let steps = PATIENCE.as_millis() / STEP.as_millis();
        for _ in 0..steps {
            if let Some(status) = self.child.try_wait().expect("the process is ours") {
                // Its last lines may still be in the pipe.
                while self.lines.get_mut().unwrap().recv_timeout(PATIENCE).is_ok() {}
                let stdout = self.stdout.lock().unwrap().clone();
                return Exit { status, stdout, stderr: self.stderr() };
            }
            std::thread::sleep(STEP);
        }
        panic!("{}: does not exit", self.label);
    }

    fn log(&mut self) {
        if !std::mem::replace(&mut self.logged, true) {
            audit::log(audit::Log {
                combination: self.combination.clone(),
                label: self.label.clone(),
                stdout: self.stdout.lock().map(|text| text.clone()).unwrap_or_default(),
                stderr: self.stderr(),
                listened: self.listened,
            });
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.log();
    }
}
