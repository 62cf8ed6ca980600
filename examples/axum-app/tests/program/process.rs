//! Starts the program and reports how it ended.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// A running program, in a directory of its own.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    log: Option<JoinHandle<String>>,
    pub(crate) address: SocketAddr,
    pub(crate) directory: TempDir,
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) log: String,
}

fn command(directory: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_axum-app"));
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GRIDAUTH_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env("GRIDAUTH_LISTEN", "127.0.0.1:0").envs(variables.iter().copied());
    command
}

/// Runs the program to its end, for starts that fail. A start that succeeds is killed; then the output says that it
/// listened.
pub(crate) fn run(directory: &Path, variables: &[(&str, &str)]) -> Ended {
    let mut child = command(directory, variables).spawn().unwrap();
    let mut output = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut output).unwrap();
    if !output.is_empty() {
        child.kill().unwrap();
    }
    let run = child.wait_with_output().unwrap();
    Ended { status: run.status, output, log: String::from_utf8(run.stderr).unwrap() }
}

impl Program {
    /// Starts the program and waits until it listens.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut child = command(directory.path(), variables).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        // A thread reads the log, so that the program never blocks on a full pipe.
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            errors.read_to_end(&mut log).unwrap();
            String::from_utf8(log).unwrap()
        });
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let Some(address) = line.trim_end().strip_prefix("listening on http://") else {
            panic!("the program does not start: {:?}", log.join());
        };
        Self { child, output, log: Some(log), address: address.parse().unwrap(), directory }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until the program has ended.
    pub(crate) fn end(mut self) -> Ended {
        let mut output = String::new();
        self.output.read_to_string(&mut output).unwrap();
        let status = self.child.wait().unwrap();
        Ended { status, output, log: self.log.take().unwrap().join().unwrap() }
    }

    /// Stops the program, and waits until it has ended.
    pub(crate) fn stop(self) -> Ended {
        self.signal("-TERM");
        self.end()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // For failed tests. A program that was waited for has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
